"""Tells whether a sentence asks, by its question mark, or by question words and word order where people leave the mark out.

Rules for English, German, Spanish, French, Italian, Portuguese, Russian, Arabic, Hindi, Chinese, Japanese, Korean and Thai; a rule of one
language is written so that it does not match the others'. They err towards telling: what is told is kept either way, and a statement
that is taken for a question would rank lower. Pure; feeds `acts`.
"""

from __future__ import annotations

import re
import unicodedata

from echorator.cognition.letters import HANGUL

_LONGEST = 400  # characters of a question without its mark that are looked at
_MARKS = "?\uff1f\u061f\u055e\u1367\u037e\u2e2e\u2047\u2048\u2049"
_FACES = "\u2600-\u27bf\U0001f000-\U0001faff\u200d\ufe0f"
_CLOSING = r"\"'\u201d\u2019\u00bb)\]\u300d\u300f!\uff01\u2026.\u3002\uff61\u0964\u06d4*_\u037e"
_TRAILING = re.compile(rf"(?:[\s{_CLOSING}{_FACES}]|[:;=][-']?[)(DPpOo])+$")
_QUOTED = re.compile(r"[\"\u201c\u00ab\u300c\u300e\u2018\u201e]")
_END_QUOTED = re.compile(r"[\"\u201d\u00bb\u300d\u300f\u2019\u201c]\W*$")
_SUBJECT = r"(?:i|you|he|she|it|we|they|my|your|his|her|our|their|there|this|that|these|those|anyone|anybody|someone|somebody|everyone)\b"
_LEAD = (
    r"^\W*(?:(?:so|and|but|hey|hi|hello|ok|okay|well|also|then|now|please|sorry|um|btw|by the way|und|aber|also|na|y|pero|entonces|oye|"
    r"et|mais|alors|dis|e|ma|allora|mas|então|а|и|но|ну|و|ف)\b[,:]?\s+)*"
)


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(_LEAD + rf"(?:{pattern})")


