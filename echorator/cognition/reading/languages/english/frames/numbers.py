"""Reads numbers behind "is": an age, a height, a code."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.frames.frame import NUMBERS, TENS, Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY = FactType.SINGLE, FactType.MANY

_SIZES = re.compile(r"\d+(?:[.,]\d+)?(?:cm|m|kg|lbs?|ft|'\d{0,2}\"?|km)?\Z")


def number_is(f: Frame, i: int, j: int) -> None:
    """Read an age, a height, a weight; a number that a thing is."""
    low, w = f.low, f.w
    k = i + 1
    if low[i] in TENS and k < j and low[k] in NUMBERS:
        k += 1
    unit = low[k] if k < j else ""
    if low[i] == "one" and unit not in ("year", "month"):
        return
    person = f.mine or f.thing.head in nouns.KIN or f.thing.head in nouns.PETS or (f.thing.name and not f.thing.noun)
    if low[i] in ("one",) and unit in ("of",):
        return
    if unit in ("year", "years", "yrs", "yr", "yo", "y.o", "month", "months", "week", "weeks"):
        if k + 1 >= j and unit.startswith("y") and unit not in ("yo", "y.o") and not person:
            return
        if k + 1 < j and low[k + 1] in ("into", "away", "ahead", "behind", "late", "early", "sober", "clean", "in", "of", "since"):
            return
        end = k if unit[0] == "y" else k + 1
        if f.claim is not Claim.PAST:
            f.add("age", w.text(i, end), MANY if f.thing.group else SINGLE)
    elif unit in ("cm", "centimetres", "centimeters", "feet", "foot", "ft", "m", "metres", "meters") and person:
        end = k + 1
        while end < j and low[end] not in ("tall", "high", "and", "in") and low[end][:1].isalnum():
            end += 1
        f.add("height", w.text(i, end))
    elif unit in ("kg", "kilos", "pounds", "lbs", "kilograms", "stone") and person:
        f.add("weight", w.text(i, k + 1))
    elif unit == "tall" or (_SIZES.match(low[i]) and not low[i].isdigit() and person):
        f.add("weight" if low[i].endswith(("kg", "lb", "lbs")) else "height", w.text(i, k))
    elif person and k >= j and (low[i] in NUMBERS or low[i].isdigit() or low[i].split("-")[0] in TENS):
        if low[i].isdigit() and not 0 < int(low[i]) < 120:
            if f.thing.head == "phone":
                f.add("phone number", w.text(i, j), subject=f.thing.owner)
            return
        if f.claim is not Claim.PAST:
            f.add("age", w.text(i, k), MANY if f.thing.group else SINGLE)
    elif f.thing.head in ("phone", "mobile", "cell", "telephone", "landline") and f.thing.owner:
        if sum(c.isdigit() for c in w.text(i, j)) >= 3:
            f.add("phone number", w.text(i, j), subject=f.thing.owner)
    elif not person and f.thing.noun and f.thing.owner:
        code_is(f, i, j)


def code_is(f: Frame, i: int, j: int) -> None:
    """Read a number or a name of a thing that is neither a person nor an attribute: "the staging server is heron-7"."""
    end = f.cut(i, j, "and but because so which until if , when then")
    if end - i > 4:
        return
    value = f.w.text(i, end)
    thing = f.thing
    if thing.head in nouns.EVENTS or thing.group:
        return
    if thing.subject:
        f.add("name", value)
