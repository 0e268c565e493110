"""Tells what a German, Spanish or French sentence does beside telling."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.acts import CHAT

_MOST_CHAT = 160  # characters of small talk

_CHATS = {
    "de": (
        r"(?:hallo|hi|hey|moin|servus|na|guten (?:morgen|tag|abend)|gute nacht|tschüss|bis (?:bald|später|morgen)|"
        r"danke(?: .{0,20})?|vielen dank(?: .{0,20})?|ok|okay|alles klar|gut|super|toll|prima|genau|ja|nein|klar|stimmt|verstehe|"
        r"ich verstehe|cool|schade|kein problem|gerne?|bitte|entschuldigung|sorry|das ist (?:gut|toll|super|nett|schön)|"
        r"ich (?:denke|glaube) (?:schon|nicht)|wie schön|haha|hm+|na gut|sehr gut|perfekt|wow)"
    ),
    "es": (
        r"(?:hola|buenas|buenos días|buenas (?:tardes|noches)|adiós|hasta (?:luego|mañana|pronto)|"
        r"(?:muchas )?gracias(?: .{0,20})?|vale|ok|de acuerdo|bien|genial|perfecto|sí|no|claro|exacto|entiendo|ya veo|qué bien|"
        r"de nada|lo siento|perdón|jaja(?:ja)*|creo que (?:sí|no)|está bien|muy bien|suena bien|bueno)"
    ),
    "fr": (
        r"(?:bonjour|salut|coucou|bonsoir|bonne (?:nuit|journée|soirée)|au revoir|à (?:bientôt|demain|plus tard)|"
        r"merci(?: .{0,20})?|ok|d'accord|bien|super|génial|parfait|oui|non|bien sûr|exactement|je (?:vois|comprends)|de rien|"
        r"pardon|désolée?|haha|je (?:crois|pense) (?:que (?:oui|non)|pas)|ça (?:marche|va)|très bien|cool|bravo|c'est (?:bien|"
        r"super|cool|vrai))"
    ),
}
_SUPPOSES = {
    "de": (
        r"(?:angenommen|stell dir vor|stellen wir uns vor|nehmen wir an|mal angenommen|wenn ich .*(?:wäre|hätte|würde|könnte)|"
        r"ich wünschte|tu so|was wäre,? wenn|ich habe geträumt|ich träumte)"
    ),
    "es": r"(?:imagina|imagínate|supongamos|supón|digamos|ojalá|si (?:yo )?\w+(?:ara|iera|ase|iese)\b|qué pasaría si|finge|soñé)",
    "fr": (
        r"(?:imagine|imaginons|suppose|supposons|admettons|disons que|si j'(?:avais|étais|habitais)|si je \w+(?:ais|ait)\b|"
        r"et si\b|j'ai rêvé|fais comme si)"
    ),
}
_ORDERS = {
    "de": (
        r"(?:(?:bitte|hey|hallo|und|also|nun|jetzt)[, ]+)*(?:sag|sage|gib|schreib|schreibe|zeig|zeige|erklär|erkläre|übersetz|"
        r"übersetze|fasse?|nenn|nenne|erzähl|erzähle|hilf|mach|mache|finde?|such|suche|berechne|rechne|liste|antworte|verwende|"
        r"benutze|sprich|merk|merke|vergiss|lösche?|notiere?|denk|denke|lass|stell|stelle|prüf|prüfe|korrigiere|empfiehl|immer|"
        r"nie|niemals)\b"
    ),
    "es": (
        r"(?:(?:por favor|oye|hola|y|pues|ahora)[, ]+)*(?:di|dime|da|dame|escribe|muestra|muéstrame|explica|explícame|traduce|"
        r"resume|cuenta|cuéntame|ayuda|ayúdame|haz|busca|calcula|responde|contesta|usa|habla|recuerda|olvida|borra|elimina|apunta|"
        r"anota|corrige|recomienda|recomiéndame|siempre|nunca|no (?:uses|hables|respondas))\b"
    ),
    "fr": (
        r"(?:(?:s'il te plaît|stp|bon|alors|et|maintenant)[, ]+)*(?:dis|dis-moi|donne|donne-moi|écris|montre|montre-moi|explique|"
        r"explique-moi|traduis|résume|raconte|raconte-moi|aide|aide-moi|fais|trouve|cherche|calcule|réponds|utilise|parle|"
        r"souviens|oublie|efface|supprime|note|retiens|corrige|recommande|toujours|ne \w+ (?:pas|jamais))\b"
    ),
}
_QUOTES = {
    "de": r"(?!ich\b|wir\b)[\w ]{1,40}\b(?:sagt|sagte|meint|meinte|behauptet|erzählte|hat gesagt|denkt|glaubt)\b",
    "es": r"(?!yo\b)[\w ]{1,40}\b(?:dice|dijo|cree|piensa|contó|preguntó)\b(?: que)?",
    "fr": r"(?!je\b|j')[\w ']{1,40}\b(?:dit|a dit|pense|croit|a demandé|raconte)\b(?: que| qu')?",
}
LANGUAGES = frozenset(_CHATS)
_CHAT, _SUPPOSED, _ORDERED, _QUOTED = (
    {language: re.compile(pattern) for language, pattern in patterns.items()} for patterns in (_CHATS, _SUPPOSES, _ORDERS, _QUOTES)
)
_ASIAN = re.compile(
    r"(?:你好|您好|谢谢|謝謝|好的|再见|早上好|晚安|嗯|哈哈|こんにちは|こんばんは|おはよう(?:ございます)?|ありがとう(?:ございます)?|さようなら|はい|いいえ)[。\uff01!.~]*"
)


def chats(text: str) -> bool:
    """Return whether a sentence in lower case, with straight quotes, is small talk in all of its parts, in any language."""
    if len(text) > _MOST_CHAT:
        return False
    parts = [part.strip() for part in re.split(r"[,.!?;:~¡¿\u2026\u2013\u2014]+|\s-+\s", text) if any(c.isalpha() for c in part)]
    return all(_chat(part) for part in parts)


def _chat(part: str) -> bool:
    return CHAT.fullmatch(part) is not None or _ASIAN.fullmatch(part) is not None or any(chat.fullmatch(part) for chat in _CHAT.values())


def supposes(text: str, language: str) -> bool:
    """Return whether a sentence in lower case supposes something."""
    return language in LANGUAGES and _SUPPOSED[language].match(text) is not None


def quotes(text: str, language: str) -> bool:
    """Return whether a sentence in lower case reports what somebody else says."""
    return language in LANGUAGES and _QUOTED[language].match(text) is not None


def orders(text: str, language: str) -> bool:
    """Return whether a sentence in lower case begins with an order."""
    return _ORDERED[language].match(text) is not None
