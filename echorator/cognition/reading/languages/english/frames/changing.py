"""Reads what ends or changes by the verb: "quit my job", "stopped smoking", "switched from X to Y"."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_VAGUE = frozenset(
    """it that this you him her them me us myself what how when being your his these those one everything anything nothing something
    everyone to where who his their if whether there here all""".split()
)


_WORK = frozenset(
    "nursing teaching acting engineering law medicine banking consulting marketing farming journalism accounting modelling".split()
)


def quit_(f: Frame) -> None:
    """Read "quit my job", "stopped smoking", "gave up meat", "left Google", "no longer play tennis"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    lemma = f.verb.lemma
    if i >= j or not f.subject or f.verb.modal or f.verb.future or f.verb.negated or f.verb.progressive:
        return
    if not (f.verb.past or f.verb.perfect or f.verb.form in ("quit",)):
        return
    if lemma == "give":
        if low[i] != "up" or i + 1 >= j:
            return
        i += 1
    if lemma == "leave":
        if low[i] in ("my", "the") and low[i + 1 : i + 2] in (["job"], ["company"], ["firm"], ["position"]):
            f.add("employer", "", claim=Claim.DENIES)
            if low[i + 1] == "job":
                f.add("job", "", claim=Claim.DENIES)
        elif w.capital(i) and f.mine and low[i] not in nouns.DAYS and low[i] not in nouns.COUNTRIES:
            f.add("employer", w.text(i, f.name_end(i, j)), claim=Claim.PAST)
        return
    if low[i] in ("my", "the", "that") and "job" in low[i:j]:
        k = low.index("job", i, j)
        f.add("job", "" if k == i + 1 else w.text(i + 1, k), claim=Claim.DENIES if k == i + 1 else Claim.PAST)
        if k + 2 < j and low[k + 1] in ("at", "with"):
            f.add("employer", w.text(k + 2, f.cut(k + 2, j, "and in last to as because")), claim=Claim.PAST)
            if k == i + 1:
                f.facts.pop(-2)
        else:
            f.add("employer", "", claim=Claim.DENIES)
        return
    end = f.cut(i, j, "and last in because for when since two three to but after years a")
    word = low[i]
    if word in ("eating", "drinking", "smoking") and lemma in ("stop", "quit", "give"):
        if word == "smoking" and end - i == 1:
            f.add("habit", w.text(i, end), MANY, claim=Claim.PAST)
        else:
            list_facts(f, {"eating": "eats", "drinking": "drinks", "smoking": "habit"}[word], i + 1, end, claim=Claim.DENIES)
        return
    if word in ("playing",) and end > i + 1:
        start = i + 2 if low[i + 1] == "the" else i + 1
        attribute = "instrument" if nouns.noun_of(low[end - 1]) in nouns.INSTRUMENTS else "hobby"
        f.add(attribute, w.text(start, end), MANY, claim=Claim.PAST)
        return
    if word in ("working",) and low[i + 1 : i + 2] in (["at"], ["for"]):
        f.add("employer", w.text(i + 2, end), claim=Claim.PAST)
        return
    if word in ("working",) and low[i + 1 : i + 2] == ["as"]:
        start = i + 3 if low[i + 2 : i + 3] in (["a"], ["an"]) else i + 2
        stop = f.cut(start, j, "and last in because at")
        f.add("job", w.text(start, stop), claim=Claim.PAST)
        return
    if word in ("using", "learning", "studying") and end > i + 1:
        f.add("uses" if word == "using" else "learning", w.text(i + 1, end), MANY, claim=Claim.PAST)
        return
    if word == "being" or word in _VAGUE:
        return
    if lemma == "quit" and (word in verbs.GERUND or word in _WORK) and end - i <= 2:
        if word in _WORK:
            f.add("job", w.text(i, end), claim=Claim.PAST)
        else:
            f.add("hobby", w.text(i, end), MANY, claim=Claim.PAST)
        return
    if lemma in ("give", "quit", "stop") and end - i <= 3:
        head = nouns.noun_of(low[end - 1])
        if head in nouns.GAMES or head in nouns.ACTIVITIES or head in nouns.INSTRUMENTS:
            f.add(
                "instrument" if head in nouns.INSTRUMENTS else "hobby", w.text(i + 1 if low[i] == "the" else i, end), MANY, claim=Claim.PAST
            )
        elif lemma == "give" and head not in ("hope", "everything", "trying"):
            f.add("eats", w.text(i, end), MANY, claim=Claim.DENIES)
            f.add("habit", w.text(i, end), MANY, claim=Claim.PAST)


