"""Reads idioms: fixed words behind a verb that tell an attribute, such as "earn my living as a tuner" and "steer clear of gluten"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echorator.cognition.reading.languages.english.frames.employers import BEHIND_EMPLOYER, employer
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY = FactType.SINGLE, FactType.MANY
_ALCOHOL = frozenset("alcohol beer wine booze spirits liquor whisky whiskey vodka gin coffee tea milk soda coke".split())


@dataclass(frozen=True, slots=True)
class Idiom:
    """Words behind a verb, and the attribute whose value stands behind them."""

    words: tuple[str, ...]
    attribute: str
    kind: FactType = MANY
    claim: Claim | None = None  # None: as the verb is meant
    negated: bool | None = False  # whether the verb must be denied; None: either
    capital: bool = False  # the value is a name


def _idioms(text: str) -> dict[str, list[Idiom]]:
    """Return idioms by verb from lines "verb words | attribute | marks"; marks: single, denies, holds, not, can't, name."""
    table: dict[str, list[Idiom]] = {}
    for line in text.strip().splitlines():
        phrase, attribute, marks = (part.strip() for part in line.split("|"))
        verb, *words = phrase.split()
        claim = Claim.DENIES if "denies" in marks else Claim.HOLDS if "holds" in marks else None
        kind = SINGLE if "single" in marks else MANY
        table.setdefault(verb, []).append(Idiom(tuple(words), attribute, kind, claim, "not" in marks.split(), "name" in marks))
    return table


_TABLE = _idioms(
    """
steer clear of | eats | denies
stay away from | eats | denies
keep away from | eats | denies
cut out | eats | denies
freelance as | job | single
moonlight as | job | single
train as | job | single
trained as | job | single
earn my living as | job | single
make my living as | job | single
hail from | origin | single name
get by in | language | name
sing in | hobby |
dance in | hobby |
take up | hobby | holds
took up | hobby | holds
be big on | likes |
be keen on | likes |
be fond of | likes |
be partial to | likes |
be hooked on | likes |
be addicted to | likes |
be nuts about | likes |
be wild about | likes |
can not do without | likes | holds
swear by | likes |
have a soft spot for | likes |
have a thing for | likes |
have a sweet tooth for | likes |
have a weakness for | likes |
be not keen on | dislikes | not
go by the name of | nickname | holds
know me as | nickname | holds
address me as | nickname | holds
refer to me as | nickname | holds
be with | employer | single name
be employed by | employer | single
be employed at | employer | single
be based at | employer | single name
be on the payroll of | employer | single name
be majoring in | field of study |
major in | field of study |
specialise in | field of study |
specialize in | field of study |
follow | likes | name
root for | favourite team | single name
cheer for | favourite team | single name
binge | likes |
be prone to | medical condition |
struggle with | medical condition |
be living with | medical condition |
"""
)


def idiom(f: Frame) -> bool:
    """Read an idiom of the clause's verb; return whether there was one."""
    for one in _TABLE.get(f.verb.lemma, ()):
        end = f.i + len(one.words)
        if (
            end < f.j
            and tuple(f.low[f.i : end]) == one.words
            and (one.negated is None or one.negated == f.verb.negated or one.claim is None)
        ):
            able = f.verb.modal == "can" and f.verb.lemma == "get" and not f.verb.negated
            if (f.verb.modal and not able) or f.verb.future or not f.subject or (one.capital and not f.w.capital(end)):
                return False
            return _note(f, one, end)
    special = _SPECIAL.get(f.verb.lemma)
    return special(f) if special is not None else False


def _note(f: Frame, one: Idiom, i: int) -> bool:
    before = len(f.facts)
    subject = f.context.me if one.attribute == "nickname" else None
    if one.attribute == "medical condition" and f.low[i] not in nouns.CONDITIONS:
        return False
    if one.attribute == "employer":
        if one.words == ("with",) and not (f.verb.perfect or f.verb.now):
            return False
        employer(f, i, f.cut(i, f.j, BEHIND_EMPLOYER), one.claim)
    elif one.attribute == "job":
        phrase = f.phrase(i, f.j)
        if phrase is not None:
            f.add("job", f.w.text(phrase.start, phrase.end), claim=f.claim if f.verb.lemma != "train" else Claim.HOLDS)
    elif one.attribute in ("nickname", "origin", "favourite team"):
        f.add(one.attribute, f.w.text(i, f.name_end(i, f.j)), one.kind, claim=one.claim, subject=subject)
    elif f.verb.lemma in ("sing", "dance"):
        f.add("hobby", f.w.text(f.verb.end - 1, f.cut(i, f.j)), MANY)
    elif one.attribute == "likes" and f.verb.negated:
        list_facts(f, "dislikes", i, f.j, claim=Claim.HOLDS)
        list_facts(f, "likes", i, f.j, claim=Claim.DENIES)
    else:
        list_facts(f, one.attribute, i, f.j, claim=one.claim, kind=one.kind)
    return len(f.facts) > before


