"""Reads English requests to remember and to forget, and tells them from sentences that only look like it.

"Remember that I am vegan." is one, "Remember when we met?" and "Don't forget to call mum." are none: the one asks, the other reminds the
speaker of something to do.
"""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.forgetting import FORGET, forgets, forgets_before, forgets_whole
from echorator.cognition.reading.languages.english.proposing import FLAGS, MEMORY, ended, proposes
from echorator.cognition.reading.requests import Request, remember

_PARTS = re.compile(r"[:;!?\u2013\u2014]+|,(?=\s)|\.+(?=\s|$)|\s-+\s")
# A request may have only such words before its verb, in any order: "I'd be glad if you could please".
_POLITE = frozenset(
    """please pls plz can could would will won't can't couldn't wouldn't might may you you'll you'd kindly just also maybe perhaps now
        always i i'd i'll i'm want need like love prefer ask asking expect appreciate it it's if that that's be is great nice good
        helpful lovely better best make sure to the let's let us me try go going ahead and feel free do don't mind favour favor a so but
        ok okay hey hi hello there echo assistant by way btw one more thing actually oh well yes yeah no from on this point must should
        ought have possible possibly help rather wish time important for of vital crucial glad grateful happy really very quick quickly
        simply immediately finally first then anyway sorry thanks thank remind am able up again best next here gonna going are were was
        would've hope hoping trust safely as soon before later today once hereby hesitate forever absolutely definitely completely
        totally too still supposed supposedly well only what could've useful ready fine allowed point's be'd beg request requesting
        begin start kind polite wonder wondering problem trouble much nice u ur ya thx ta sir madam mate buddy pal dear manage appreciated
        awesome it'd that'd amazing wonderful perfect lot ideally preferably other as idea""".split()
)
_OTHERS = frozenset("he she they we everyone people someone nobody who tom".split())


def _polite(before: str) -> bool:
    """Return whether the words before a verb only ask for it: "could you please", "I want you to"; "I always" tells of the speaker."""
    words = re.findall(r"[a-z']+", before.lower())
    if any(word not in _POLITE for word in words):
        return False
    speaks = any(word in ("i", "i'd", "i'll", "i'm") for word in words)
    asked = "you" in words or "you'd" in words or "you'll" in words or "you're" in words or "u" in words
    if (
        words
        and words[-1] == "to"
        and not asked
        and not any(w in ("time", "sure", "hesitate", "ahead", "important", "free", "best", "try", "point", "it") for w in words)
    ):
        return False
    if (
        words[:1] in (["do"], ["are"], ["have"], ["were"], ["is"], ["am"], ["was"], ["what"], ["what's"])
        and len(words) > 1
        and words[1] in ("you", "i")
    ):
        return words[2:3] == ["mind"]
    if words[-1:] in (["can't"], ["couldn't"], ["won't"]) or words[-2:] in (["i", "can"], ["i", "will"], ["i", "always"], ["i", "never"]):
        return False
    return not speaks or asked or "i'd" in words or words[-1] in ("this", "that", "it")


_REMEMBER = re.compile(
    r"(?P<not>(?:do not|don't|dont) let (?:it |this |that )?(?:slip (?:your|from your) (?:mind|memory)|me forget|"
    r"yourself forget)|(?:do not|don't) lose sight of(?: the fact)?|(?:don't|do not|dont|never|must not|mustn't|should not|"
    r"shouldn't|don't you|don't ever|do not ever|not to|"
    r"never ever|not)(?: ever| dare)? (?:to )?(?:forget|lose track of|let me forget|lose sight of)(?: about| the fact)?)"
    r"|(?P<strong>(?:always |also |please )?(?:remember(?:ing|ed)?|memori[sz]e|memorising|keep(?:ing)? (?:(?:it |this |"
    r"that )?in (?:your )?(?:mind|memory)|track of|a note(?: of)?|note(?: of)?|hold of)|bear(?:ing)? (?:it |this |"
    r"that )?in mind|"
    r"(?:take|make|keep)(?: a| an)?(?: mental| quick| small| little)? (?:note|memo)(?: of)?(?: for (?:me|later|yourself))?|"
    r"mak(?:e|ing) a note(?: of)?|taking note(?: of)?|retain|commit(?: (?:this|that|it))? to (?:your )?memory|"
    r"note to self|note down|jot (?:this |that |it )?down|jotting down|make a mental note(?: of)?|have it on record|"
    r"remind me that|take down|put (?:it |this |that )?on record|let it be (?:noted|known|recorded)|let the record show|"
    r"know for (?:the future|later|next time)|hold on to|hang on to|remembered|kept in mind|keep (?:it |this |"
    r"that )?in the back of your mind|"
    r"(?:burn|etch|engrave|lock|file|tuck|stash|pin|log|put|take|write|note|jot|get|have|keep|set|add) (?:this|that|it|"
    r"these)(?: (?:fact|one|"
    r"detail|point|down|away|aside|in|into|to|on|onto|safe|there|your|my|the|memory|mind|notes?|list|records?|file|profile|"
    r"brain|head|what|you|"
    r"know|about|me|for|later))*(?=\s*[:,.\u2013\u2014-])|update your (?:memory|notes|records|files)|add a (?:note|line|"
    r"reminder)(?: saying| that says)?|"
    r"keep a (?:record|log|memo)(?: of)?|make (?:it )?a point (?:to remember|of remembering)|remind yourself|"
    r"let me remind you|be reminded|be aware|"
    r"put down|make a record(?: of)?|leave (?:yourself )?a note|write yourself a note|have a note|get it noted))"
    r"|(?P<note>(?:always |also |please )?(?:note|noting|nb|n\.b\.))"
    r"|(?P<weak>(?:save|store|record|log|write(?: this| that| it)? down|add|put|keep|register|file|stash|write|enter|include|"
    r"hold|lock in|memo|saving|storing))",
    FLAGS,
)
_ANONYMOUS = re.compile(r"[?]P<[a-z]+>")
_VERB = re.compile(rf"(?<![\w'-])(?:(?:{_ANONYMOUS.sub('?:', FORGET.pattern)})|(?:{_ANONYMOUS.sub('?:', _REMEMBER.pattern)}))(?!\w)", FLAGS)
# What a statement may be headed by so that it is to be remembered: "for next time", "here's something you should hold on to".
_HEADS = frozenset(
    """for next time later the future reference record records your notes memory info information files just so you know have it that
    important worth remembering remember this is one one's something to hold on hang onto note reminder memo fact facts about me here's here
    thing things should keep in mind need want i a an of please and always good update few some case comes up again self what don't forget
    safekeeping keeping noted profile also kindly quick little detail details can use do will from now onwards hey hi ok""".split()
)
_MEANT = re.compile(
    r"\b(?:next time|future|later|records?|reference|notes?|memory|remember\w*|reminder|memo|keep|hold|hang|mind|forget|noted|"
    r"profile|have it)\b",
    FLAGS,
)