_VERB = (
    r"(?:is|are|am|was|were|do|does|did|can|could|would|will|should|shall|may|might|must|have|has|had|isn't|aren't|wasn't|don't|doesn't|"
    r"didn't|can't|couldn't|won't|shouldn't)\b"
)
_ENGLISH = (
    _rule(
        rf"(?:(?:to|for|with|from|at|in|on|of|by|about|since|until)\s+)?(?:what|who|whom|whose|which|where|when|why|how)"
        rf"(?:'s|\u2019s|s\b|'re|\u2019re|'d|\u2019d|(?:\s+(?!i\b|you\b|he\b|she\b|we\b|they\b"
        rf"|it\b)[\w'\u2019-]+){{0,4}}?\s+{_VERB})(?!.*,)"
    ),
    _rule(
        r"(?:what|how) about\b|why not\b|how come\b|what time\b|who (?:knows|told|said|called|gave|likes|lives|works"
        r"|wrote|made|won) .*\bmy\b"
    ),
    _rule(
        rf"(?:is|are|am|isn't|aren't|can|could|would|should|shall|can't|couldn't|wouldn't|shouldn't|won't|will"
        rf"|might)\s+(?:{_SUBJECT}|the\b)"
    ),
    _rule(r"(?:was|were|wasn't|weren't|has|hasn't|does|doesn't)\s+(?:i|you|he|she|it|we|they|my|your|his|her|our|their|there)\b"),
    _rule(r"(?:do|don't|did|didn't|have|haven't|had|hadn't|may|must)\s+(?:i|you|he|she|we|they)\b"),
    _rule(
        r"(?:(?:can|could|would|will) you |do you (?:know|remember|recall) |please )*(?:tell me|remind me|do you (?:know"
        r"|remember|recall)|say)"
        r"(?: again)?\s+(?:what|who|whose|which|where|when|why|how)\b"
    ),
)
_NAMED = re.compile(r"\W*(?:Is|Are|Was|Were|Does|Did|Has|is|are|was|were|does|did|has) [A-Z][\w-]+ ")
_ICH = r"(?:ich|du|er|sie|es|wir|ihr|man|mein\w*|dein\w*|unser\w*|seine?|ihre?|der|die|das|jemand)\b"
_GERMAN = (
    _rule(
        r"(?:(?:mit|von|für|bei|an|in|auf|aus|zu|nach|seit|bis|um|ab|über|vor|gegen|ohne)\s+)?"
        r"(?:was|wer|wen|wem|wessen|wo|woher|wohin|wann|warum|weshalb|wieso|wie|welche[rsnm]?|wie\s?viele?|wo(?:r\w+|mit"
        r"|von|für|zu|gegen|vor|bei|nach|durch))"
        r"\s+(?!(?:ich|du|er|sie|es|wir|ihr|man|mich|mir|dich|dir|uns|gesagt|immer|auch|ja|schon gesagt)\b)(?:(?<!was )"
        r"|(?!(?:an?|the|so|too|very|not|great|good|nice|really|fun|born|at|my|his|her)\b))(?!.*,).*\w"
    ),
    _rule(
        r"(?:hab|habe|hast|hat|haben|bin|bist|ist|sind|war|waren|kann|kannst|können|könntest|willst|wird|wirst|werden"
        r"|soll|sollte|sollen|muss|musst|darf"
        rf"|magst|möchtest|weißt|weisst|kennst|erinnerst|würdest|gibt|\w{{2,}}st(?= du\b)|\w{{2,}}e(?= ich\b)|heißt|heisst"
        rf"|wohne|wohnt|lebt|arbeitet|mag|spielt|fährt)\s+{_ICH}"
    ),
)
_SPANISH = (
    _rule(
        r"(?:(?:a|de|con|en|por|para|desde|hasta|sobre)\s+)?(?:qué|quién(?:es)?|cuál(?:es)?|cuándo|cuánt[oa]s?|dónde|adónde|cómo)\b"
        r"|(?:a\s+)?qu[eé]\s+(?:hora|día|dia)\b|(?:cual(?:es)?|quien(?:es)?|adonde|cuant[oa]s)\s+\w+"
        r"|donde\s+(?!\w+,)[^,]+$|como\s+(?:se|me|te)\s+llam"
    ),
)
_FRENCH = (
    _rule(
        r"(?:(?:à|de|d'|avec|en|par|pour|depuis|jusqu'à|dans|chez|sur)\s*)?(?:qu'?\s?est[- ]ce|est[- ]ce|quel(?:le)?s?\b"
        r"|comment\b|pourquoi\b|combien\b|où\b(?!.*,)"
        r"|quoi\b|lequel|laquelle|qui\s+(?:est|sont|a|m'|m\u2019|t'|vit|habite|fait)|quand\s+(?:est|sont|a|ai|as|avons"
        r"|dois|puis|part|commence|arrive|vient))"
    ),
    re.compile(
        r"^(?:[^\s,]+\s+){0,5}?(?!rendez-|dit-|dis-|fit-|peut-)[\w'\u2019]+-(?:t-)?(?:je|tu|il|elle|on|ils|elles)\b"
        r"|^(?:[^\s,]+\s+){0,3}(?:avez|êtes|pouvez|voulez|savez|avons|sommes|pouvons|allez|connaissez)-(?:vous|nous)\b"
    ),
    re.compile(r"\bc['\u2019]est\s+(?:quand|où|quoi|qui|comment|combien)\b|\b(?:où|quand|quoi|comment|combien)$|\b(?:a|ai|as)\s+quel\b"),
)
_ITALIAN = (
    _rule(
        r"(?:(?:a|di|da|in|con|per|su)\s+)?(?:che\s+(?:cosa|ora|ore|giorno|lavoro|tipo|macchina|lingua)\b|cosa\s+\w"
        r"|chi\s+\w|dove\s+[^,]+$|qual\s|quali?\s+\w|quant[oaie]\s+\w"
        r"|perché\s+[^,]+$|come\s+(?:si|mi|ti)\s+chiam|come\s+st|quando\s+(?:è|sono|ho|parte|devo|arriva|comincia|inizia|compie)\b)"
    ),
)
_PORTUGUESE = (
    _rule(
        r"(?:(?:a|de|com|em|por|para|desde|até)\s+)?(?:o\s+que\s+(?:é|eu|faço|foi|significa)\b|qual\b|quais\b|quem\s+\w"
        r"|onde\s+[^,]+$|por\s?qu[eê]\s+[^,]+$|quant[oa]s?\s+\w"
        r"|que\s+(?:horas|dia|língua|carro|tipo)\b|como\s+(?:me|se|te)\s+cham|como\s+(?:está|vai)\b|quando\s+(?:é|foi"
        r"|tenho|sai|parte|começa|chega)\b)"
    ),
)
_RUSSIAN = (
    _rule(
        r"(?:(?:с|со|в|во|на|о|об|у|к|для|от|из|до|по|за)\s+)?"
        r"(?:где|куда|откуда|почему|зачем|сколько|кто|кого|кому|кем|ком|что|чего|чему|чем|"
        r"какой|какая|какое|какие|каком|какую|каких|какого|чей|чья|чьё|когда|как)\s+(?!бы|ни|обычно|всегда)[^,]+$"
    ),
    re.compile(r"^\W*\w+\s+ли\s"),
)
_ARABIC = (
    _rule(
        r"(?:(?:من|الى|في|مع|عن|على|منذ|حتى|ل)\s*)?(?:هل|متى|اين|كيف|لماذا|ب?ماذا|كم|بكم|اي|ايه)\s"
        r"|من\s+(?:هو|هي|هم|الذي|انا|انت)\b"
        r"|ما\s+(?:هو|هي|هذا|هذه|اسمي?|لون|عمر|رقم|عنوان|كلمه|موعد|تاريخ|نوع|معنى|الذي|ال)"
    ),
)
_HINDI = re.compile(r"(?:^|\s)(?:क्या|कौन|कहाँ|कहां|कब|क्यों|कैसे|कैसा|कैसी|कितना|कितने|कितनी|किस|किसे|किसका|किसकी)(?=\s|$)")
_CHINESE = (
    re.compile("[吗嗎]$|(?:是不是|有没有|有沒有|能不能|会不会|會不會|要不要|好不好|对不对|可不可以|知不知道|记不记得|喜不喜欢)"),
    re.compile(
        "(?<!没)(?<!沒)(?<!不管)(?<!无论)(?:什么|什麼|甚么|谁|誰|哪(?!怕)|怎么|怎麼|怎样|怎樣|多少|为什么|為什麼|何时|几(?:点|岁|号|月|年级|楼|时)|幾(?:點|歲|號)|多大|多久|多远|多高)"
        "(?!都|也|的话|時候都|时候都|事都)"
    ),
    re.compile("知道|告诉你|明白|忘了|懂|记得为"),  # what makes an inner question a statement
)
_WHAT = "(?:何|誰|だれ|どこ|いつ(?!も)|なぜ|なんで|どうして|どの|どれ|どんな|どちら|どっち|いくつ|いくら|どうやって|どう(?![もぞや]))"
_JAPANESE = (
    re.compile("(?:です|ます|でした|ました|ません|でしょう|だろう|ない|った|いる|んだ|の)か$|っけ$|か[ねな]$|かい$|[いるただな]の$"),
    re.compile(rf"{_WHAT}(?!か|も|でも|とか)[^か。]*$"),
)
_KANA = re.compile("[\u3041-\u30ff]")
_THAI = (
    re.compile("(?:ไหม(?!้)|มั้ย|หรือเปล่า|รึเปล่า|หรือยัง|รึยัง|หรือไม่|ใช่ไหม|เหรอ|หรอ)(?:ครับ|คับ|คะ|ค่ะ|จ๊ะ|นะ)*$"),
    re.compile(
        "(?:(?<!ไม่มี)อะไร|(?<!ไม่มี)ใคร(?!่)|ที่ไหน|(?<=วัน)ไหน|(?<=คน)ไหน|(?<=ตัว)ไหน|ไหน$|เมื่อไหร่|เมื่อไร|ทำไม"
        "|อย่างไร|ยังไง|เท่าไหร่|เท่าไร|(?<!เ)กี่)(?!ก็|ๆ)"
    ),
)
_KOREAN = (
    re.compile("(?:나요|은가요|는가요|인가요|던가요|을까요?|ㄹ까요?|습니까|였지|더라|었지|했지|이지|냐|니)$"),
    re.compile(
        "(?:무엇(?!이든)|무슨|뭐(?!든)|뭘|뭔|누구(?!나)|누가|어디(?!나|든)|언제(?!나|든)|어떻게"
        "|어떤|어느|몇(?!몇| ?번이고)|얼마(?!나 )|왜(?!냐))"
        "[^,.]*(?:요|죠|지|까|니|나|어|야|냐|가)$"
    ),
)
_RIEUL, _PIEUP = 8, 17  # closing consonants
_HANGUL = re.compile(f"[{HANGUL}]")
_THAI_LETTER, _HAN, _CYRILLIC, _ARABIC_LETTER, _DEVANAGARI, _LATIN = (
    re.compile(f"[{ranges}]")
    for ranges in ("\u0e01-\u0e4e", "\u4e00-\u9fff", "\u0400-\u04ff", "\u0620-\u06d3", "\u0900-\u097f", "A-Za-z\u00c0-\u024f")
)
_MARKS_OF_ARABIC = re.compile("[\u0610-\u061a\u064b-\u065f\u0670ـ]")
_SAME_OF_ARABIC = str.maketrans("أإآٱة", "ااااه")