def _touch(f: Frame) -> bool:
    """Read "I never touch alcohol", "I can't handle dairy", "I can't do spicy food"."""
    if not f.verb.negated or f.i >= f.j or f.j - f.i > 3 or f.verb.past or not f.subject:
        return False
    if f.verb.lemma == "do" and (f.verb.modal != "can" or f.low[f.j - 1] not in _EDIBLE):
        return False
    drunk = any(word in _ALCOHOL for word in f.low[f.i : f.j])
    if f.verb.lemma in ("handle", "tolerate", "digest") and not drunk:
        list_facts(f, "intolerance", f.i, f.j, claim=Claim.HOLDS)
    elif f.verb.lemma in ("touch", "do", "stomach"):
        list_facts(f, "drinks" if drunk else "eats", f.i, f.j, claim=Claim.DENIES)
    return True


_EDIBLE = frozenset(
    """food foods dairy gluten meat fish seafood spice spicy sugar carbs lactose caffeine alcohol nuts eggs onions garlic""".split()
)


def _living(f: Frame) -> bool:
    """Read "I make furniture for a living", "I sell insurance", "I drive a taxi"."""
    low, i, j = f.low, f.i, f.j
    if not f.real or not f.mine or f.verb.negated or f.verb.past or f.verb.perfect or i >= j:
        return False
    if low[j - 4 : j] == ["for", "a", "living"] or low[j - 3 : j] == ["for", "a", "living"]:
        f.add("job", f.w.text(f.verb.end - 1, j - 3))
        return True
    driven = f.verb.lemma == "drive" and low[i] in ("a", "an", "the", "trucks", "buses", "taxis") and low[j - 1] in _DRIVEN
    sold = f.verb.lemma == "sell" and low[i] not in ("my", "our", "it", "a", "the", "this") and j - i <= 2
    if driven or sold:
        f.add("job", f.w.text(f.verb.end - 1, j))
        return True
    return False


_DRIVEN = frozenset("taxi cab bus truck lorry ambulance tram train trucks buses taxis tractor".split())


def _call(f: Frame) -> bool:
    """Read "I've called Lisbon home for years"."""
    low = f.low
    home = next((k for k in range(f.i + 1, f.j) if low[k] == "home"), None)
    if home is None or not f.mine or not f.w.capital(f.i) or f.verb.negated or not (f.real or f.verb.perfect):
        return False
    f.add("home city", f.w.text(f.i, home), claim=Claim.PAST if f.verb.past and not f.verb.perfect else Claim.HOLDS)
    return True


