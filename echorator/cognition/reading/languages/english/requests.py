"""Reads English requests to remember and to forget, and tells them from sentences that only look like it.

"Remember that I am vegan." is one, "Remember when we met?" and "Don't forget to call mum." are none: the one asks, the other reminds the
speaker of something to do.
"""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.forgetting import forgets
from echorator.cognition.reading.languages.english.proposing import FLAGS, MEMORY, ended, proposes
from echorator.cognition.reading.requests import Request, remember

_GREETING = (
    r"(?:(?:hi|hey|hello|ok|okay|so|and|but|oh|well|also|actually|yes|yeah|no|now|please|pls|plz|echo|assistant|btw|by the way|just|quick|"
    r"quickly|one more thing|sorry|alright|right|good|great|thanks|thank you|listen|look|important|wait|then|anyway|first|and please)"
    r"(?: there| echo)?[,!.:;]* +){0,4}"
)
_ASKED = (
    r"(?:(?:would|do) you mind(?: please)? |(?:can|could|would|will|won't|might|can't|couldn't|wouldn't) you(?: please|"
    r" kindly| just| also| maybe| perhaps| possibly| now| always| be so kind as to| do me a favou?r and)* |"
    r"i(?:'d| would)?(?: really| also| just)? (?:want|need|like|love|prefer|ask|expect)(?: for)? you to(?: please| always|"
    r" also| now| just)* |"
    r"i(?:'d| would) (?:appreciate it|be glad|be grateful|be happy|like it) if you(?: could| would)?(?: please| just)* |"
    r"it would be (?:great|nice|good|helpful|lovely) if you(?: could| would)?(?: please)? |it's (?:very |"
    r"really )?important (?:that you|for you to|to) |"
    r"you (?:should|must|need to|have to|can|may|might want to|could|ought to|better|'d better|are allowed to)(?: please|"
    r" also| now| just| always| safely| as well| go ahead and)* |"
    r"let's |let us |make sure(?: to| that you| you)? |be sure (?:to|you|that you) |try to |kindly |i(?:'m|"
    r" am) asking you to |feel free to |"
    r"go ahead and |don't hesitate to |do me a favou?r and |do me a favou?r[,:] |please |just |always |also |do |now |"
    r"it is (?:ok|fine) to |it's (?:ok|okay|fine) to |time to |i'd be happier if you ){0,4}"
)
_LEAD = re.compile(_GREETING + _ASKED, FLAGS)

