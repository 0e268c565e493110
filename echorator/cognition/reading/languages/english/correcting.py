"""Reads corrections and denials that refer to what was told before: "No, it is 4433.", "Sorry, I meant Bergen.", "Not any more."."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echorator.cognition.reading.comparing import same_value, within
from echorator.cognition.reading.languages.english.leads import lead_at
from echorator.cognition.reading.languages.english.lexicon import adjectives, nouns, verbs
from echorator.cognition.reading.languages.english.things import Context
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words

_OVER = re.compile(
    r"(?:well,? |but |no,? |actually,? |though,? |sorry,? )*(?:not (?:any ?more|any longer|now)|no (?:longer|more)|"
    r"(?:that|this|it)(?:'s| is| was)?(?: not|n't)? ?(?:true|the case|right|correct|valid|so)? ?(?:any ?more|any longer|"
    r"no longer (?:true|the case|right|correct|valid))|"
    r"(?:that|this|it)(?:'s| is) (?:no longer (?:true|the case|right|correct|valid|so)|over(?: now)?|not (?:true|"
    r"the case) any ?more|history|outdated|out of date|old news)|"
    r"(?:that|this) (?:has changed|changed|used to be (?:true|the case)|isn't true any ?more)|"
    r"i (?:don't|do not) (?:any ?more|any longer))(?: now|,? (?:sadly|though|unfortunately|actually))?[.! ]*$"
)
_FALSE = re.compile(
    r"(?:no,? |oh,? |well,? |actually,? |sorry,? |wait,? )*(?:that|this|it)(?:'s| is| was)(?: not|n't)? ?(?:wrong|incorrect|"
    r"false|a lie|a mistake|not true|not right|not correct|true|right|correct)[.! ]*$"
)
_FALSE_WORDS = ("wrong", "incorrect", "false", "lie", "mistake")
_ORDINARY = frozenset("i it that this they we he she you there my your what who not no yes ok thanks thank please sorry".split())


def correction_of(words: Words, context: Context) -> tuple[Fact, ...] | None:
    """Return the facts of a sentence that only corrects or denies something told before, or None where it is no such sentence."""
    earlier = [fact for fact in context.earlier if fact.claim is Claim.HOLDS and fact.type is not FactType.EVENT]
    text = words.joined.replace(" n't", "n't").replace(" 's", "'s").replace(" ,", ",").replace(" .", ".").replace(" !", "!")
    if _OVER.match(text):
        return (_denied(earlier[0]),) if earlier else ()
    if _FALSE.match(text) and (any(w in text for w in _FALSE_WORDS) or " not " in text or "n't" in text):
        return (_denied(earlier[0]),) if earlier else ()
    return _replaced(words, earlier)


def _denied(fact: Fact) -> Fact:
    return Fact(fact.subject, fact.attribute, fact.value, fact.type, Claim.DENIES, 1.0, True)


def _replaced(words: Words, earlier: Sequence[Fact]) -> tuple[Fact, ...] | None:
    """Read "it is 4433", "I meant Bergen", "not Pixel but Rex", "Rex, not Pixel" and a bare value behind "no"."""
    low, n = words.low, len(words)
    lead = lead_at(words, 0, n)
    i, j = lead.end, n
    corrects = lead.corrects or lead.denies
    while j > i and not low[j - 1][:1].isalnum() and low[j - 1] not in (")", '"'):
        j -= 1
    for tail in (["after", "all"], ["instead"], ["actually"], ["now"], ["please"], ["sorry"], ["rather"], ["of", "course"]):
        if j - len(tail) > i and low[j - len(tail) : j] == tail:
            corrects = corrects or tail[0] in ("actually", "instead", "sorry", "after")
            j -= len(tail)
            while j > i and low[j - 1] == ",":
                j -= 1
    if i >= j or j - i > 9:
        return None
    copula = 0
    if (
        (low[i] in ("it", "that", "this", "he", "she", "they") and i + 2 < j and low[i + 1] in ("'s", "is", "was", "are", "'re"))
        or (low[i] == "should" and low[i + 1 : i + 2] == ["be"])
        or (low[i] == "make" and low[i + 1 : i + 2] in (["it"], ["that"]))
    ):
        copula = 2
    elif low[i : i + 3] in (["it", "should", "be"], ["that", "should", "be"], ["should", "have", "been"]):
        copula = 3
    if copula:
        i += copula
        while i < j - 1 and low[i] in ("actually", "now", "really", "in", "called", "named", "just", "fact", "still"):
            i += 1
    named = copula and words.low[i - 1] in ("called", "named")
    if copula and low[lead.end] in ("he", "she", "they") and not named:
        return None
    # "not X but Y", "Y, not X", "Y instead of X"
    pair = _pair(words, i, j)
    if pair is not None:
        new, old = pair
        old_text, new_text = words.text(*old), words.text(*new) if new else ""
        fact = next((e for e in earlier if same_value(e.value, old_text) or within(old_text, e.value)), None)
        if fact is not None and (not new or _value_like(words, *new)):
            found = [Fact(fact.subject, fact.attribute, old_text, fact.type, Claim.DENIES, 1.0, True)]
            if new:
                found.insert(0, Fact(fact.subject, fact.attribute, new_text, fact.type, Claim.HOLDS, 1.0, True))
            return tuple(found)
        if fact is None and copula == 0:
            return None
        if new and fact is None:
            i, j = new
    if not (corrects or copula) or i >= j or not _value_like(words, i, j):
        return None
    if not corrects and not lead.corrects and copula and low[lead.end] not in ("it", "that"):
        return None
    value = words.text(i, j)
    shape = shape_of(value)
    for fact in earlier:
        if same_value(fact.value, value):
            return None
        if fact.type in (FactType.SINGLE, FactType.MANY) and compatible(fact, shape, value):
            found = [Fact(fact.subject, fact.attribute, value, fact.type, Claim.HOLDS, 1.0, True)]
            if fact.type is FactType.MANY:
                if not corrects:
                    return None
                found.append(_denied(fact))
            return tuple(found)
        if copula and not corrects:
            return None
    return () if corrects and copula else None


def _pair(words: Words, i: int, j: int) -> tuple[tuple[int, int] | None, tuple[int, int]] | None:
    """Return the ranges of the new value (or None) and of the old one."""
    low = words.low
    if low[i] == "not":
        for k in range(i + 2, j):
            if low[k] in ("but", ",", "-", ";", "\u2013", "\u2014"):
                begin = k + 1
                while begin < j and low[begin] in ("but", "it", "'s", "is", ",", "in", "as", "a"):
                    begin += 1
                return ((begin, j) if begin < j else None), (i + 1, k)
        return None, (i + 1, j)
    for k in range(i + 1, j - 1):
        if low[k] == "not" and low[k - 1] in (",", "and", "-", ";", "\u2013", "\u2014"):
            return (i, k - 1), (k + 1, j)
        if low[k] in ("instead", "rather") and low[k + 1] in ("of", "than") and k + 2 < j:
            return (i, k), (k + 2, j)
    return None


def _value_like(words: Words, i: int, j: int) -> bool:
    """Return whether the words are a value and no clause: at most five, none of them a verb or a pronoun, no mere adjective."""
    low = words.low
    if (
        j - i > 5
        or low[i] in _ORDINARY
        or any(low[k] in ("me", "you", "him", "us", "them") for k in range(i, j))
        or any(low[k] in verbs.BE or low[k] in verbs.DO or low[k] in ("have", "has", "i") for k in range(i, j))
    ):
        return False
    return not (
        (j - i == 1 and (adjectives.is_adjective(low[i]) or low[i] in verbs.GERUND or (low[i] in verbs.BASE and not words.capital(i))))
        or low[i] in adjectives.INTENSIFIERS
    )


def shape_of(value: str) -> str:
    """Return of what kind a value is by its form: a number, a day, a month's date, a colour, an email address, a name or words."""
    lower = value.lower()
    parts = [word.strip(".,") for word in lower.split()]
    if "@" in value:
        return "email"
    if any(p in nouns.DAYS or p in ("tomorrow", "today") for p in parts):
        return "day"
    if any(p in nouns.MONTHS for p in parts) and (nouns.has_digit(value) or (len(parts) == 1 and value[:1].isupper())):
        return "date"
    if re.match(r"\d{1,2}(?::\d\d)? ?(?:am|pm)\b|\d{1,2}:\d\d\b|noon|midnight", lower):
        return "time"
    if nouns.has_digit(value) and len(parts) == 1 and not value.isdigit() and re.search(r"[a-z]", lower):
        return "code"
    if nouns.has_digit(value):
        return "number"
    if any(p in nouns.COLOURS for p in parts):
        return "colour"
    if value[:1].isupper():
        return "name"
    return "words"


_NEAR = {
    "number": {"number", "code"},
    "code": {"number", "code", "words"},
    "name": {"name"},
    "words": {"words", "code"},
    "time": {"time", "number"},
}
_NAMED = frozenset(
    "name nickname city town country origin employer birthplace university school car team language make membership club".split()
)


def compatible(fact: Fact, shape: str, value: str) -> bool:
    """Return whether a value of this form can stand in the place of the fact's value."""
    old = shape_of(fact.value)
    if old == shape or shape in _NEAR.get(old, ()):
        return shape != "words" or len(value.split()) <= 3
    # Who writes without capital letters means names too, and a sentence may begin with a word that is none.
    loose = {"name", "words"}
    return {old, shape} == loose and (fact.attribute.split()[-1] in _NAMED or not nouns.has_digit(value))
