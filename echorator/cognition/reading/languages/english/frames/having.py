"""Reads what someone has: pets, family, illnesses, cars, jobs."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.employers import BEHIND_EMPLOYER, employer
from echorator.cognition.reading.languages.english.frames.frame import Frame, Phrase
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT


def have(f: Frame) -> None:
    """Read a clause with "have"."""
    low = f.low
    if f.verb.modal in ("can", "could") and f.verb.negated and f.i < f.j:
        if f.verb.modal == "can" and _food_like(f):
            list_facts(f, "eats", f.i, f.j, claim=Claim.DENIES)
        return
    if not f.real or f.i >= f.j or low[f.i] in ("to", "been", "it", "you", "that", "this", "never", "not"):
        return
    if not f.subject:
        return
    claim = f.claim
    if low[f.i] == "no" or (low[f.i] in ("zero", "neither")):
        f.verb.negated = True
        claim = f.claim if not f.verb.used and not f.verb.past else Claim.PAST
        if f.verb.past:
            return
    has(f, f.i, f.j, claim)


def _food_like(f: Frame) -> bool:
    return f.j - f.i <= 3 and f.low[f.i] not in (
        "any",
        "a",
        "the",
        "children",
        "kids",
        "my",
        "it",
        "both",
        "everything",
        "enough",
        "pets",
        "dogs",
        "cats",
        "fun",
    )


def has(f: Frame, i: int, j: int, claim: Claim, *, acquired: bool = False) -> int:
    """Note what someone has of the list in the words i to j - 1, and return the number of facts."""
    low = f.low
    end = f.cut(i, j, "because since but so who which when while if that until where ; ( although though")
    before = len(f.facts)
    last: Phrase | None = None
    for one, two in _parts(f, i, end):
        if (
            last is not None
            and f.is_name(one, f.cut(one, two))
            and (last.noun in nouns.PETS or last.noun in nouns.KIN)
            and low[one] not in nouns.MAKES
        ):
            f.add(
                "name",
                f.w.text(one, f.cut(one, two)),
                MANY if last.counted or low[last.end - 1] != last.noun else SINGLE,
                subject=f.other(_relation(f, last)),
                claim=claim,
            )
            continue
        phrase = f.phrase(one, two)
        if phrase is None:
            continue
        if last is not None and phrase.determiner == "" and phrase.name == "" and low[one] in ("called", "named"):
            continue
        item(f, phrase, two, claim, acquired)
        last = phrase
    if last is not None and not last.name and (last.noun in nouns.PETS or last.noun in nouns.KIN):
        _names_behind(f, last, claim)
    return len(f.facts) - before


def _names_behind(f: Frame, phrase: Phrase, claim: Claim) -> None:
    """Read the names behind a mark that ends the clause: "three kids: Ben, Tom and Sara", "a dog (Rex)"."""
    low, end = f.low, f.clause.end
    if end + 1 >= len(f.w) or low[end] not in (":", "(", "-", "\u2013", "\u2014") or phrase.end + 1 < f.j:
        return
    stop = end + 1
    while stop < len(f.w) and (f.w.capital(stop) or low[stop] in (",", "and", "&")):
        stop += 1
    for one, two in f.parts(end + 1, stop):
        if f.is_name(one, two):
            f.add("name", f.w.text(one, two), MANY if phrase.counted else SINGLE, subject=f.other(_relation(f, phrase)), claim=claim)


def _parts(f: Frame, i: int, j: int) -> list[tuple[int, int]]:
    """Return the ranges of a list of things; a comma behind a thing may only introduce its name."""
    parts = f.parts(i, j)
    joined: list[tuple[int, int]] = []
    for one, two in parts:
        if (joined and f.low[one] in ("called", "named", "aged")) or (
            joined and f.low[joined[-1][1] - 1] in nouns.COLOURS and two - one >= 2
        ):
            joined[-1] = (joined[-1][0], two)
        else:
            joined.append((one, two))
    return joined


def _relation(f: Frame, phrase: Phrase) -> str:
    """Return the noun by which others speak of what a phrase means: "older sister", "dog"."""
    words = [
        w
        for w in f.low[phrase.start : phrase.end - 1]
        if w in ("older", "younger", "elder", "twin", "little", "big", "best", "youngest", "oldest", "eldest", "half", "step")
    ]
    return " ".join([*words, nouns.species_of(phrase.noun)])


def item(f: Frame, phrase: Phrase, stop: int, claim: Claim, acquired: bool = False) -> None:
    """Note one thing that someone has."""
    low, w = f.low, f.w
    head = phrase.noun
    if head.isdigit() and phrase.words > 1:  # the number of a model
        head = nouns.noun_of(low[phrase.end - 2])
    value = w.text(phrase.start, phrase.end)
    behind = low[phrase.stop] if phrase.stop < stop else ""
    if (
        phrase.counted
        and phrase.start > 0
        and (
            low[phrase.start - 1].isdigit()
            or low[phrase.start - 1] in ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")
        )
    ):
        value = w.text(phrase.start - 1, phrase.end)
    if head == "pet":
        f.add("pet", "" if claim is Claim.DENIES else value, MANY, claim=claim) if claim is Claim.DENIES or phrase.words > 1 else None
        return
    if (head in nouns.PETS and not (head == "fish" and behind == "for")) or (head in nouns.TWO_WORD_PETS and phrase.words > 1):
        f.add("pet", w.text(phrase.start, phrase.stop) if phrase.name and not phrase.counted else value, MANY, claim=claim)
        if phrase.name:
            f.add(
                "name",
                phrase.name,
                MANY if phrase.counted and low[phrase.end - 1] != head else SINGLE,
                subject=f.other(nouns.species_of(head)),
                claim=claim,
            )
        return
    if head in nouns.KIN:
        attribute = (
            "child"
            if head in nouns.CHILDREN
            else "sibling"
            if head in nouns.SIBLINGS
            else "partner"
            if head in nouns.PARTNERS
            else "family"
        )
        if head in nouns.PEOPLE and not phrase.name:
            return
        if head == "baby" and f.verb.past:
            claim = Claim.HOLDS  # "we had a baby"
        aged = next((low[k] for k in range(phrase.start, phrase.end) if low[k].endswith(("-year-old", "-years-old"))), "")
        if aged and not phrase.counted:
            f.add("age", aged.split("-year")[0], SINGLE, subject=f.other(_relation(f, phrase)), claim=claim)
        if head in ("date", "lead", "crush"):
            return
        if head not in nouns.PEOPLE:
            whole = value if claim is not Claim.DENIES or head not in ("child", "sibling", "kid") else ""
            f.add(attribute, whole, MANY, claim=claim)
        if phrase.name:
            f.add("name", phrase.name, MANY if phrase.counted else SINGLE, subject=f.other(_relation(f, phrase)), claim=claim)
        return
    if head in ("allergy", "intolerance"):
        attribute = head
        if behind == "to":
            list_facts(f, attribute, phrase.stop + 1, stop, claim=claim)
        elif phrase.words > 1:
            start = phrase.start
            while start < phrase.end - 2 and low[start] in (
                "severe",
                "mild",
                "bad",
                "serious",
                "slight",
                "strong",
                "terrible",
                "bit",
                "food",
            ):
                start += 1
            if low[start] not in ("severe", "mild", "bad", "serious", "food", "strong", "terrible"):
                f.add(attribute, w.text(start, phrase.end - 1), MANY, claim=claim)
        elif claim is Claim.DENIES and not behind:
            f.add(attribute, "", MANY, claim=claim)
        return
    if (
        head in nouns.CONDITIONS
        or low[phrase.end - 1] in nouns.CONDITIONS
        or (head.endswith(nouns.CONDITION_ENDS) and phrase.words > 1 and low[phrase.start] not in ("no", "big", "small"))
    ):
        f.add("medical condition", value, MANY, claim=claim)
        return
    if head == "fear" and behind == "of":
        list_facts(f, "fear", phrase.stop + 1, stop, claim=claim)
        return
    if head in ("degree", "phd", "doctorate", "master", "bachelor", "diploma", "mba", "bsc", "msc", "ba", "ma") and claim is Claim.HOLDS:
        f.add("degree", w.text(phrase.start, f.cut(phrase.start, stop, "and , but which")), MANY, claim=claim)
        return
    if head in ("passion", "weakness", "soft-spot") and behind == "for":
        list_facts(f, "likes", phrase.stop + 1, stop, claim=claim)
        return
    if head in ("eye", "hair") and phrase.words > 1:
        f.add(f"{head} colour", w.text(phrase.start, phrase.end), SINGLE, claim=claim)
        return
    if head in ("job", "position", "role", "gig") and claim is not Claim.DENIES:
        _job(f, phrase, stop, claim)
        return
    if head in ("birthday", "anniversary") and behind in ("on", "in"):
        end = f.cut(phrase.stop + 1, stop)
        if any(nouns.has_digit(x) or x in nouns.MONTHS for x in low[phrase.stop + 1 : end]):
            f.add(head, w.text(phrase.stop + 1, end), SINGLE, claim=claim)
        return
    if head in nouns.EVENTS:
        _appointment(f, phrase, stop, claim)
        return
    car = next(
        (
            k
            for k in range(phrase.start, phrase.end)
            if low[k] in nouns.MAKES
            and (
                w.capital(k) or low[k] not in ("seat", "mini", "focus", "leaf", "golf", "ram", "smart", "rover", "civic", "polo", "fiesta")
            )
        ),
        None,
    )
    if head in nouns.VEHICLES or (car is not None and head not in nouns.THINGS):
        if claim is not Claim.HOLDS and head == "car" and phrase.words == 1:
            f.add(head, "", claim=Claim.DENIES)
        elif phrase.counted:
            f.add("car", value, MANY, claim=claim)
        elif head in nouns.VEHICLES and phrase.words == 1:
            f.add("car" if head == "car" else "possession", value, MANY, claim=claim)
        else:
            f.add(
                "car" if head == "car" or car is not None else "possession",
                value,
                SINGLE if acquired or car is not None else MANY,
                claim=claim,
            )
        if low[phrase.start] in nouns.COLOURS and head in nouns.VEHICLES:
            f.add("colour", w.text(phrase.start, phrase.start + 1), SINGLE, subject=f.other(head), claim=claim)
        return
    if head in ("house", "flat", "apartment", "cottage", "place") and behind == "in" and claim is Claim.HOLDS and head != "place":
        f.add("possession", w.text(phrase.start, f.cut(phrase.start, stop, "and , but with where")), MANY, claim=claim)
        return
    if head in nouns.THINGS or head in nouns.INSTRUMENTS:
        f.add("possession", w.text(phrase.start, phrase.stop) if phrase.name else value, MANY, claim=claim)
        return
    if phrase.name and phrase.stop > phrase.end:
        f.add("name", phrase.name, SINGLE, subject=f.other(head), claim=claim)
        return
    if (
        head in ("cold", "flu", "headache", "migraine", "fever", "hangover", "cough", "toothache", "stomachache", "backache")
        and not f.verb.past
    ):
        f.add("state", value, STATE, claim=claim)


def _job(f: Frame, phrase: Phrase, stop: int, claim: Claim) -> None:
    low, w = f.low, f.w
    k = phrase.stop
    while k < stop:
        if low[k] == "as" and k + 1 < stop:
            inner = f.phrase(k + 1, stop)
            if inner is not None:
                f.add("job", w.text(inner.start, inner.end), SINGLE, claim=claim)
        elif low[k] in ("at", "with", "for") and k + 1 < stop:
            employer(f, k + 1, f.cut(k + 1, stop, BEHIND_EMPLOYER), claim)
        k += 1


def _appointment(f: Frame, phrase: Phrase, stop: int, claim: Claim) -> None:
    """Read a planned event with its date: "I have a dentist appointment on Friday"."""
    low, w = f.low, f.w
    if claim is not Claim.HOLDS or f.verb.past:
        return
    if any(x in nouns.DAYS or x in nouns.MONTHS or x in ("tomorrow", "tonight", "today", "next") for x in low[phrase.stop : stop]):
        f.add("plan", w.text(phrase.start, stop), EVENT, claim=claim)


def own(f: Frame) -> None:
    """Read a clause with "own": everything owned is a possession."""
    if not f.real or f.i >= f.j:
        return
    before = len(f.facts)
    for one, two in _parts(f, f.i, f.cut(f.i, f.j)):
        phrase = f.phrase(one, two)
        if phrase is None or f.low[one] in ("it", "that", "this", "up", "them", "everything", "nothing"):
            continue
        known = len(f.facts)
        item(f, phrase, two, f.claim)
        if len(f.facts) == known:
            f.add("possession", f.w.text(phrase.start, phrase.stop), MANY)
    if len(f.facts) == before:
        return


def keep(f: Frame) -> None:
    """Read "we keep chickens"."""
    i, j = f.i, f.j
    if i < j and f.real and f.mine:
        phrase = f.phrase(i, f.cut(i, j, "in for at and ,"))
        if phrase is not None and (phrase.noun in nouns.PETS or phrase.noun in ("bee", "worm", "pigeon", "reptile", "quail")):
            f.add("pet", f.w.text(phrase.start, phrase.end), MANY)
