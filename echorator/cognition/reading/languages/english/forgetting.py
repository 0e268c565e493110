"""Reads what an English request to forget means: "forget my phone number", "delete everything you know about me"."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.proposing import FLAGS, MEMORY, ended, proposes
from echorator.cognition.reading.requests import Request, forget

FORGET = re.compile(
    r"(?P<forget>forget(?:ting)?(?: all)?|unlearn|unremember|stop (?:remembering|storing|keeping|saving)|"
    r"(?:don't|do not|no longer|never|not|you don't (?:need|have) to|you no longer need to|no need to|there's no need to|"
    r"there is no need to|you needn't|you need not|you can stop)(?: to)?(?: ever)? "
    r"(?:remember(?:ing)?|keep(?:ing)?|stor(?:e|ing)|sav(?:e|ing)|retain(?:ing)?|hold(?:ing)? on to|know|record|"
    r"memori[sz]e|hang(?:ing)? on to|keep(?:ing)? track of)(?: any more)?|stop (?:keeping track of|holding on to)|let go of|get rid of|"
    r"getting rid of|disregard|ignore|have no memory of|(?:didn't|did not) (?:know|remember|keep|have)|lose(?= my\b)|forgot|forgotten)"
    r"|(?P<delete>delete|erase|remove|wipe(?: out)?|clear(?: out)?|purge|drop|scrub|discard|scratch|strike|destroy|eliminate|"
    r"expunge|throw (?:away|out)|take|cancel|reset|scrap|blank out|empty|get(?= my .* out of)|rub out|cross out|undo|deleting|"
    r"erasing|removing|wiping|clean(?: out)?)",
    FLAGS,
)
_MEMORIES = (
    r"(?:data|memor(?:y|ies)|information|info|facts?|records?|notes?|history|details|profile|stuff|things|entries|knowledge|"
    r"traces?|personal (?:data|information|info|details|stuff)|saved memories)"
)
_KNOWN = (
    r"(?:you(?:'ve| have)?(?: ever| already)? ?(?:know|learned|learnt|stored|saved|remember(?:ed)?|have|got|recorded|collected|"
    r"heard|noted|kept|memori[sz]ed)(?: down| so far)?)"
)
_EVERYTHING = re.compile(
    rf"(?:about )?(?:(?:everything|all(?: of it| that| this)?|anything|it all|whatever|"
    rf"every(?: single)? thing)(?: that)?(?: {_KNOWN})?(?: (?:about|on|of|from|regarding|concerning) (?:me|us|"
    rf"myself))?(?: {_KNOWN})?|"
    rf"(?:absolutely )?everything(?: about (?:me|us))?(?: that)?(?: {_KNOWN})?|(?:all |all of |every |every single |any |"
    rf"any and all )?(?:of )?(?:my|your|our|the|these|those)? ?(?:whole |entire |complete |full |stored |saved |personal |"
    rf"long-term )*{_MEMORIES}(?: (?:that )?{_KNOWN})?(?: (?:about|on|of|from) (?:me|us))?(?: {_KNOWN})?|"
    rf"(?:all )?about me|me|everything i(?:'ve| have)?(?: ever| just)? (?:told|said|shared|mentioned|given|"
    rf"written)(?: (?:to )?you)?(?: (?:so far|until now|up to now|before|ever))?|all i(?:'ve| have)?(?: ever)? (?:told|said|"
    rf"shared)(?: (?:to )?you)?)",
    FLAGS,
)
_TOPIC = re.compile(
    rf"(?:about )?(?:everything|all|anything|whatever|what|the (?:thing|things|stuff|part|bit|info|information|details|memory|"
    rf"memories|note|notes|entry|entries|fact|facts|record|data|conversation|story|message|item|line)|"
    rf"(?:any|all|all the|all of the|all my|my|your|every|all of my|all of your) (?:memor(?:y|ies)|info|information|notes?|"
    rf"facts?|details|data|records?|mentions?|references?|traces?|knowledge|entries|entry|stuff|things)|(?:any )?(?:mention|"
    rf"trace|memory|memories|record|knowledge|mentions|traces|reference|references|info|information|details|data|notes|facts))"
    rf"(?: that)?(?: i(?:'ve| have| just| had)*(?: just| ever| earlier| already)? (?:told|said|mentioned|shared|wrote|gave|"
    rf"written|talked)(?: to)?(?: you)?(?: earlier| before| yesterday| just now| last time)?| {_KNOWN}| you were told)?"
    r" (?:about|regarding|on|of|concerning|with|relating to|related to|to do with|having to do with) (?P<what>.+)$",
    FLAGS,
)
_LAST = re.compile(
    r"(?:about )?(?:that|this|(?:what|everything|all|the things?|whatever)(?: that)? i(?:'ve| have)?(?: just)? (?:said|"
    r"told(?: you)?|wrote|mentioned|typed)(?: to you)?(?: just now| earlier| before| a moment ago| right now| above| now)?|"
    r"(?:my|the|that) (?:last|previous|latest) (?:message|statement|sentence|thing|bit|one|part|comment|fact|memory|note|"
    r"entry|line|remark)(?: i (?:said|told you|wrote))?|i (?:ever )?(?:said|mentioned|told you) (?:that|this|anything|it)|"
    r"that (?:last )?(?:one|bit|part|thing)|i said anything|that i (?:said|told you) (?:that|this))",
    FLAGS,
)
_FILES = re.compile(
    r"(?:(?:my|the|this|that|these|those|all|last|first|second|every) )*(?:\w+ ){0,3}?(?:files?|folder|folders|code|text|"
    r"essay|function|line|lines|sentence|sentences|paragraph|table|app|account|emails?|messages?|rows?|columns?|words?|"
    r"commas?|"
    r"spaces?|branch|repo|repository|docker|container|database|db|cache|cookies|browser|inbox|desktop|duplicates|list|string|"
    r"variable|comment|comments|image|images|photo|photos|disk|drive|calendar|cart|order|subscription|appointment|alarm|timer|"
    r"bullet|points?|item|items|stain|stains|snow|dishes|room|desk|path|skin|screen|history of my browser|order|reservation|"
    r"meeting|booking|flight)\b",
    FLAGS,
)
_TAIL = re.compile(
    r"(?:[, ]+(?:please|pls|now|thanks|thank you|for good|forever|completely|immediately|entirely|right away|right now|"
    r"at once|permanently|again|ok|okay|too|as well|will you|would you|"
    r"(?:from|in|out of|off) (?:your |the |my )?(?:memory|memories|records?|notes?|database|mind|storage|system|files?|"
    r"profile|brain|logs?|head|memory bank|knowledge|history)|any ?more|any longer|"
    r"if you (?:can|could|don't mind)|you have (?:on me|stored|saved)|you(?:'ve| have) stored|altogether|once and for all))+$",
    FLAGS,
)
_CUT = re.compile(
    r"\s*(?:[;\u2013\u2014]|\s-\s|,\s*(?:let's|let us|it|it's|its|i|i'm|i've|we|he|she|they|that|that's|this|my|because|since|"
    r"as|and|but|or|there|which|so|start|is|would|could|can)\b|\b(?:because|since|as (?:it|i|that)|it's (?:wrong|old|outdated|"
    r"not|no longer)|and (?:start|begin|let's|replace|use|remember)|so (?:that|we|i))\b).*$",
    FLAGS | re.DOTALL,
)


_VERBS_DONE = r"(?:deleted|erased|removed|wiped|forgotten|cleared|purged|dropped|scrubbed|gone|struck|discarded)"
_PASSIVE = re.compile(
    rf"(?:please |so |ok |and |now )*(?:i(?:'d| would)? (?:like|want|need|prefer)(?: to have)? (?:for )?|(?:can|could|may|should|must) )?"
    rf"(?P<what>(?:my|our|everything|all|what i|where i|how old i|how much i|who my|the \w+ (?:about|of) my)\b.{{0,80}}?)"
    rf"(?: (?:should|must|can|could|needs? to|has to|have to|is to|may|to)(?: please| now| also)?)?(?: be)? {_VERBS_DONE}"
    rf"(?: (?:from|in|out of) (?:your )?(?:memory|records|notes|mind))?(?:,? (?:please|now|thanks|completely|forever))*\s*[.!?]*$",
    FLAGS,
)
_PRETEND = re.compile(
    r"(?:please |can you |could you |just |let's )*(?:pretend|act as if|act as though|act like|behave as if|"
    r"make believe) (?:that )?i(?:'d|'ve| had| have)? "
    r"(?:never|not|haven't|hadn't|didn't)(?: ever)? (?:told|tell|said|say|mentioned|mention|shared|gave|spoke|"
    r"talked)(?: to)?(?: you)?(?: anything| a word| a thing)?"
    r"(?: (?:about|of|regarding))?(?: that)? ?(?P<what>.*?)[.!?]*$",
    FLAGS,
)
_UNWANTED = re.compile(
    r"(?:i(?:'d| would) (?:rather|prefer(?: it)?(?: if)?|like it if)(?: that)? you (?:didn't|did not|don't|do not|not|"
    r"no longer|forgot)(?: to)?|"
    r"i (?:no longer|don't|do not)(?: any ?more)? (?:want|need|like)(?: for)? you to|you (?:don't|do not|no longer) (?:need|have)(?: to)?|"
    r"i(?:'d| would) (?:rather|prefer) (?:that )?you|i (?:wish|hope) you(?:'d| would| could)?)(?: still| ever| really)? ?"
    r"(?P<verb>know|remember|remembered|keep|kept|store|stored|save|saved|have|had|retain|forgot|forget|hold on to|"
    r"hang on to)(?: on to)? (?P<what>.+?)(?: any ?more| any longer| now)?[.!?]*$",
    FLAGS,
)
# "I don't want my number stored."
_UNSTORED = re.compile(
    r"(?:please |so )*i (?:don't|do not|no longer|didn't|wouldn't)(?: really)? (?:want|like|need|wish) (?:you to have |to have )?"
    r"(?P<what>.+?) (?:to be )?(?:stored|saved|kept|remembered|recorded|known|in your (?:memory|notes|records)|on file|on record)"
    r"(?: any ?more| any longer| by you)?[.!?]*$",
    FLAGS,
)
_UNHEARD = re.compile(
    r"(?:please |can you |could you |just )*(?:pretend|act as if|act as though|act like|behave as if)(?: that)? you(?:'d|'ve| had| have)?"
    r"(?: never|n't| not| didn't| don't)(?: ever)? (?:heard|hear|read|seen|know|knew|learned|learnt)(?: of| about)? (?P<what>.+?)[.!?]*$",
    FLAGS,
)
_TAKEN_BACK = re.compile(r"(?:sorry, |actually, |no, )*i (?:take back|retract|want to take back|withdraw) (?P<what>.+?)[.!?]*$", FLAGS)


def forgets_whole(text: str) -> Request | None:
    """Return the request to forget that a whole sentence makes without an order: "I'd like my address erased"."""
    for pattern in (_PASSIVE, _PRETEND, _UNWANTED, _UNSTORED, _UNHEARD, _TAKEN_BACK):
        found = pattern.match(text)
        if found is None:
            continue
        what = found["what"].strip(" ,")
        if pattern is _UNWANTED and re.match(r"(?:to|a|an|any|that many|so)\b", what, FLAGS):
            return None
        if (
            pattern is _UNWANTED
            and found["verb"].lower() in ("know", "remember", "remembered", "have", "had", "keep", "kept")
            and re.search(r"\b(?:rather you|wish you|hope you) (?:know|remember)", text, FLAGS)
        ):
            return None
        if pattern is _TAKEN_BACK and not re.match(r"(?:what|everything|that|all)\b", what, FLAGS):
            return None
        return forgets(f"forget {what or 'that'}", "")
    return None


_POINTED = re.compile(
    r"(?:it|that|this|them|those|these|all of (?:it|that)|the (?:whole )?(?:thing|lot)|(?:that )?i (?:ever )?(?:said|mentioned|told you)"
    r"(?: (?:it|that|this|so|anything))?)(?:[, ]+(?:please|now|again|all|"
    r"completely|from your (?:memory|records|notes)))*[.!?\s]*$",
    FLAGS,
)
_NAMED = re.compile(
    r"(?:(?:so|and|but|ok|oh|about|as for|regarding|remember) )*(?P<what>(?:that (?:thing|bit|part|story|stuff) (?:about|with|"
    r"on) .+|what i (?:told|said).+|everything .+|(?:my|our) .+|the .+ (?:about|of|for|to) my .+|"
    r"(?:where|how old|what|who|how much|when) (?:i|my|we|our)\b.+|that (?:i|i'm|i've|we|we're|we've|my|our)\b.+))$",
    FLAGS,
)


def forgets_before(before: str, rest: str) -> Request | None:
    """Return the request of "My old address? Delete it.": what is meant stands before its verb."""
    verb = FORGET.match(rest)
    if verb is None or not before or not _POINTED.match(rest[verb.end() :].strip(" ,")):
        return None
    last = re.split(r"[.!?;]\s+", before)[-1]
    named = _NAMED.match(last)
    what = named["what"] if named is not None else ""
    if not what:
        mine = re.search(r"\b(?:my|our) [\w' ]+?(?=$| any ?more| any longer| is\b| are\b| was\b| has\b| now\b)", last, FLAGS)
        what = mine.group() if mine is not None else ""
    what = re.split(r" (?:is|are|was|were|has|have|isn't|aren't)\b", what)[0] if not what.lower().startswith("what i") else what
    what = re.sub(r"^that (?:thing|bit|part|story|stuff) (?:about|with|on) ", "", what, flags=FLAGS)
    return forgets(f"forget {what}", "") if what else None


def forgets(rest: str, lead: str) -> Request | None:
    """Return the request to forget that words make which begin with its verb, or None; `lead` stands before the verb."""
    found = FORGET.match(rest)
    if found is None:
        return None
    behind = rest[found.end() :]
    if behind[:1].isalnum() or behind[:1] in ("-", "'"):
        return None
    verb = found.group().lower()
    what = behind.strip(' .!?\t\n"')
    what = re.sub(r"^(?:please|now|also|just)[, ]+", "", what, flags=FLAGS)
    full = what
    what = _CUT.sub("", what).strip(" ,.!?")
    bare = _TAIL.sub("", what).strip(" ,.!?")
    marked = (bare != what and bool(re.search(r"\b(?:from|in|out of|off)\b", what[len(bare) :]))) or bool(MEMORY.search(behind))
    if not bare:
        return None
    lower = bare.lower()
    forgets = found["forget"] is not None
    if (
        verb
        in (
            "ignore",
            "disregard",
            "scratch",
            "strike",
            "cancel",
            "take",
            "never keep",
            "not know",
            "never know",
            "don't know",
            "do not know",
            "no longer know",
            "reset",
        )
        and not marked
        and not (verb in ("ignore", "disregard") and ("said" in lower or "told" in lower))
        and not (verb == "reset" and lower.startswith(("everything", "all", "your memory")))
    ):
        return None
    if forgets and (
        re.match(r"to\b", bare, FLAGS)
        or lower in ("it", "about it", "me not", "you", "him", "her", "them", "about him", "yourself", "who you are")
        or re.match(r"it\b", lower)
    ):
        return None
    if lower.startswith(("how ", "why ", "when ", "where ", "who ")) and not lower.startswith(
        ("where i ", "how old i", "who i", "when i", "how i ", "where my", "when my", "who my")
    ):
        return None
    if "let's" in lead and not marked and not re.match(r"(?:what i|that|everything)", lower):
        return None
    if verb.startswith(("don't", "do not", "never", "not", "no longer")) and re.match(
        r"(?:the (?!\w+ (?:about|of|with|on) (?:my|our|me)\b)|a|an|me|us|your|in)\b", lower
    ):
        return None
    if _EVERYTHING.fullmatch(bare):
        if (
            not forgets
            and lower
            in (
                "me",
                "all",
                "everything",
                "it all",
                "things",
                "stuff",
                "the notes",
                "notes",
                "the data",
                "data",
                "the information",
                "information",
                "history",
                "the details",
                "details",
                "the facts",
                "all notes",
                "all things",
            )
            and not marked
        ):
            return forget(everything=True) if lower in ("everything",) and lead.strip() == "" else None
        if lower == "me" and verb != "forget":
            return None
        return forget(everything=True)
    if re.fullmatch(r"(?:your|the|my)(?: whole| entire)? (?:memory|memories|mind|brain)(?: (?:of|about|on) me)?", lower):
        return forget(everything=True)
    topic = _TOPIC.fullmatch(bare)
    if topic is not None:
        return forget(everything=True) if topic["what"].lower() in ("me", "us", "myself") else forget(ended(topic["what"]))
    if _LAST.fullmatch(bare):
        if verb in ("drop", "take", "clean", "clear"):
            return None
        return forget()
    told = re.match(r"(?:about )?(?:(?:the )?(?:fact|part|bit|thing|idea)(?: about the fact)? )?that (?P<what>.+)$", bare, FLAGS)
    if told is not None and (proposes(told["what"]) or told["what"].lower().startswith(("i ", "i'", "my ", "we "))):
        return forget(told["what"])
    if re.match(r"(?:i|i'm|i've|we) \w", lower) and forgets:
        return forget(bare)
    what_i = re.match(r"(?:about )?(?P<what>(?:where|how old|when|who|what|how|whom) (?:i|my|we)\b.+)$", bare, FLAGS)
    if what_i is not None and (forgets or marked or verb not in ("drop", "take", "clean", "clear", "ignore", "cancel")):
        return forget(what_i["what"])
    about = re.sub(r"^(?:all )?about ", "", bare, flags=FLAGS)
    if forgets:
        if (
            re.match(r"the\b", about, FLAGS)
            and full != what
            and not re.search(r"\b(?:old|previous|former|wrong|last)\b", about, FLAGS)
            and re.match(r"\s*,", behind.strip(" ")[len(what) :] or "")
        ):
            return None
        if (
            re.match(
                r"(?:a|an|how|names?|things?|faces?|easily|quickly|often|always|sometimes|dinner|lunch|breakfast|work|school)\b",
                about,
                FLAGS,
            )
            and not marked
        ):
            return None
        return forget(re.sub(r"^(?:that|this) ", "", about, flags=FLAGS))
    if _FILES.match(about) and not marked:
        return None
    if marked or re.match(r"(?:my|our)\b", about, FLAGS):
        return forget(re.sub(r"^(?:that|this) ", "", about, flags=FLAGS))
    return None
