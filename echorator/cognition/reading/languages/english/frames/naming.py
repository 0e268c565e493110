"""Reads names: "is called Klara", "my brother is Tom", "Will is my brother"."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.attributes import instead
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY = FactType.SINGLE, FactType.MANY


def named(f: Frame, i: int, j: int) -> None:
    """Read a name: "is called Klara"; for several, "are called Tom and Jerry"."""
    low = f.low
    while i < j - 1 and low[i] in ("now", "actually", "also", "just"):
        i += 1
    parts = f.parts(i, f.cut(i, j))
    corrected = instead(f, i, j)
    if corrected is not None:
        (i, j), (one, two) = corrected
        f.add("name", f.w.text(one, two), claim=Claim.DENIES)
        parts = [(i, f.name_end(i, j))]
    group = f.thing.group and len(parts) > 1
    if not group:
        if low[i] in ("a", "an", "the") and not f.thing.noun:
            return
        parts = [(i, f.name_end(i, j) if f.w.capital(i) or low[i] in ('"', "'") else f.cut(i, j))]
    elif parts and any(f.w.capital(one) != f.w.capital(parts[0][0]) for one, _ in parts):
        parts = [(one, two) for one, two in parts if f.w.capital(one)]
    owned = f.thing.article == "the" and not f.thing.owner and (f.thing.head in nouns.PETS or f.thing.head in nouns.CHILDREN)
    subject = f"{f.context.me}'s {f.thing.noun}" if owned else None  # "the dog is called Rex"
    claim = Claim.HOLDS if f.mine and f.verb.past and not f.verb.negated else None  # "I was named Alexander"
    for one, two in parts:
        f.add("name", f.w.text(one, two), MANY if group else SINGLE, subject=subject, claim=claim)


def proper_is(f: Frame, i: int, j: int) -> None:
    """Read a name behind "is": of a person or animal it is the name, of an attribute its value, of a car the make."""
    w, low = f.w, f.low
    end = f.name_end(i, j)
    value = w.text(i, end)
    behind = low[end] if end < j else ""
    head = f.thing.head
    if behind and behind not in (",", "and", "from", "but", "by", "-", "(", "who", "now", "at", "in", "with", ";"):
        return
    if f.mine:
        if f.thing.group or f.verb.past or (f.verb.negated and end < j):
            return
        if w.raw[i].isupper() and len(w.raw[i]) <= 3:
            return
        f.add("name", value)
        if behind == "from" and end + 1 < j and w.capital(end + 1):
            f.add("origin", w.text(end + 1, f.name_end(end + 1, j)))
        elif behind == "," and end + 1 < j and f.is_number(end + 1) and (end + 2 >= j or low[end + 2] in ("years", ",", "yo")):
            f.add("age", w.text(end + 1, end + 2))
    elif head in nouns.VEHICLES:
        f.add(head, value, subject=f.thing.owner)
    elif head in nouns.KIN or head in nouns.PETS:
        parts = f.parts(i, f.cut(i, j))
        if f.thing.group and len(parts) > 1:
            for one, two in parts:
                if f.is_name(one, two):
                    f.add("name", w.text(one, two), MANY)
        else:
            f.add("name", value)
    elif (f.thing.noun and f.thing.owner and not f.thing.group and not f.verb.past) or (
        f.thing.noun and f.thing.article == "the" and not f.verb.past and head not in nouns.EVENTS and end == j and j - i <= 3
    ):
        f.add("name", value)


def inverse(f: Frame, i: int) -> None:
    """Read "Will is my brother", "Teal is my favourite colour", "Rex is our dog"."""
    found = f.parser.thing_at(i, subject=False)
    if found is None:
        return
    thing = found[0]
    value = f.thing.name or (f.w.text(f.clause.verb.start - 1, f.clause.verb.start) if not f.thing.noun else "")
    slot = slot_of(thing, f.context.me)
    related = thing.head in nouns.KIN or thing.head in nouns.PETS or nouns.is_job(thing.head)
    if slot is not None and slot.attribute and value:
        f.add(slot.attribute, value, slot.type, subject=slot.subject)
    elif f.thing.name and not f.thing.noun and thing.owner and thing.noun and related:
        several = thing.noun in ("friend", "colleague", "cousin", "neighbour")
        f.add("name", value, MANY if several else SINGLE, subject=thing.subject)
