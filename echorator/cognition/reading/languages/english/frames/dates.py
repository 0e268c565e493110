"""Reads the day, the time and the place of meetings and the like."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.frames.frame import NUMBERS, Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_VISITED = frozenset("dentist doctor vet therapist hairdresser optician physiotherapist".split())
_LOSABLE = frozenset(
    """key keys wallet phone laptop tablet computer bike bicycle camera guitar violin kindle passport bag umbrella charger glasses
        purse card ticket headphone""".split()
)
_CLOCK = re.compile(r"\d{1,2}(?:[:.]\d\d)?(?:am|pm|h)?\Z|noon\Z|midnight\Z")


def rescheduled(f: Frame, i: int, j: int) -> None:
    """Read the new day or time of a meeting: "moved to Thursday", "postponed until 5 pm"."""
    low = f.low
    k = next((k for k in range(i, j) if low[k] in ("to", "until", "till")), None)
    if k is not None and k + 1 < j and not f.verb.negated:
        end = f.cut(k + 1, j, "because and so since but at")
        start = k + 2 if low[k + 1] == "the" else k + 1
        if start < end:
            _dated(f, start, end)
        if end + 1 < j and low[end] == "at":
            _dated(f, end + 1, j)


def when_and_where(f: Frame, i: int, j: int) -> None:
    """Read the day, the time and the place of a meeting; of anything else a place is only a state."""
    low, w = f.low, f.w
    head = f.thing.head
    dated = low[i] == "on" and low[i + 1] in nouns.DAYS and f.thing.noun and (head not in nouns.KIN or head in _VISITED)
    if (head not in nouns.EVENTS and not dated) or f.verb.negated:
        movable = head in nouns.VEHICLES or head in _LOSABLE
        if movable and low[i] in ("in", "at", "on", "with", "under", "outside", "inside", "behind", "near") and f.thing.owner:
            f.add(
                "location",
                w.text(i, f.cut(i, j, "because but so until since and ,")),
                STATE,
                claim=Claim.HOLDS if not f.verb.negated else Claim.DENIES,
            )
        return
    if f.verb.past:
        return
    while i < j:
        word = low[i]
        k = i + 1
        if word in ("on", "at", "in", "by", "scheduled", "set", "due", "for", "held", "planned"):
            while k < j and low[k] in ("on", "at", "in", "the", "for"):
                k += 1
            end = k
            while end < j and low[end] not in ("on", "at", "in", "with", "and", "but", "so", "from", ",", "to", "about", "because", "for"):
                end += 1
            if k < end:
                _dated(f, k, end)
            i = max(end, k)
        elif word in ("tomorrow", "today", "tonight", "next", "this", "every"):
            end = i + 2 if word in ("next", "this", "every") and i + 2 <= j else i + 1
            f.add("day", w.text(i, end), claim=Claim.HOLDS)
            i = end
        else:
            i += 1


def _dated(f: Frame, i: int, j: int) -> None:
    low, w = f.low, f.w
    value = w.text(i, j)
    if any(x in nouns.DAYS or x in nouns.MONTHS for x in low[i:j]) or re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)", low[i]):
        f.add("day", value, claim=Claim.HOLDS)
    elif (
        (_CLOCK.match(low[i]) and (j - i == 1 or low[i + 1] in ("am", "pm", "o'clock", "sharp", "a.m", "p.m")))
        or (low[i] in NUMBERS and j - i <= 2)
        or low[i] in ("half", "quarter")
        or low[j - 1] in ("am", "pm", "o'clock")
    ):
        f.add("time", value, claim=Claim.HOLDS)
    elif low[i] in ("morning", "afternoon", "evening"):
        return
    elif (
        w.capital(i)
        or any(nouns.has_digit(x) for x in low[i:j])
        or low[j - 1] in ("room", "office", "hall", "kitchen", "lobby", "cafeteria")
    ):
        f.add("place", value, claim=Claim.HOLDS)
