"""Reads what someone gets and loses: "got married", "bought a new car", "sold my bike", "our dog died"."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.employers import employer
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.having import has, item
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT


def get(f: Frame) -> None:
    """Read "got married", "got a new car, a Tesla", "got a job at Siemens", "got rid of my car"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or f.verb.modal or f.verb.negated or (f.verb.future and low[i] not in ("married",)):
        return
    happened = f.verb.past or f.verb.perfect
    if not happened and not f.verb.progressive and low[i] in nouns.CONDITIONS:
        list_facts(f, "medical condition", i, i + 1)
        return
    word = low[i]
    if not f.subject:
        return
    if word in ("married", "divorced", "engaged", "separated") and (f.mine or f.thing.noun or f.thing.name):
        if happened:
            f.add("marital status", w.text(i, i + 1), claim=Claim.HOLDS)
        elif f.verb.progressive or f.verb.future:
            f.add("plan", w.text(f.verb.end - 1, j), EVENT, claim=Claim.HOLDS)
        return
    if not happened:
        return
    if word == "rid" and i + 2 < j and low[i + 1] == "of":
        lost(f, i + 2, j)
        return
    if word in ("fired", "laid") or (word == "let" and low[i + 1 : i + 2] == ["go"]):
        f.add("employer", "", claim=Claim.DENIES)
        f.add("job", "", claim=Claim.DENIES)
        return
    if word in ("hired", "employed") and i + 2 < j and low[i + 1] in ("by", "at"):
        employer(f, i + 2, f.cut(i + 2, j, "as in and last this"))
        return
    if word in ("promoted", "accepted", "transferred") and i + 2 < j and low[i + 1] == "to":
        if word == "promoted":
            end = f.cut(i + 2, j, "at in and last this on")
            start = i + 3 if low[i + 2] in ("a", "an", "the") else i + 2
            f.add("job", w.text(start, end), claim=Claim.HOLDS)
        return
    if word == "diagnosed" and i + 2 < j and low[i + 1] == "with":
        list_facts(f, "medical condition", i + 2, j, claim=Claim.HOLDS)
        return
    acquire(f, i, j)


def acquire(f: Frame, i: int, j: int) -> None:
    """Read something new that one got, bought or adopted; behind a comma it may be named: "a new car, a Tesla"."""
    low = f.low
    renewed = "new" in low[i : i + 3]
    if low[i] in ("it", "that", "this", "to", "up", "back", "home", "out", "the", "some", "my", "into", "used", "me", "you", "him", "her"):
        return
    phrase = f.phrase(i, j)
    if phrase is None:
        return
    if phrase.noun == "number" and renewed:
        f.add("phone number", f.w.text(phrase.stop + 1, j), claim=Claim.HOLDS) if phrase.stop + 1 < j else None
        return
    if phrase.noun in nouns.VEHICLES and phrase.stop + 1 < j and low[phrase.stop] in (",", ":", "-"):
        inner = f.phrase(phrase.stop + 1, j)
        if inner is not None:
            f.add(phrase.noun, f.w.text(inner.start, inner.end), SINGLE, claim=Claim.HOLDS)
            return
    if phrase.noun in nouns.EVENTS or phrase.noun in ("beer", "coffee"):
        return
    end = f.cut(i, j, "from for last in on yesterday today at with because when who this")
    if phrase.noun in ("job", "position", "role", "degree", "allergy"):
        end = j
    has(f, i, end, Claim.HOLDS, acquired=renewed)


def obtain(f: Frame) -> None:
    """Read a clause with "buy" or "adopt"."""
    if f.i >= f.j or f.verb.modal or f.verb.negated or f.verb.future or not (f.verb.past or f.verb.perfect):
        return
    acquire(f, f.i, f.j)


def lost(f: Frame, i: int, j: int) -> None:
    """Note that one has something no more."""
    low = f.low
    while i < j - 1 and low[i] in ("my", "our", "the", "his", "her", "their", "old", "a"):
        i += 1
    end = f.cut(i, j, "in at on last to for because when yesterday and this from with")
    phrase = f.phrase(i, end) if i < end else None
    if phrase is None:
        return
    if phrase.noun == "job":
        f.add("job", "", claim=Claim.DENIES)
        f.add("employer", "", claim=Claim.DENIES)
        return
    item(f, phrase, end, Claim.PAST)


def sell(f: Frame) -> None:
    """Read "sold my car", "lost my job"."""
    if f.i < f.j and (f.verb.past or f.verb.perfect) and not f.verb.negated and not f.verb.modal and f.subject:
        if f.low[f.i] not in ("my", "our", "his", "her", "their"):
            return
        if f.verb.lemma == "lose" and f.low[f.j - 1] != "job":
            head = f.phrase(f.i, f.j)
            if head is None or head.noun not in ("job",):
                return
        lost(f, f.i, f.j)


def die(f: Frame) -> None:
    """Read that an animal or a person died."""
    if (f.verb.past or f.verb.perfect) and not f.verb.negated and not f.verb.modal:
        passed_away(f)


def passed_away(f: Frame) -> None:
    """Note what a death ends: the pet, and that somebody has its name."""
    thing = f.thing
    me = f.context.me
    if thing.noun and thing.owner == me and thing.head in nouns.PETS:
        f.add("pet", thing.name or thing.noun, MANY, subject=me, claim=Claim.PAST)
        if thing.name:
            f.add("name", thing.name, subject=thing.subject, claim=Claim.PAST)
    elif thing.name and not thing.noun and thing.owner != thing.name.lower() and "'s " in thing.owner:
        owner, _, noun = thing.owner.rpartition("'s ")
        if noun in nouns.PETS:
            f.add("pet", thing.name, MANY, subject=owner, claim=Claim.PAST)
            f.add("name", thing.name, subject=thing.owner, claim=Claim.PAST)


def break_up(f: Frame) -> None:
    """Read "I broke up with my girlfriend"."""
    low, i, j = f.low, f.i, f.j
    if low[i : i + 2] == ["up", "with"] and i + 3 < j and f.verb.past and not f.verb.negated and f.mine:
        noun = nouns.noun_of(low[i + 3])
        if noun in nouns.PARTNERS:
            f.add("partner", f.w.text(i + 3, i + 4), MANY, claim=Claim.PAST)


def marry(f: Frame) -> None:
    """Read "I married Tom in 2010"."""
    i, j, w = f.i, f.j, f.w
    if f.verb.negated or f.verb.modal or not (f.verb.past or f.verb.perfect):
        return
    if f.verb.lemma == "divorce":
        f.add("marital status", w.text(f.verb.end - 1, f.verb.end), claim=Claim.HOLDS)
        return
    f.add("marital status", w.text(f.verb.end - 1, f.verb.end), claim=Claim.HOLDS)
    if i < j and f.is_name(i, f.name_end(i, j)):
        f.add("name", w.text(i, f.name_end(i, j)), subject=f.other("spouse"), claim=Claim.HOLDS)
