"""Reads "is a ...": jobs, diets, family, makes and breeds."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.employers import work_place
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.kinds import TYPES_OF_KINDS, kind_of
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT


def noun_is(f: Frame, i: int, j: int) -> None:
    """Read "a nurse", "a vegan", "a big fan of jazz", "a beagle"."""
    low, w = f.low, f.w
    article = low[i]
    if article in ("one", "part"):
        return
    phrase = f.phrase(i, j)
    if phrase is None:
        return
    head = phrase.noun
    end = phrase.end
    person = f.mine or f.thing.head in nouns.KIN or (bool(f.thing.name) and not f.thing.noun) or nouns.is_job(f.thing.head)
    behind = low[end] if end < j else ""
    if article == "the":
        if person and nouns.is_job(head) and behind in ("at", "of", "for", ""):
            f.add("job", w.text(phrase.start, f.cut(phrase.start, j, "and , but")))
        elif not person and f.thing.head in nouns.VEHICLES and low[phrase.start] in nouns.MAKES:
            f.add(f.thing.head, w.text(phrase.start, end), subject=f.thing.owner)
        return
    if f.thing.head in nouns.VEHICLES or (f.thing.noun and low[phrase.start] in nouns.MAKES and f.thing.owner):
        make = next((k for k in range(phrase.start, end) if low[k] in nouns.MAKES or w.capital(k)), None)
        if make is not None:
            f.add(f.thing.head if f.thing.head in nouns.VEHICLES else "car", w.text(phrase.start, end), subject=f.thing.owner)
            if low[phrase.start] in nouns.COLOURS and f.thing.owner:
                f.add("colour", w.text(phrase.start, phrase.start + 1))
        return
    if f.thing.head in nouns.PETS or (f.thing.name and not f.thing.noun and head in nouns.PETS):
        if head in (
            "boy",
            "girl",
            "male",
            "female",
            "puppy",
            "kitten",
            "rescue",
            "baby",
            "bit",
            "menace",
            "nightmare",
            "lot",
            "sweetheart",
            "mess",
            "member",
        ):
            return
        f.add(
            "breed" if f.thing.noun or f.thing.head in nouns.PETS or nouns.species_of(head) != head else "species",
            w.text(phrase.start, end),
        )
        return
    if not person:
        if (
            f.thing.noun
            and f.thing.owner
            and "'s " not in f.thing.owner
            and f.thing.head in nouns.THINGS
            and (w.raw[phrase.start] != low[phrase.start] or nouns.has_digit(low[phrase.end - 1]))
        ):
            f.add("name", w.text(phrase.start, end))
        return
    if head == "major" and phrase.words > 1:
        f.add("field of study", w.text(phrase.start, end - 1), MANY)
        return
    if head in (
        "fan",
        "lover",
        "supporter",
        "admirer",
        "enthusiast",
        "addict",
        "follower",
        "freak",
        "nerd",
        "geek",
        "buff",
        "drinker",
        "eater",
    ):
        if behind == "of":
            list_facts(f, "likes", end + 1, j)
        elif end - 1 > phrase.start and head not in ("freak",):
            start = phrase.start
            while start < end - 1 and low[start] in (
                "big",
                "huge",
                "massive",
                "great",
                "lifelong",
                "avid",
                "passionate",
                "keen",
                "total",
                "real",
                "true",
                "die-hard",
                "diehard",
                "heavy",
                "big-time",
                "bit",
                "of",
                "a",
                "loyal",
            ):
                start += 1
            if start < end - 1:
                f.add("likes", w.text(start, end - 1), MANY)
        return
    if head in (
        "person",
        "people",
        "guy",
        "owner",
        "member",
        "bit",
        "lot",
        "little",
        "bird",
        "owl",
        "riser",
        "speaker",
        "smoker",
        "non-smoker",
        "sleeper",
        "introvert",
        "extrovert",
        "perfectionist",
        "believer",
        "player",
        "runner",
        "cyclist",
        "swimmer",
        "climber",
        "reader",
        "gamer",
        "gardener",
    ):
        if head == "speaker" and (low[phrase.end - 2] in nouns.LANGUAGES):
            f.add(
                "native language" if low[phrase.start] == "native" else "language",
                w.text(phrase.end - 2, phrase.end - 1),
                SINGLE if low[phrase.start] == "native" else MANY,
            )
        elif head == "member" and behind == "of":
            f.add("membership", w.text(end + 1, f.cut(end + 1, j)), MANY)
        elif head == "owner" and end - 1 > phrase.start:
            kind = low[end - 2]
            if nouns.noun_of(kind) in nouns.PETS:
                f.add("pet", w.text(end - 2, end - 1), MANY)
        elif head in ("riser", "bird", "owl", "introvert", "extrovert", "perfectionist", "smoker", "non-smoker", "sleeper") or (
            head == "person" and low[end - 2] in ("morning", "night", "cat", "dog", "tea", "coffee", "beach", "people", "evening")
        ):
            f.add("trait", w.text(phrase.start, end), MANY)
        elif head in ("runner", "cyclist", "swimmer", "climber", "gamer", "reader", "gardener", "player") and end - phrase.start <= 3:
            if head == "gardener" and end - phrase.start == 1:
                f.add("job", w.text(phrase.start, end))
            elif head != "player":
                f.add("hobby", w.text(phrase.start, end), MANY)
        return
    kind = kind_of(f, end - 1)
    if kind:
        if f.low[end - 1] == "catholic" and low[end - 2] == "roman":
            f.add(kind, w.text(end - 2, end), TYPES_OF_KINDS[kind])
        else:
            f.add(kind, w.text(end - 1, end), TYPES_OF_KINDS[kind])
        return
    if head in ("diabetic", "asthmatic", "epileptic", "celiac", "coeliac", "haemophiliac", "hemophiliac"):
        f.add("medical condition", w.text(phrase.start, end), MANY)
        return
    if head in nouns.FAMILY_ROLES or head in (
        "mother",
        "father",
        "parent",
        "wife",
        "husband",
        "twin",
        "grandmother",
        "grandfather",
        "aunt",
        "uncle",
    ):
        if behind == "of" and end + 1 < j and f.is_number(end + 1):
            f.add("child", w.text(end + 1, f.cut(end + 1, j, "and , but who in with")), MANY)
        elif head in ("widow", "widower", "bachelor"):
            f.add("marital status", w.text(phrase.start, end))
        f.add("family", w.text(phrase.start, end), MANY)
        return
    if head == "child" and "only" in low[i : phrase.end]:
        f.add("sibling", "", MANY, claim=Claim.DENIES)
        return
    if head in nouns.NATIONALITIES:
        f.add("nationality", w.text(phrase.start, end), MANY)
        return
    if low[end : end + 2] in (["by", "trade"], ["by", "profession"], ["by", "training"]):
        j = end
    job = nouns.is_job(head) or _student(f, phrase.start, end)
    if job and phrase.words <= 4:
        start = phrase.start
        while start < end - 1 and low[start] in (
            "retired",
            "former",
            "ex",
            "qualified",
            "trained",
            "certified",
            "professional",
            "full-time",
            "part-time",
            "fulltime",
            "proud",
            "simple",
            "humble",
            "good",
            "great",
            "big",
            "bad",
            "terrible",
            "brilliant",
            "amazing",
            "wonderful",
            "self-employed",
        ):
            if low[start] in ("former", "ex"):
                f.add("job", w.text(start + 1, end), claim=Claim.PAST)
                return
            if low[start] in ("good", "great", "big", "bad", "terrible", "brilliant", "amazing", "wonderful") and head in (
                "cook",
                "driver",
                "painter",
                "coach",
                "actor",
                "player",
                "trader",
                "planner",
            ):
                return
            if low[start] == "retired":
                break
            start += 1
        f.add("job", w.text(start, end))
        work_place(f, end, j)


def _student(f: Frame, i: int, j: int) -> bool:
    return f.low[j - 1] in ("student", "undergraduate", "graduate", "freshman", "sophomore", "junior", "senior") and (
        f.low[j - 1] == "student" or j - i > 1
    )
