"""Reads where and as what someone works and learns, and how that changes."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.employers import BEHIND_EMPLOYER, FIELDS, PLACES_OF_WORK, employer, work_place
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_VAGUE = frozenset(
    """it that this you him her them me us myself what how when being your his these those one everything anything nothing something
    everyone to where who his their if whether there here all""".split()
)
_KINDS_OF_WORK = frozenset(
    "care service services resources relations security management development production support administration".split()
)


def work(f: Frame) -> None:
    """Read a clause with "work"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if not f.real or i >= j or not f.subject:
        return
    if f.verb.perfect and not any(x in ("since", "for") for x in low[i : f.clause.end]) and not f.now and not f.dated:
        return
    if f.verb.negated and not f.ended and low[i] not in ("at", "for", "as"):
        return
    claim = f.claim
    k = i
    while k < j:
        word = low[k]
        end = k + 1
        if word == "as" and k + 1 < j:
            inner = f.phrase(k + 1, j)
            if inner is None or not (low[k + 1] in ("a", "an", "the", "head") or nouns.is_job(inner.noun) or w.capital(k + 1)):
                return
            if low[k + 1] in ("if", "though", "much", "hard", "well", "long", "soon"):
                return
            f.add("job", w.text(inner.start, inner.end), claim=claim)
            end = inner.stop
        elif word in ("at", "for", "by") and k + 1 < j:
            end = f.cut(k + 1, j, BEHIND_EMPLOYER)
            employer(f, k + 1, end, claim)
        elif word == "in" and k + 1 < j:
            end = f.cut(k + 1, j, BEHIND_EMPLOYER | {"at"})
            _field(f, k + 1, end, claim)
        elif word == "from" and low[k + 1 : k + 2] == ["home"]:
            f.add("workplace", w.text(k + 1, k + 2), MANY, claim=claim)
        elif word in ("night", "nights", "shift", "shifts") and k == i:
            end = k + 2 if low[k + 1 : k + 2] == ["shifts"] else k + 1
            f.add("habit", w.text(f.verb.end - 1, end), MANY, claim=claim)
        elif not word.endswith("ly") and word not in _MANNER:
            return
        k = max(end, k + 1)


_MANNER = frozenset(
    "part full time part-time full-time hard there here freelance now still also and , from home days mostly two jobs again".split()
)


def _field(f: Frame, i: int, j: int, claim: Claim) -> None:
    """Read the words behind "work in": a kind of place, or a line of work; a town says nothing."""
    low, w = f.low, f.w
    if low[i] in ("a", "an", "the", "our", "my"):
        if low[j - 1] in PLACES_OF_WORK:
            f.add("workplace", w.text(i, j), MANY, claim=claim)
        elif low[j - 1] in ("industry", "sector", "field", "business", "army", "navy", "force", "department"):
            f.add("job", w.text(i + 1, j), claim=claim, certainty=0.8)
    elif low[i] in FIELDS or (not w.capital(i) and low[j - 1] in _KINDS_OF_WORK):
        f.add("job", w.text(i, j), claim=claim, certainty=0.9)


def study(f: Frame) -> None:
    """Read "study law at Leiden", "graduated from Leiden", "teach maths"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or f.verb.negated or not f.subject:
        return
    end = i
    while end < j and low[end] not in (
        "at",
        "in",
        "for",
        "with",
        "to",
        "since",
        "and",
        "on",
        "because",
        "from",
        "when",
        "but",
        ",",
        "every",
        "so",
        "all",
        "until",
    ):
        end += 1
    if (
        end > i
        and low[i] not in ("hard", "abroad", "a", "my", "the", "online", "it", "this", "that", "late", "there", "together")
        and end - i <= 4
    ):
        claim = Claim.HOLDS if not f.verb.past else Claim.PAST
        attribute = "language learned" if low[i] in nouns.LANGUAGES else "field of study"
        if attribute == "field of study":
            f.add("field of study", w.text(i, end), MANY, claim=claim)
        else:
            f.add("learning", w.text(i, end), MANY, claim=claim)
    if end + 1 < j and low[end] == "at":
        stop = f.cut(end + 1, j, "in and since for on where which because so from until ,")
        if w.capital(end + 1) or (low[end + 1] == "the" and w.capital(end + 2)):
            start = end + 2 if low[end + 1] == "the" else end + 1
            f.add("university", w.text(start, stop), MANY, claim=Claim.HOLDS if not f.verb.past else Claim.PAST)


def attend(f: Frame) -> None:
    """Read "I attend Lincoln High School"."""
    if f.real and f.subject and f.i < f.j and not f.verb.past and not f.verb.negated and f.w.capital(f.i):
        value = f.w.text(f.i, f.cut(f.i, f.j, "in and with on for"))
        f.add("school" if "school" in value.lower() else "university", value, MANY)


def lead(f: Frame) -> None:
    """Read the employer behind "I lead the design team at Nestl\u00e9"."""
    at = next((k for k in range(f.i, f.j) if f.low[k] == "at"), None)
    if f.real and f.mine and at is not None and not f.verb.negated and f.w.capital(at + 1):
        employer(f, at + 1, f.cut(at + 1, f.j, BEHIND_EMPLOYER), f.claim)


def lessons(f: Frame) -> bool:
    """Read "I take piano lessons"; return whether it was that."""
    low, i, j = f.low, f.i, f.j
    end = next((k for k in range(i, j) if low[k] in ("lessons", "classes")), None)
    if end is None or end == i or not f.real or not f.subject or f.verb.past or f.verb.negated or end - i > 2:
        return False
    f.add("learning", f.w.text(i, end), MANY)
    return True


def graduate(f: Frame) -> None:
    """Read "graduated from Leiden with a degree in law"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if low[i] != "from" or not (f.verb.past or f.verb.perfect) or f.verb.negated:
        return
    end = f.cut(i + 1, j, "in with and last as , at")
    if w.capital(i + 1) or (low[i + 1] == "the" and w.capital(i + 2)):
        f.add("university", w.text(i + 1, end), MANY, claim=Claim.HOLDS)
    if low[end] == "with" and low[end + 1] in ("a", "an", "my"):
        f.add("degree", w.text(end + 2, f.cut(end + 2, j, "and , last")), MANY, claim=Claim.HOLDS)


