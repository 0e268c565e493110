"""Reads employers and places of work."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import NUMBERS, Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
BEHIND_EMPLOYER = frozenset(
    "as in and but since for on where which because so from until near , with who doing last this when where while starting there".split()
)
FIELDS = frozenset(
    """it marketing sales finance retail education healthcare tech hr logistics construction insurance banking advertising publishing
    hospitality tourism law politics research medicine engineering journalism fashion design software consulting accounting
    customer human public social""".split()
)
PLACES_OF_WORK = frozenset(
    """hospital school bakery restaurant bank office clinic library shop store factory hotel university kindergarten nursery garage
    museum laboratory lab cafe café bar pub warehouse supermarket pharmacy practice agency studio startup company firm kitchen
    mine theatre theater gym salon prison farm zoo bookshop bookstore brewery airport ministry court college preschool hospice
    nursing-home home bistro boutique call-centre""".split()
)
_NO_EMPLOYERS = frozenset(
    """least home night once all first last noon weekends present work times my myself years over about ages it him her them me people
        free two three school lunch dawn dusk sea""".split()
)
_BODIES = frozenset(
    "council government city army navy police post church un eu nhs charity ngo service railway fire-brigade embassy post-office".split()
)


def work_place(f: Frame, i: int, j: int, claim: Claim | None = None) -> None:
    """Read the employer or the place of work behind a job: "at Siemens", "for the city council", "in a hospital"."""
    low, w = f.low, f.w
    k = i
    while k < j and low[k] not in ("at", "for", "with", "in", "by", ",", "and", "but", "who", "because"):
        k += 1
    if k + 1 < j and low[k] in ("at", "for", "with", "by"):
        employer(f, k + 1, f.cut(k + 1, j, BEHIND_EMPLOYER), claim)
    elif k + 1 < j and low[k] == "in" and low[k + 1] in ("a", "an", "the"):
        end = f.cut(k + 1, j, BEHIND_EMPLOYER)
        if low[end - 1] in PLACES_OF_WORK:
            f.add("workplace", w.text(k + 1, end), MANY, claim=claim)


def employer(f: Frame, i: int, j: int, claim: Claim | None = None) -> None:
    """Note an employer: a name, or a place where people work."""
    low, w = f.low, f.w
    if i >= j or low[i] in _NO_EMPLOYERS or low[i] in NUMBERS or low[i] in nouns.DAYS or low[i] in nouns.MONTHS or low[i].isdigit():
        return
    if low[i] in ("a", "an", "the"):
        named_after = any(w.capital(k) for k in range(i + 1, j))
        if j - i >= 2 and (named_after or low[j - 1] in PLACES_OF_WORK or low[j - 1] in _BODIES):
            f.add("employer", w.text(i, j), claim=claim)
        return
    shouted = any(w.capital(k) for k in range(1, len(w)) if low[k] != "i")
    if w.capital(i) or (not shouted and j - i <= 2 and low[i].isalpha()):
        f.add("employer", w.text(i, j), claim=claim)