def _headed(text: str) -> Request | None:
    """Return the request of "for next time: I'm vegan"; the head has only words of `_HEADS` and one that names the memory."""
    found = re.match(r"([^:,.\u2013\u2014]{3,60}?)\s*(:|,|\s[-\u2013\u2014])\s+(?P<what>\S.*)$", text, FLAGS | re.DOTALL)
    if found is None or _MEANT.search(found[1]) is None:
        return None
    words = re.findall(r"[a-z']+", found[1].lower())
    if any(word not in _HEADS for word in words) or re.match(
        r"(?:i|do you|can you|what|don't forget|remember)\b(?! to| you)", found[1], FLAGS
    ):
        return None
    strong = found[2] == ":" or re.match(
        r"for (?:the record|(?:future|later) reference|your (?:records|notes|information)|next time|the future)", found[1], FLAGS
    )
    return remember(found["what"]) if strong and proposes(found["what"]) else None


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


# "that when I say so, I mean this": what is told has two clauses.
_EXPLAINS = re.compile(r"\s*that when(?:ever)? (?:i|we|you|my|our)\b.*?(?:,|\b(?:i|you|we|it|they|he|she|that)(?:'m|\b)) ?\w", FLAGS)


def request_of_english(sentence: str) -> Request | None:
    """Return the request to remember or to forget that an English sentence makes, or None."""
    text = sentence.strip().strip('"').strip()
    whole = forgets_whole(text)
    if whole is not None:
        return whole
    asked = text.endswith("?") and not re.search(r"(?:can|could|would|will|won't|can't|mind|ok|okay|please)\b", text, FLAGS)
    begin = 0
    for mark in (*_PARTS.finditer(text), None):
        end = mark.start() if mark is not None else len(text)
        found = _asked_in(text, begin, end, asked)
        if found is not None:
            return found
        begin = mark.end() if mark is not None else end
    return _headed(text) or _asked_behind(text)


def _asked_in(text: str, begin: int, end: int, asked: bool) -> Request | None:
    """Return the request whose verb stands between two marks, behind nothing but politeness."""
    for verb in _VERB.finditer(text, begin):
        if verb.start() >= end:
            break
        if not _polite(text[begin : verb.start()]):
            continue
        before, rest = text[:begin].strip(" ,;:-\u2013\u2014"), text[verb.start() :]
        told = forgets_before(before, rest)
        if told is None:
            told = forgets(rest, text[begin : verb.start()].lower())
        if told is None and not asked and (found := _REMEMBER.match(rest)) is not None:
            told = _kept(found, rest, text[begin : verb.start()])
            if told is not None and not told.what and _told(before):
                told = remember(before)
        if told is not None:
            return told
    return None


def _told(before: str) -> bool:
    """Return whether the words before a request tell something."""
    return len(before.split()) > 2 and proposes(before)


def _asked_behind(text: str) -> Request | None:
    """Return the request behind a statement without a mark: "I'm vegan and please remember that"."""
    if not re.search(r"remember|note|mind|forget|memor|save|store|record|write|jot|log|keep", text[-90:], FLAGS):
        return None
    behind = _BEHIND.fullmatch(text)
    if behind is None or len(behind["what"].split()) < 2:
        return None
    what = behind["what"]
    alone = re.match(
        r"(?:i|we|he|she|they|you|do you|did you|who|what|why|how|can you|could you|will you|please|to|i'll|i will|i can't|i cannot|"
        r"i don't|does|it's hard to|hard to)(?: \w+(?:'t)?)?(?: always| never| really| still)?$",
        what,
        FLAGS,
    )
    return None if alone else remember(ended(what))


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
    if pointed and not _EXPLAINS.match(behind):
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
        and (proposes(what) or (re.search(r"\b(?:in|to|into|on) (?:your |my )", behind, FLAGS) and what.strip(" .")))
        and not re.match(r"\s*(?:a|an|the) (?:seat|poem|story|essay|song|letter|email|code|function|file)\b", what, FLAGS)
    ):
        return remember(what)
    return None