def asks(sentence: str) -> bool:
    """Return whether a sentence asks; a question that is quoted within a sentence, or that only ends it in quotes, does not."""
    text = sentence.strip()
    bare = text[: _trailing(text)]
    if bare[-1:] and bare[-1] in _MARKS:
        end_quoted = _END_QUOTED.match(text, len(bare)) is not None
        return not end_quoted or _QUOTED.match(text) is not None or _QUOTED.search(text) is None
    if text[:1] == "\u00bf" or "\u055e" in text:
        return True
    if text[-1:] in ("!", "\uff01") or not bare or len(bare) > _LONGEST:
        return False
    return _asks_by_words(bare)


def _trailing(text: str) -> int:
    """Return where what follows the last word and its question mark begins: quotation marks, faces, dots."""
    tail = text[-60:]
    found = _TRAILING.search(tail)
    return len(text) - len(tail) + found.start() if found else len(text)


def _asks_by_words(bare: str) -> bool:
    low = unicodedata.normalize("NFC", bare).lower()
    if _HANGUL.search(low):
        return any(rule.search(low) for rule in _KOREAN) or _formal_korean(low)
    if _KANA.search(low):
        return any(rule.search(low) for rule in _JAPANESE)
    if _HAN.search(low):
        return bool(_CHINESE[0].search(low)) or bool(_CHINESE[1].search(low) and not _CHINESE[2].search(low))
    if _THAI_LETTER.search(low):
        return any(rule.search(low) for rule in _THAI)
    if _ARABIC_LETTER.search(low):
        folded = _MARKS_OF_ARABIC.sub("", low.translate(_SAME_OF_ARABIC))
        return any(rule.match(folded) for rule in _ARABIC)
    if _DEVANAGARI.search(low):
        return _HINDI.search(low) is not None
    if _CYRILLIC.search(low):
        return any(rule.match(low) for rule in _RUSSIAN)
    if not _LATIN.search(low):
        return False
    rules = (*_ENGLISH, *_GERMAN, *_SPANISH, *_ITALIAN, *_PORTUGUESE)
    return any(rule.match(low) for rule in rules) or any(rule.search(low) for rule in _FRENCH) or _NAMED.match(bare) is not None


def _formal_korean(low: str) -> bool:
    """Return whether the sentence ends in a formal question: a syllable that ends in the consonant of "hamnikka", or one before "kka"."""
    if low.endswith("니까"):
        return _closing(low[-3:-2]) == _PIEUP
    return low.removesuffix("요").endswith("까") and _closing(low.removesuffix("요")[-2:-1]) == _RIEUL


def _closing(syllable: str) -> int:
    """Return the number of the consonant that closes a Korean syllable, 0 for none (Unicode 3.12); -1 for any other text."""
    place = ord(syllable) - 0xAC00 if syllable else -1
    return place % 28 if 0 <= place < 11_172 else -1