def switch(f: Frame) -> None:
    """Read "switched from nursing to teaching", "changed my phone number to 555 1234"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if f.verb.modal or f.verb.future or f.verb.negated:
        return
    f.context.slot = slot_of(f.thing, f.context.me) or f.context.slot  # "my number has changed: it's 555"
    if low[i] == "to" and (slot := slot_of(f.thing, f.context.me)) is not None and slot.attribute and i + 1 < j:
        f.add(slot.attribute, w.text(i + 1, f.cut(i + 1, j)), slot.type, subject=slot.subject, claim=Claim.HOLDS)
        return
    if low[i] in ("my", "our", "the") and f.mine:
        found = f.parser.thing_at(i, subject=False)
        if found is None:
            return
        thing, end = found
        to = next((k for k in range(end, j) if low[k] == "to"), None)
        if to is None and thing.post:
            return
        slot = slot_of(thing, f.context.me)
        if to is None or to + 1 >= j or slot is None:
            return
        origin = next((k for k in range(end, to) if low[k] == "from"), None)
        f.add(slot.attribute, w.text(to + 1, f.cut(to + 1, j)), slot.type, subject=slot.subject, claim=Claim.HOLDS)
        if origin is not None and origin + 1 < to:
            f.add(slot.attribute, w.text(origin + 1, to), slot.type, subject=slot.subject, claim=Claim.PAST)
        return
    origin = next((k for k in range(i, j) if low[k] == "from"), None)
    to = next((k for k in range(i, j) if low[k] == "to"), None)
    if to is None or to + 1 >= j:
        return
    if low[to + 1] in ("a", "an", "the"):
        to += 1
    new = (to + 1, f.cut(to + 1, j, "in last because and for at since this a from two when"))
    old = (origin + 1, f.cut(origin + 1, j, "to in last because and")) if origin is not None else None
    attribute, kind = kind_of_value(f, *new)
    if not attribute and old is not None:
        attribute, kind = kind_of_value(f, *old)
    known = None
    if old is not None:
        value = w.text(*old)
        known = next((fact for fact in f.context.earlier if fact.value.lower() == value.lower()), None)
    if known is not None:
        attribute, kind = known.attribute, known.type
    if not attribute or new[0] >= new[1]:
        return
    f.add(attribute, w.text(*new), kind, claim=Claim.HOLDS, subject=known.subject if known else None)
    if old is not None:
        f.add(attribute, w.text(*old), kind, claim=Claim.PAST, subject=known.subject if known else None)


def kind_of_value(f: Frame, i: int, j: int) -> tuple[str, FactType]:
    """Return which attribute of a person has a value like the words i to j - 1."""
    low = f.low
    if i >= j:
        return "", SINGLE
    head = nouns.noun_of(low[j - 1])
    if low[i] in nouns.DIETS:
        return "diet", SINGLE
    if nouns.is_job(head) or low[j - 1] in ("nursing", "teaching", "engineering", "marketing", "consulting", "banking", "law", "medicine"):
        return "job", SINGLE
    if head in nouns.MAKES:
        return "car", SINGLE
    if head in nouns.INSTRUMENTS:
        return "instrument", MANY
    if head in nouns.GAMES:
        return "hobby", MANY
    if f.w.capital(i):
        return "uses", MANY
    return "", SINGLE