def _do(f: Frame) -> bool:
    """Read "I do the night shift at the bakery", "I'm doing a PhD in astrophysics at ETH", "I do accounting for Bosch"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if _touch(f):
        return True
    if not f.real or not f.subject or f.verb.negated or f.verb.past or i >= j:
        return False
    degree = next(
        (
            k
            for k in range(i, min(i + 4, j))
            if low[k] in ("phd", "master", "masters", "degree", "doctorate", "bachelor", "mba", "apprenticeship")
        ),
        None,
    )
    if degree is not None:
        k = next((k for k in range(degree, j) if low[k] == "in"), None)
        if k is not None and k + 1 < j:
            f.add("field of study", w.text(k + 1, f.cut(k + 1, j, "at and in with , since")), MANY)
        at = next((k for k in range(degree, j) if low[k] == "at"), None)
        if at is not None and w.capital(at + 1):
            f.add("university", w.text(at + 1, f.cut(at + 1, j, "in and with , since")), MANY)
        return True
    if "shift" in low[i:j] or "shifts" in low[i:j]:
        at = next((k for k in range(i, j) if low[k] in ("at", "for")), None)
        if at is not None:
            employer(f, at + 1, f.cut(at + 1, j, BEHIND_EMPLOYER | {"on"}))
        return True
    for_ = next((k for k in range(i + 1, min(i + 4, j)) if low[k] in ("for", "at")), None)
    if for_ is not None and low[i] in _WORK_DONE:
        f.add("job", w.text(i, for_))
        employer(f, for_ + 1, f.cut(for_ + 1, j, BEHIND_EMPLOYER))
        return True
    return False


_WORK_DONE = frozenset(
    """accounting marketing sales research consulting design admin logistics support security payroll bookkeeping translation
    pr hr""".split()
)


def _share(f: Frame) -> bool:
    """Read "I share a flat with two friends in Camden"."""
    low, i, j = f.low, f.i, f.j
    if not f.real or not f.mine or f.verb.past or low[i + 1] not in ("flat", "house", "apartment", "place", "room") or f.verb.negated:
        return False
    k = next((k for k in range(i, j) if low[k] == "with"), None)
    if k is not None:
        end = f.cut(k + 1, j, "in near at because and")
        f.add("lives with", f.w.text(k + 1, end), MANY)
        if low[end] == "in" and f.w.capital(end + 1):
            f.add("home city", f.w.text(end + 1, f.name_end(end + 1, j)))
    return True


def _see(f: Frame) -> bool:
    """Read "I've been seeing someone called Marc"."""
    low, i, j = f.low, f.i, f.j
    if f.verb.lemma not in ("see", "date") or not f.verb.progressive or f.verb.negated or not f.mine:
        return False
    k = next((k for k in range(i, j) if low[k] in ("called", "named")), None)
    if k is not None and f.w.capital(k + 1):
        f.add("name", f.w.text(k + 1, f.name_end(k + 1, j)), subject=f.other("partner"), claim=Claim.HOLDS)
        return True
    return False


def _trade(f: Frame) -> bool:
    """Read "I traded my Golf for a Tesla"."""
    low, i, j = f.low, f.i, f.j
    k = next((k for k in range(i, j) if low[k] == "for"), None)
    if k is None or not (f.verb.past or f.verb.perfect) or f.verb.negated or low[i] not in ("my", "our", "the"):
        return False
    old, new = f.w.text(i + 1, k).removesuffix(" in"), f.phrase(k + 1, j)
    if new is None or (low[i + 1] not in nouns.MAKES and low[k - 1] not in nouns.VEHICLES):
        return False
    f.add("car", f.w.text(new.start, new.end), claim=Claim.HOLDS)
    f.add("car", old, claim=Claim.PAST)
    return True


def _raise(f: Frame) -> bool:
    """Read "I grew up speaking Tamil"."""
    low, i, j = f.low, f.i, f.j
    if low[i : i + 2] == ["up", "speaking"] and i + 2 < j and f.verb.past and low[i + 2] in nouns.LANGUAGES:
        f.add("native language", f.w.text(i + 2, i + 3), claim=Claim.HOLDS)
        return True
    return False


def _read(f: Frame) -> bool:
    """Read "I read mostly crime novels", "I watch a lot of anime"."""
    low, i, j = f.low, f.i, f.j
    if not f.real or not f.mine or f.verb.past or f.verb.perfect or f.verb.progressive or f.verb.negated or i >= j:
        return False
    much = low[i : i + 3] in (["a", "lot", "of"], ["lots", "of", low[i + 2]]) or low[i] in ("mostly", "mainly", "only", "loads", "tons")
    if not much:
        return False
    start = i + (3 if low[i] == "a" else 2 if low[i + 1] == "of" else 1)
    list_facts(f, "likes", start, j)
    return True


def _commute(f: Frame) -> bool:
    """Read "I commute by train", "I cycle to work"."""
    low, i = f.low, f.i
    to_work = low[i : i + 2] in (["to", "work"], ["to", "school"], ["to", "university"])
    if (
        f.mine
        and f.real
        and not f.verb.past
        and not f.verb.negated
        and not f.verb.progressive
        and (to_work or (f.verb.lemma == "commute" and low[i] == "by"))
    ):
        f.add("habit", f.w.text(f.verb.end - 1, f.cut(i, f.j)), MANY)
        return True
    return False


def _hear(f: Frame) -> bool:
    """Read "Peanuts make my throat swell", "Cats make me sneeze": what makes one ill is an allergy."""
    low, i, j = f.low, f.i, f.j
    if not f.real or f.verb.past or f.verb.negated or low[i] not in ("me", "my") or not any(word in _ILL for word in low[i:j]):
        return False
    begin = f.clause.verb.start
    k = begin
    while k > 0 and (low[k - 1].isalpha() or low[k - 1] == "and") and low[k - 1] not in ("because", "that", "but", "so"):
        k -= 1
    subject = f.context.me
    for one, two in f.parts(k, begin):
        while one < two - 1 and low[one] in ("eating", "drinking", "most", "all", "any", "some"):
            one += 1
        f.add("allergy", f.w.text(one, two), MANY, subject=subject, claim=Claim.HOLDS)
    return begin > k


_ILL = frozenset("sneeze itch itchy swell swollen wheeze rash hives ill sick vomit cough choke".split())
_SPECIAL: dict[str, Callable[[Frame], bool]] = {
    "touch": _touch,
    "handle": _touch,
    "tolerate": _touch,
    "digest": _touch,
    "stomach": _touch,
    "make": _hear,
    "give": _hear,
    "sell": _living,
    "drive": _living,
    "call": _call,
    "do": _do,
    "share": _share,
    "see": _see,
    "date": _see,
    "trade": _trade,
    "swap": _trade,
    "grow": _raise,
    "read": _read,
    "watch": _read,
    "commute": _commute,
    "cycle": _commute,
    "walk": _commute,
}


def living(f: Frame) -> bool:
    """Read any verb with "for a living" behind it."""
    return f.low[f.j - 3 : f.j] == ["for", "a", "living"] and _living(f)