_REMEMBER = re.compile(
    r"(?P<not>(?:don't|do not|dont|never|must not|mustn't|should not|shouldn't|don't you|don't ever|do not ever|not to|"
    r"never ever|not)(?: ever| dare)? (?:to )?(?:forget|lose track of|let me forget|lose sight of)(?: about| the fact)?)"
    r"|(?P<strong>(?:always |also |please )?(?:remember(?:ing)?|memori[sz]e|memorising|keep(?:ing)? (?:(?:it |this |"
    r"that )?in (?:your )?(?:mind|memory)|track of|a note(?: of)?|note(?: of)?|hold of)|bear(?:ing)? (?:it |this |"
    r"that )?in mind|"
    r"(?:take|make|keep)(?: a| an)?(?: mental| quick| small| little)? (?:note|memo)(?: of)?(?: for (?:me|later|yourself))?|"
    r"mak(?:e|ing) a note(?: of)?|taking note(?: of)?|retain|commit(?: (?:this|that|it))? to (?:your )?memory|"
    r"note to self|note down|jot (?:this |that |it )?down|jotting down|make a mental note(?: of)?|have it on record|"
    r"remind me that|take down|put (?:it |this |that )?on record|let it be (?:noted|known|recorded)|let the record show|"
    r"know for (?:the future|later|next time)|hold on to))"
    r"|(?P<note>(?:always |also |please )?(?:note|noting|nb|n\.b\.))"
    r"|(?P<weak>(?:save|store|record|log|write(?: this| that| it)? down|add|put|keep|register|file|stash|write|enter|include|"
    r"hold|lock in|memo|saving|storing))",
    FLAGS,
)
_LABELS = re.compile(
    _GREETING + r"(?:for (?:the record|future reference|your (?:records?|notes|memory|files|information and memory|memory bank)|next time|"
    r"later(?: reference| use)?)|note to self|"
    r"(?:something|one thing|things?|a fact|facts?|some facts?|here's something|here is something|what|"
    r"this is something)(?: about me)? (?:to|for you to|you should|i want you to|you need to) (?:remember|note|keep in mind|"
    r"know for later|memori[sz]e)(?: about me)?(?: is(?: that)?)?|"
    r"reminder|memo|to remember|remember this|note this(?: down)?|save this|memori[sz]e this|remember the following|"
    r"note the following|save the following|please note|for your memory)\s*[:,\-\u2013\u2014]+\s*(?P<what>\S.*)$",
    FLAGS | re.DOTALL,
)
_BEHIND = re.compile(
    r"(?P<what>\S.{3,}?)(?:\s*[,;:.!\u2013\u2014]+\s*|\s+-+\s+|\s+)(?:so |and |but |ok |okay |now |that's why |which )*"
    r"(?:(?:can|could|would|will) you (?:please |kindly |also |just )*|please |pls |kindly |make sure (?:to |you )|"
    r"be sure to |you should |you must |i(?:'d| would)? (?:want|like|need) you to |do |always |just )*"
    r"(?:(?:remember|memori[sz]e|note|save|store|record|retain|log|keep) (?:that|this|it)(?: down| in mind| in memory|"
    r" in your memory| in your notes| somewhere| on file)?|write (?:that|this|it) down|jot (?:that|this|it) down|note (?:that|"
    r"this|it) down|"
    r"(?:keep|bear) (?:that|this|it) in (?:your )?(?:mind|memory)|make a (?:mental )?note(?: of (?:that|this|it))?|"
    r"take (?:a )?note(?: of (?:that|this|it))?|"
    r"(?:don't|do not|dont|never|don't you) (?:ever |dare )?forget(?: (?:that|this|it|about (?:it|that|this)))?|keep (?:that|"
    r"this|it) in mind|remember)"
    r"(?:[, ]+(?:please|for (?:me|later|the future|next time|future (?:reference|chats|conversations))|will you|would you|ok|"
    r"okay|forever|well|from now on|always|thanks|thank you|when .{3,60}|in (?:the )?future(?: .{0,30})?|"
    r"next time(?: .{0,40})?))*\s*[.!?]*$",
    FLAGS | re.DOTALL,
)
_PAST = re.compile(
    r"[, ]*(?:when|how|who|what|where|why|which|whose|whether|if|me\b(?! as)|the (?:time|day|night|way|good|old|days|one time|"
    r"moment|summer|last time|first time|feeling|song|movie|film)|that (?:time|day|night|song|movie|film|one|guy|girl|"
    r"restaurant|place|trip|book|show|game)|"
    r"those|anything|everything (?:we|i)|us|him|her|them|seeing|meeting|doing|going|being|having|our (?:trip|holiday|first|"
    r"last|conversation|chat))\b",
    FLAGS,
)
_ORDER = re.compile(
    r"[, ]*to (?:always|never|not|call me|address me|use|answer|reply|respond|speak|write|be|include|avoid|keep|check|give|"
    r"suggest|recommend|treat|format|translate|refer)\b",
    FLAGS,
)
_POINT = re.compile(
    r"[, ]*(?:that|this|it)?[, ]*(?:please|for (?:me|later|the future|next time|future reference)|down|in mind|"
    r"in (?:your )?memory|well|somewhere|ok|okay|thanks|now| )*[.!?]*$",
    FLAGS,
)


def request_of_english(sentence: str) -> Request | None:
    """Return the request to remember or to forget that an English sentence makes, or None."""
    text = sentence.strip().strip('"').strip()
    lead = _LEAD.match(text)
    begin = lead.end() if lead is not None else 0
    rest = text[begin:]
    forgotten = forgets(rest, text[:begin].lower(), text)
    if forgotten is not None:
        return forgotten
    asked = text.rstrip().endswith("?") and not re.search(
        r"(?:can|could|would|will|won't|can't|mind|ok|okay|please|will you|would you)\b", text, FLAGS
    )
    found = _REMEMBER.match(rest)
    if found is not None and not asked:
        kept = _kept(found, rest, text[:begin])
        if kept is not None:
            return kept
    label = _LABELS.match(text)
    if label is not None:
        return remember(label["what"])
    behind = (
        _BEHIND.fullmatch(text)
        if re.search(r"remember|note|mind|forget|memor|save|store|record|write|jot|log|keep", text[-90:], FLAGS)
        else None
    )
    if behind is not None:
        what = behind["what"]
        if len(what.split()) > 1 and not re.match(
            r"(?:i|we|he|she|they|you|do you|did you|who|what|why|how|can you|could you|will you|please|to|i'll|i will|"
            r"i can't|i cannot|i don't|does|it's hard to|hard to)(?: \w+(?:'t)?)?(?: always| never| really| still)?$",
            what,
            FLAGS,
        ):
            return remember(ended(what))
    return None


