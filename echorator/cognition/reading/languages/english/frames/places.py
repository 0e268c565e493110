"""Reads where people live and move to, and tells cities from countries, streets, and kinds of homes."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

_NO_PLACES = frozenset(
    """peace fear hope hell sin harmony poverty luxury exile hiding pain comfort chaos silence denial town bed the moment squalor tears
    a an my our his her their this that here there it front general fact person love style""".split()
)
_HOMES = frozenset(
    """house flat apartment condo cottage studio village town city suburb suburbs farm dorm countryside bungalow houseboat van caravan
        loft mansion hut cabin castle basement duplex penthouse county state region district neighbourhood neighborhood area""".split()
)
_STOPS = frozenset(
    """with since for because and but so while where which near by from now until who as together before after at on again during when
    if then not though although right all anymore instead alone next around about close outside under over ; : ( ) -""".split()
)


def is_place(f: Frame, i: int, j: int) -> bool:
    """Return whether the words i to j - 1 are written like the name of a place."""
    low, w = f.low, f.w
    if (
        not 0 < j - i <= 4
        or low[i] in _NO_PLACES
        or nouns.has_digit(low[i])
        or (low[i] in nouns.MONTHS and low[i] not in ("may",))
        or low[i] in nouns.DAYS
    ):
        return False
    if w.capital(i) and w.raw[i][:1].isalpha():
        return True
    shouted = any(w.capital(k) and low[k] != "i" for k in range(1, len(w)))
    return low[i] in nouns.COUNTRIES or (not shouted and j - i <= 2 and low[i].isalpha() and low[i] not in _HOMES)


def place_facts(f: Frame, i: int, j: int, claim: Claim) -> bool:
    """Note the city or the country of the words i to j - 1: "Lyon, France" has both; return whether there was one."""
    low, w = f.low, f.w
    end = i
    while end < j and low[end] not in _STOPS and low[end] not in (",", "in", "to"):
        end += 1
    article = low[i] == "the" and end - i > 1 and w.capital(i + 1)
    if article and low[i + 1] in ("netherlands", "us", "usa", "uk", "philippines", "united"):
        f.add("home country", w.text(i + 1, end), claim=claim)
        return True
    if not is_place(f, i, end):
        return False
    country = low[end - 1] in nouns.COUNTRIES and (
        end - i == 1 or low[i] in ("south", "north", "new", "northern", "southern", "western", "eastern", "central")
    )
    f.add("home country" if country else "home city", w.text(i, end), claim=claim)
    if not country and end + 1 < j and low[end] in (",", "in"):
        stop = end + 1
        while stop < j and low[stop] not in _STOPS and low[stop] != ",":
            stop += 1
        if low[stop - 1] in nouns.COUNTRIES and stop - end <= 3:
            f.add("home country", w.text(end + 1, stop), claim=claim)
    return True


def home_facts(f: Frame, i: int, j: int, claim: Claim | None = None) -> None:
    """Read the words behind "live": "in Rome", "at 12 Baker Street", "in a small house near Ulm", "with my parents"."""
    low, w = f.low, f.w
    claim = f.claim if claim is None else claim
    k = i
    while k < j and low[k] not in ("in", "at", "on", "near", "with", "outside", "by"):
        k += 1
    while k < j:
        word = low[k]
        if word == "in" and k + 1 < j:
            if "not" in low[k:j] and low[low.index("not", k, j) - 1] in (",", "now"):
                n = low.index("not", k, j)
                begin = n + 2 if n + 1 < j and low[n + 1] == "in" else n + 1
                place_facts(f, begin, j, Claim.DENIES)
                j = f.back(k, n - 1 if low[n - 1] == "now" else n)
            if not place_facts(f, k + 1, j, claim):
                _kind_of_home(f, k + 1, j, claim)
        elif word in ("at", "on") and k + 1 < j:
            end = f.cut(k + 1, j, "in with and but since for now")
            address = nouns.has_digit(w.text(k + 1, end)) and end - k > 2 and low[end - 1] not in ("floor",)
            if address:
                f.add("address", w.text(k + 1, end), claim=claim)
        elif word == "with" and k + 2 < j and low[k + 1] in ("my", "a", "two", "three", "four"):
            end = f.cut(k + 1, j, "in but since because for at on , near")
            f.add("lives with", w.text(k + 1, end), FactType.MANY, claim=claim)
            k = end
            continue
        elif word in ("near", "outside", "by") and k + 1 < j and w.capital(k + 1):
            end = f.name_end(k + 1, j)
            f.add("home area", w.text(k, end), FactType.MANY, claim=claim)
            k = end
            continue
        k += 1
        while k < j and low[k] not in ("in", "at", "on", "near", "with", "outside"):
            k += 1


def _kind_of_home(f: Frame, i: int, j: int, claim: Claim) -> None:
    low, w = f.low, f.w
    if low[i] not in ("a", "an", "the", "one"):
        return
    end = f.cut(i + 1, j, _STOPS | {"in", "of", ","})
    called = next((k for k in range(i, j) if low[k] in ("called", "named")), None)
    if called is not None and f.w.capital(called + 1) and low[called - 1] in ("town", "village", "city", "place"):
        f.add("home city", w.text(called + 1, f.name_end(called + 1, j)), claim=claim)
        return
    if low[end - 1] in _HOMES and end - i > 1:
        f.add("home", w.text(i + 1, end), FactType.MANY, claim=claim)


def moved(f: Frame) -> None:
    """Read "moved from Oslo to Rome", "relocated to Munich"; without a place's name nothing is read."""
    low, i, j = f.low, f.i, f.j
    if f.verb.negated or (f.verb.modal and f.verb.modal != "will"):
        return
    planned = f.verb.future or f.verb.progressive or f.verb.modal == "will"
    origin = next((k for k in range(i, j) if low[k] == "from"), None)
    goal = next((k for k in range(i, j) if low[k] in ("to", "into") or (low[k] == "in" and k == i)), None)
    back = goal is None and i < j and low[i] in ("back", "here", "there")
    if goal is None or back or goal + 1 >= j:
        return
    if low[goal] == "in" or low[goal + 1] in ("my", "a", "an", "our", "his", "her"):
        return
    if planned:
        end = f.cut(goal + 1, j, _STOPS | {","})
        if is_place(f, goal + 1, end):
            f.add("plan", f.w.text(f.verb.end - 1, j), FactType.EVENT, claim=Claim.HOLDS)
        return
    if f.verb.used:
        return
    if place_facts(f, goal + 1, j, Claim.HOLDS) and origin is not None and origin + 1 < j:
        end = f.cut(origin + 1, j, "to in and when ,")
        if is_place(f, origin + 1, end):
            f.add("home country" if low[end - 1] in nouns.COUNTRIES else "home city", f.w.text(origin + 1, end), claim=Claim.PAST)
