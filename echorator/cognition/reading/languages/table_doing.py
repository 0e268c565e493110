"""Frames of the other verbs for the languages of `table_reader`."""

from __future__ import annotations

from collections.abc import Callable

from echorator.cognition.reading.languages.table_being import attribute_of, become, born, called, is_
from echorator.cognition.reading.languages.table_phrases import MARKS, Subject, TablePhrases
from echorator.cognition.reading.values import Claim, FactType

EVENTS = frozenset("move become marry divorce born quit die buy sell get grow name".split())  # done once, and in force since
SINGLE, MANY = FactType.SINGLE, FactType.MANY
Read = Callable[[TablePhrases, Subject, list[int]], None]
"""A function that reads the words at some places as what a verb says of its subject."""


def _live(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    place = r.role(rest, "in", "to")
    but = next((n for n, k in enumerate(place) if r.low[k] in r.t.but), None)
    run = r.proper(place[: but if but is not None else None])
    if but is None and any(r.low[k] in r.t.but for k in rest):
        n = next(n for n, k in enumerate(rest) if r.low[k] in r.t.but)
        _town(r, s, r.proper(r.role(rest[:n], "in", "to")), Claim.DENIES)
        _town(r, s, r.proper(r.role(rest[n:], "in", "to")), Claim.HOLDS)
        return
    _town(r, s, run, None)


def _town(r: TablePhrases, s: Subject, run: list[int], claim: Claim | None) -> None:
    if run:
        country = r.low[run[-1]] in r.t.countries
        r.add(s.subject, "home country" if country else "home city", r.w.text(run[0], run[-1] + 1), claim=claim)


def _move(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    if r.claim is Claim.DENIES or not r.past:  # "we move next month" is a plan
        return
    to = r.proper(r.role(rest, "to", "in"))
    origin = r.proper(r.role(rest, "from", "of"))
    if to:
        _town(r, s, to, Claim.HOLDS)
        if origin:
            _town(r, s, origin, Claim.PAST)


def _work(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    as_ = r.role(rest, "as", "of")
    if as_:
        value = r.value(as_)
        if value and (r.low[as_[0]] not in r.t.articles or len(as_) > 1):
            r.add(s.subject, "job", value)
    elif (of := r.role(rest, "from")) and r.t.is_job(r.low[of[0]]):
        r.add(s.subject, "job", r.value(of))
    at = r.role(rest, "at", "for")
    run = [k for k in at if r.low[k] not in r.t.articles]
    if run and r.w.capital(run[0]) and r.low[run[0]] not in r.t.days:
        r.add(s.subject, "employer", r.value(run))
    inside = r.proper([k for k in r.role(rest, "in") if r.low[k] not in r.t.articles]) if not at else []
    if inside and not r.t.capital_nouns and r.low[inside[0]] not in r.t.countries and r.t.drops_subject:
        r.add(s.subject, "employer", r.w.text(inside[0], inside[-1] + 1))


def _have(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    t, low, w = r.t, r.low, r.w
    if not s.subject or s.attribute:
        return
    last = ""
    if rest and (low[rest[0]].isdigit() or low[rest[0]] in t.numbers) and len(rest) > 1 and low[rest[1]] in t.years:
        r.add(s.subject, "age", w.text(rest[0], rest[0] + 1))
        return
    for k in rest:
        if low[k] in t.allergic or t.allergy.fullmatch(low[k]):
            found = t.allergy.fullmatch(low[k])
            if found is not None and found.groupdict().get("v"):
                r.add(
                    s.subject, "allergy", w.raw[k][: len(found["v"])], MANY, Claim.DENIES if any(low[x] in t.none for x in rest) else None
                )
            else:
                r.many(s.subject, "allergy", r.role(rest, "against", "to"))
            return
        if low[k] in t.fears:
            r.many(s.subject, "fear", r.role(rest, "before", "of", "to", "from"))
            return
    if any(low[k] in ("geburtstag", "cumpleaños", "anniversaire") for k in rest):
        attribute_of(r, Subject(s.subject, attribute="birthday"), [k for k in rest if low[k] not in ("geburtstag",)])
        return
    for part in r.parts(rest):
        denied = Claim.DENIES if any(low[k] in t.none for k in part) else None
        run = [k for k in part if low[k] not in t.none and low[k] not in t.articles and low[k] not in ("de", "d'")]
        if not run:
            continue
        noun = next(
            (
                k
                for k in run
                if low[k] in t.pets or low[k] in t.relations or low[k] in t.conditions or low[k] in t.cars or low[k] in t.things
            ),
            None,
        )
        if noun is None:
            if last and w.capital(run[0]) and len(run) <= 2:
                r.add(f"{s.subject}'s {last}", "name", r.value(run), MANY)
            continue
        word = low[noun]
        called = next(
            (
                k
                for k in run
                if k > noun
                and (
                    low[k] in ("namens", "llamado", "llamada", "appelé", "appelée", "nommé", "nommée")
                    or ((f := t.verbs.get(low[k])) is not None and f.verb == "called")
                )
            ),
            None,
        )
        name = r.value([k for k in run if called is not None and k > called]) if called is not None else ""
        if not name and noun + 1 in run and w.capital(noun + 1) and (not t.capital_nouns) and (word in t.pets or word in t.relations):
            name = r.value([k for k in run if k > noun])
        value = w.text(run[0], (run[-1] if name else noun) + 1)
        if word in t.pets or word in t.relations:
            english = t.pets.get(word) or t.relations[word]
            last = english
            attribute = "pet" if word in t.pets else _KIND.get(english, "")
            if attribute:
                everything = Claim.DENIES in (denied, r.claim) and english in ("pet", "child", "sibling")
                r.add(s.subject, attribute, "" if everything else value, MANY, denied)
            if name:
                r.add(f"{s.subject}'s {english}", "name", name, claim=denied)
        elif word in t.conditions:
            r.add(s.subject, "medical condition", value, MANY, denied)
        elif word in t.cars:
            r.add(s.subject, "car", "" if denied or r.claim is Claim.DENIES else value, MANY if len(run) == 1 else SINGLE, denied)
        elif word in t.things:
            r.add(s.subject, "possession", value, MANY, denied)


_KIND = {
    "child": "child",
    "son": "child",
    "daughter": "child",
    "brother": "sibling",
    "sister": "sibling",
    "sibling": "sibling",
    "twin": "sibling",
    "wife": "partner",
    "husband": "partner",
    "girlfriend": "partner",
    "boyfriend": "partner",
    "grandchild": "child",
}


def _like(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    low = r.low
    rest = [k for k in rest if low[k] not in r.t.gladly]
    if not rest or low[rest[0]] in r.t.me | r.t.others | frozenset(r.t.possessives):
        return
    denied = any(low[k] in r.t.none for k in rest) or r.claim is Claim.DENIES
    if r.t.ended.search(r.w.joined):
        r.many(s.subject, "likes", rest, claim=Claim.DENIES)
    elif denied:
        bare = [k for k in rest if low[k] not in r.t.none]
        r.many(s.subject, "dislikes", bare, claim=Claim.HOLDS)
        r.many(s.subject, "likes", bare, claim=Claim.DENIES)
    else:
        r.many(s.subject, "likes", rest)


def _hate(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    if r.claim is not Claim.DENIES:
        r.many(s.subject, "dislikes", rest)


def _consume(attribute: str) -> Read:
    def read(r: TablePhrases, s: Subject, rest: list[int]) -> None:
        glad = any(r.low[k] in r.t.gladly for k in rest)
        rest = [k for k in rest if r.low[k] not in r.t.gladly]
        if not rest or (r.claim is Claim.PAST and not any(x in r.t.once for x in r.low)):
            if not (rest and r.claim is Claim.PAST):
                return
            return
        none = any(r.low[k] in r.t.none for k in rest)
        ended = r.t.ended.search(r.w.joined) is not None
        bare = [k for k in rest if r.low[k] not in r.t.none]
        if glad and not none and r.claim is Claim.HOLDS:
            r.many(s.subject, "likes", bare)
        else:
            r.many(s.subject, attribute, bare, claim=Claim.DENIES if none or ended or r.claim is Claim.DENIES else None)

    return read


def _play(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    rest = [k for k in rest if r.low[k] not in r.t.gladly]
    for part in r.parts(rest):
        run = [k for k in part if r.low[k] not in r.t.articles and r.low[k] not in r.t.none and r.t.prepositions.get(r.low[k]) is None]
        if run and r.low[run[0]] in r.t.instruments:
            r.add(s.subject, "instrument", r.w.text(run[0], run[0] + 1), MANY)
        elif run and r.low[run[0]] in r.t.games:
            r.add(s.subject, "hobby", r.w.text(run[0], run[0] + 1), MANY)


def _speak(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    for k in rest:
        if r.low[k] in r.t.languages:
            r.add(s.subject, "language", r.w.text(k, k + 1), MANY, Claim.DENIES if any(r.low[x] in r.t.none for x in rest) else None)


def _learn(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    run = r.run(rest)
    if run and len(run) <= 3 and r.claim is Claim.HOLDS:
        r.add(s.subject, "learning", r.value(rest), MANY)


def _study(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    run = r.run(rest)
    if run and len(run) <= 3 and r.t.prepositions.get(r.low[run[0]]) is None:
        r.add(s.subject, "learning" if r.low[run[0]] in r.t.languages else "field of study", r.value(rest), MANY)


def _drive(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    run = [k for k in rest if r.low[k] not in r.t.articles]
    if run and len(rest) > len(run) and any(r.w.capital(k) for k in run[:2]) and r.claim is not Claim.DENIES:
        value = r.value(run)
        if r.low[run[0]] not in r.t.cars | r.t.things:
            r.add(s.subject, "car", value)


def _come(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    run = r.proper([k for k in r.role(rest, "from", "of") if r.low[k] not in r.t.articles])
    if run and r.claim is Claim.HOLDS:
        r.add(s.subject, "origin", r.w.text(run[0], run[-1] + 1))


def _grow(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    run = r.proper(r.role(rest, "in", "to"))
    if run:
        r.add(s.subject, "home town", r.w.text(run[0], run[-1] + 1), claim=Claim.HOLDS)


def _marry(r: TablePhrases, s: Subject, _rest: list[int]) -> None:
    places = [k for k in range(len(r.w)) if (f := r.t.verbs.get(r.low[k])) is not None and f.verb in ("marry", "divorce")]
    if places and r.claim is not Claim.DENIES:
        r.add(s.subject, "marital status", r.w.text(places[-1], places[-1] + 1), claim=Claim.HOLDS)


def _quit(r: TablePhrases, s: Subject, _rest: list[int]) -> None:
    if not s.noun and r.claim is not Claim.DENIES:
        r.add(s.subject, "employer", "", claim=Claim.DENIES)
        r.add(s.subject, "job", "", claim=Claim.DENIES)


def _die(r: TablePhrases, s: Subject, _rest: list[int]) -> None:
    if s.noun in r.t.pets.values() and r.claim is not Claim.DENIES:
        word = next((x for x in r.low if r.t.pets.get(x) == s.noun), "")
        r.add(s.owner, "pet", s.name or r.w.raw[r.low.index(word)], MANY, Claim.PAST)
        return
    known = next((f for f in r.earlier if s.name and f.attribute == "name" and f.value.lower() == s.name.lower()), None)
    if known is not None:
        owner, _, _noun = known.subject.rpartition("'s ")
        r.add(known.subject, "name", s.name, claim=Claim.PAST)
        r.add(owner, "pet", s.name, MANY, Claim.PAST)


def _sell(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    if any(r.low[k] in r.t.cars for k in rest) and r.claim is not Claim.DENIES:
        r.add(s.subject, "car", "", claim=Claim.DENIES)


def _get(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    if r.claim is Claim.DENIES:
        return
    r.claim = Claim.HOLDS
    car = next((k for k in rest if r.low[k] in r.t.cars), None)
    make = next((k for k in rest if car is not None and k > car + 1 and r.low[k - 1] in r.t.articles and r.w.capital(k)), None)
    if make is not None:  # "a new car, a Seat"
        r.add(s.subject, "car", r.value([k for k in rest if k >= make]))
        return
    _have(r, s, rest)


def _tolerate(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    if r.claim is Claim.DENIES or any(r.low[k] in r.t.none for k in rest):
        r.many(s.subject, "intolerance", [k for k in rest if r.low[k] not in r.t.none], claim=Claim.HOLDS)


def _smoke(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    place = next(k for k in range(len(r.w)) if (f := r.t.verbs.get(r.low[k])) is not None and f.verb == "smoke")
    if not any(k > place and r.low[k] not in MARKS for k in rest if r.low[k] not in r.t.adverbs):
        r.add(s.subject, "habit", r.w.text(place, place + 1), MANY)


def _go(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read "ich gehe gern wandern", "hago senderismo", "je fais du vélo"."""
    if any(r.low[k] in r.t.gladly for k in rest):
        run = [k for k in rest if r.low[k] not in r.t.gladly]
        if run and len(run) <= 3:
            r.add(s.subject, "hobby", r.value(run), MANY)
        return
    for k in rest:
        if r.low[k] in r.t.games:
            r.add(s.subject, "hobby", r.w.text(k, k + 1), MANY)


FRAMES: dict[str, Read] = {
    "be": is_,
    "called": called,
    "have": _have,
    "live": _live,
    "move": _move,
    "work": _work,
    "like": _like,
    "please": _like,
    "hate": _hate,
    "eat": _consume("eats"),
    "drink": _consume("drinks"),
    "play": _play,
    "speak": _speak,
    "can": _speak,
    "learn": _learn,
    "study": _study,
    "drive": _drive,
    "come": _come,
    "grow": _grow,
    "become": become,
    "marry": _marry,
    "divorce": _marry,
    "quit": _quit,
    "die": _die,
    "sell": _sell,
    "get": _get,
    "buy": _get,
    "tolerate": _tolerate,
    "smoke": _smoke,
    "go": _go,
    "born": born,
    "own": _have,
}