def teach(f: Frame) -> None:
    """Read "I teach maths at a primary school"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or f.verb.negated or low[i] in _VAGUE or low[i] in ("my", "a", "the"):
        return
    end = f.cut(i, j, "at in to for and since every on")
    f.add("job", w.text(f.verb.end - 1, end), claim=f.claim)
    work_place(f, end, j)


def start(f: Frame) -> None:
    """Read "started a new job at Siemens", "started learning Spanish", "joined Siemens as a welder"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.subject or f.verb.modal or f.verb.future or f.verb.negated or not (f.verb.past or f.verb.perfect):
        return
    if f.verb.lemma == "join":
        phrase_end = f.cut(i, j, "as in last on and because this two to for")
        if w.capital(i) and f.mine:
            f.add(
                "employer" if "as" in low[phrase_end:j] else "membership",
                w.text(i, phrase_end),
                SINGLE if "as" in low[phrase_end:j] else MANY,
                claim=Claim.HOLDS,
            )
            if phrase_end < j and low[phrase_end] == "as":
                inner = f.phrase(phrase_end + 1, j)
                if inner is not None:
                    f.add("job", w.text(inner.start, inner.end), claim=Claim.HOLDS)
        elif low[i] in ("a", "the", "my", "our") and low[phrase_end - 1] in (
            "club",
            "choir",
            "band",
            "team",
            "gym",
            "group",
            "orchestra",
            "church",
            "class",
        ):
            f.add("membership", w.text(i + 1, phrase_end), MANY, claim=Claim.HOLDS)
        return
    if low[i] == "working" or (low[i] in ("a", "my") and "job" in low[i : i + 4]) or low[i] in ("at", "as"):
        k = i
        while k < j:
            if low[k] == "as" and k + 1 < j:
                inner = f.phrase(k + 1, j)
                if inner is not None:
                    f.add("job", w.text(inner.start, inner.end), claim=Claim.HOLDS)
            elif low[k] in ("at", "for", "with") and k + 1 < j:
                employer(f, k + 1, f.cut(k + 1, j, BEHIND_EMPLOYER), Claim.HOLDS)
            k += 1
    elif low[i] in ("learning", "studying") or (low[i] == "to" and low[i + 1 : i + 2] == ["learn"]):
        k = i + 1 if low[i] != "to" else i + 2
        learn_facts(f, k, j, Claim.HOLDS)
    elif low[i] == "playing" and i + 1 < j:
        k = i + 2 if low[i + 1] == "the" else i + 1
        end = f.cut(k, j, "in last and with when at this a")
        if k < end:
            f.add("instrument" if nouns.noun_of(low[end - 1]) in nouns.INSTRUMENTS else "hobby", w.text(k, end), MANY, claim=Claim.HOLDS)


def learn_facts(f: Frame, i: int, j: int, claim: Claim) -> None:
    """Note what someone learns."""
    low = f.low
    if i < j and low[i] == "to":
        i += 1
    elif i < j and low[i] == "how":
        i += 2
    if i >= j or low[i] in _VAGUE or low[i] in ("a", "new", "more", "from", "about"):
        return
    end = f.cut(i, j, "because since for at with in and but so on from when as")
    if end - i <= 4:
        f.add("learning", f.w.text(i, end), MANY, claim=claim)


def learn(f: Frame) -> None:
    """Read "I am learning Spanish"."""
    if f.verb.progressive and not f.verb.negated and not f.verb.past and f.subject and f.i < f.j and not f.verb.modal:
        learn_facts(f, f.i, f.j, Claim.HOLDS)


def become(f: Frame) -> None:
    """Read "became a teacher", "became vegan"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.subject or f.verb.modal or f.verb.future or f.verb.negated or f.verb.progressive:
        return
    phrase = f.phrase(i, j)
    if low[i] in ("a", "an", "the") and phrase is not None:
        if nouns.is_job(phrase.noun):
            f.add("job", w.text(phrase.start, phrase.end), claim=Claim.HOLDS)
            work_place(f, phrase.end, j)
        elif low[phrase.end - 1] in nouns.DIETS:
            f.add("diet", w.text(phrase.end - 1, phrase.end), claim=Claim.HOLDS)
        elif phrase.noun in nouns.FAMILY_ROLES:
            f.add("family", w.text(phrase.start, phrase.end), MANY, claim=Claim.HOLDS)
    elif low[i] in nouns.DIETS:
        f.add("diet", w.text(i, i + 1), claim=Claim.HOLDS)
    elif low[i] in ("single", "divorced"):
        f.add("marital status", w.text(i, i + 1), claim=Claim.HOLDS)


def retire(f: Frame) -> None:
    """Read "I retired last year"."""
    if (f.verb.past or f.verb.perfect) and not f.verb.negated and not f.verb.modal and f.subject:
        f.add("job", f.w.text(f.verb.end - 1, f.verb.end), claim=Claim.HOLDS)