def _kept(found: re.Match[str], rest: str, lead: str) -> Request | None:
    """Return the request to remember what is behind its verb, or None where it is a question, a reminder or another order."""
    behind = rest[found.end() :]
    if behind[:1].isalnum():
        return None
    verb = found.group().lower()
    if found["weak"]:
        return _stored(verb, behind)
    if _POINT.fullmatch(behind):
        if found["note"] or (verb.endswith("remember") and not behind.strip(" .!?") and not lead.strip()):
            return None
        return remember("")
    if found["not"] and re.match(r"[, ]+(?:me|us|you|him|her|them|your|the milk)\b", behind, FLAGS):
        return None
    if _PAST.match(behind) and not re.match(r"[, ]*(?:me as)", behind, FLAGS):
        return None
    if re.match(r"[, ]*to\b", behind, FLAGS):
        return remember(re.sub(r"^[, ]*to ", "", behind)) if _ORDER.match(behind) else None
    content = re.sub(
        r"^[\s,:;\-\u2013\u2014]*(?:(?:down|of|about|for me|please|well|also|always|this|it|the following|the fact|for later|"
        r"in mind|for future reference|from now on|too|as well|the information|one thing|these|forever|"
        r"somewhere)?[\s,:;\-\u2013\u2014]*)(?:that[\s,:]+)?",
        "",
        behind,
        flags=FLAGS,
    )
    pointed = re.match(r"[\s,]*(?:that|this|it)[\s,]+(?:for|down|in|please|when|next|whenever|from now)\b", behind, FLAGS)
    if pointed:
        return remember("")
    if not content.strip(" .!?"):
        return remember("")
    told = proposes(content)
    if (
        behind.lstrip().startswith(",")
        and not re.search(r"\b(?:i|i'm|my|we|our|me|that)\b|\d|:", content[1:], FLAGS)
        and content[1:] == content[1:].lower()
        and not re.match(r"i\b|my\b|we\b|our\b", content, FLAGS)
    ):
        return None
    if found["note"]:
        linked = re.match(r"[\s]*(?:[:,\-\u2013\u2014]|that\b|down\b|this\b|my\b|our\b|i\b|i'm\b|we\b|for\b)", behind, FLAGS)
        return remember(content) if linked and (told or re.match(r"\s*my\b", behind, FLAGS)) else None
    if not told and re.match(r"[\s,]*(?:the|a|an|some|this|that)\b", behind, FLAGS) and not re.search(r"[A-Z]", content[1:]):
        return None
    if behind.rstrip().endswith("?") and not told:
        return None
    return remember(content)


def _stored(verb: str, behind: str) -> Request | None:
    """Return the request of a verb such as "save", which means the memory only where that is said."""
    if re.match(
        r"\s*(?:that|this|it)[\s,]*(?:please|down|for (?:me|later|next time|the future|future reference)|(?:in|"
        r"to) (?:your )?(?:memory|notes|mind)|somewhere)?[.!?\s]*$",
        behind,
        FLAGS,
    ):
        return remember("") if verb not in ("add", "put", "include", "write", "enter", "keep") or MEMORY.search(behind) else None
    told = re.match(
        r"\s*(?:(?:that|this|it|the following|the fact that|the information that|down)[\s,:\-]*)?(?:(?:in|to|into|"
        r"on) (?:your |my |the )?(?:memory|notes?|records?|mind|profile|file|list)[\s,:\-]*)?(?:for (?:later|me|next time|"
        r"the future|future reference)[\s,:\-]*)?(?:that |: ?)?(?P<what>.*)$",
        behind,
        FLAGS | re.DOTALL,
    )
    assert told is not None  # each of its parts may be empty
    what = MEMORY.sub("", told["what"]) if MEMORY.search(behind) else told["what"]
    marked = MEMORY.search(behind) is not None
    stated = re.match(r"\s*(?:that\b|this[:,]|the following|the fact that|down that|it[:,] )", behind, FLAGS) or (
        re.match(r"\s*(?:my|our|down my|down:|:)", behind, FLAGS)
        and verb not in ("add", "put", "keep", "include", "write", "hold", "file", "enter", "register")
    )
    if verb == "keep" and re.match(r"\s*(?:my|the|our|that|this) .{2,60} (?:in mind|on file|on record|in (?:your )?memory)", behind, FLAGS):
        return remember(re.sub(r" (?:in mind|on file|on record|in (?:your )?memory).*$", "", behind.strip(), flags=FLAGS))
    if (
        (marked or stated)
        and (proposes(what) or (marked and what.strip(" .")))
        and not re.match(r"\s*(?:a|an|the) (?:seat|poem|story|essay|song|letter|email|code|function|file)\b", what, FLAGS)
    ):
        return remember(what)
    return None


# Forgetting
