"""Frames of "be", "be called" and "be born" for the languages of `table_reader`."""

from __future__ import annotations

from echorator.cognition.reading.languages.table_phrases import Subject, TablePhrases
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE = FactType.SINGLE, FactType.MANY, FactType.STATE


def is_(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read what somebody or something is."""
    t, low = r.t, r.low
    if not rest:
        return
    if s.attribute:
        attribute_of(r, s, rest)
        return
    run = r.run(rest)
    if not run:
        run = r.run(rest[1:]) if len(rest) > 1 else []
        if not run:
            return
    first = low[run[0]]
    plain_rest = [k for k in rest if low[k] not in t.articles]
    for n, k in enumerate(rest):
        if low[k] in t.allergic:
            to = r.role(rest[n + 1 :], "against", "to") or r.role(rest[:n], "against", "to")
            r.many(s.subject, "allergy", to)
            return
    tolerant = t.intolerant.fullmatch(" ".join(low[k] for k in plain_rest[:3])) or t.intolerant.fullmatch(first)
    if tolerant is not None:
        place = next(k for k in plain_rest if low[k].startswith(tolerant["v"]))
        r.add(s.subject, "intolerance", r.w.raw[place][: len(tolerant["v"])], MANY)
        return
    done = next((n for n, k in enumerate(rest) if (f := t.verbs.get(low[k])) is not None and f.verb == "born"), None)
    if done is not None:
        born(r, s, [k for k in rest if k != rest[done]])
        return
    if (t.prepositions.get(low[rest[0]]) in ("from", "of")) and len(rest) > 1 and r.w.capital(rest[1]):
        r.add(s.subject, "origin", r.value(r.role(rest, "from", "of")))
        return
    if first.isdigit() or first in t.numbers:
        behind = low[run[1]] if len(run) > 1 else ""
        if behind in t.years or (len(run) == 1 and (not s.noun or s.noun != "car") and (not first.isdigit() or 0 < int(first) < 120)):
            r.add(s.subject, "age", r.w.text(run[0], run[0] + 1))
        elif s.noun == "phone":
            r.add(s.owner, "phone number", r.value(run))
        return
    person = not s.noun or s.noun in t.relations.values()
    for part in r.parts([k for k in rest if low[k] not in t.articles]):
        word = low[part[0]]
        value = r.w.text(part[0], part[0] + 1)
        if word in t.diets:
            r.add(s.subject, "diet", value)
        elif word in t.marital and person:
            r.add(s.subject, "marital status", value)
        elif word in t.nationalities and person:
            r.add(s.subject, "nationality", value, MANY)
        elif word in t.religions and person:
            r.add(s.subject, "religion", value)
        elif word in t.conditions and person:
            r.add(s.subject, "medical condition", value, MANY)
        elif word in t.colours and s.noun and not person:
            r.add(s.subject, "colour", value)
        elif word in t.states and (person or s.noun):
            if r.claim is Claim.HOLDS:
                r.add(s.subject, "state", value, STATE)
        elif person and _job(r, s, part):
            continue
        elif s.noun and (s.noun in t.relations.values() or s.noun in t.pets.values()):
            names = r.proper(part)
            if names and (not t.capital_nouns or low[rest[0]] not in t.articles) and len(names) <= 3:
                r.add(s.subject, "name", r.w.text(names[0], names[-1] + 1))
        elif s.noun == "car" and any(r.w.capital(k) for k in part) and low[rest[0]] in t.articles:
            r.add(s.owner, "car", r.value(part))
        elif (not s.noun and s.owner == r.me and t.greeting.match(r.w.joined) and r.w.capital(part[0])) or (
            not s.noun
            and s.owner == r.me
            and not t.capital_nouns
            and r.w.capital(part[0])
            and low[rest[0]] not in t.articles
            and len(part) <= 3
        ):
            names = r.proper(part)
            r.add(s.subject, "name", r.w.text(names[0], names[-1] + 1))
        break_now = word not in t.diets and word not in t.marital and word not in t.nationalities and word not in t.colours
        if break_now:
            break


def _job(r: TablePhrases, s: Subject, part: list[int]) -> bool:
    """Note an occupation, where the first words are one."""
    low = r.low
    for n, k in enumerate(part[:3]):
        if r.t.is_job(low[k]):
            end = part[n] + 1
            while (
                end < part[-1] + 1
                and end - part[0] < 4
                and low[end] in ("de", "des", "du", "d'")
                and end + 1 <= part[-1]
                and low[end + 1] not in r.t.articles
            ):
                end += 2
            r.add(s.subject, "job", r.w.text(part[0], end))
            at = r.role(part[n + 1 :], "at", "for")
            if at and r.w.capital(at[0]):
                r.add(s.subject, "employer", r.value(at))
            return True
    return False


def attribute_of(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read the value of an attribute."""
    low, attribute = r.low, s.attribute
    but = next((n for n, k in enumerate(rest) if low[k] in r.t.but), None)
    if but is not None and r.claim is Claim.DENIES:
        r.add(s.owner, attribute, r.value(rest[:but]), claim=Claim.DENIES)
        r.add(s.owner, attribute, r.value(rest[but + 1 :]), claim=Claim.HOLDS)
        return
    if s.many:
        r.many(s.owner, attribute, rest)
        return
    if attribute == "birthday":
        places = [k for k in rest if r.t.prepositions.get(low[k]) is None or low[k] in ("de", "del")]
        while places and (low[places[0]] in r.t.articles or low[places[0]] in ("de", "el", "am", "im", "le")):
            places = places[1:]
        text = r.w.text(places[0], places[-1] + 1) if places else ""
        if any(c.isdigit() for c in text) or any(low[k] in r.t.months for k in places):
            r.add(s.owner, attribute, text)
        return
    run = r.run(rest)
    if not run:
        return
    value = r.value(rest)
    first = low[run[0]]
    if first in r.t.states or first in ("sehr", "muy", "très", "so", "tan", "si", "zu", "trop") or (len(run) > 5):
        return
    if attribute == "phone number" and not any(c.isdigit() for c in value):
        return
    if attribute == "age" and not (first.isdigit() or first in r.t.numbers):
        return
    if attribute == "age":
        value = r.w.text(run[0], run[0] + 1)
    if attribute == "job" and not r.t.is_job(first) and not r.t.is_job(low[run[-1]]) and len(run) > 2:
        return
    if attribute == "address":
        value = r.w.text(run[0], rest[-1] + 1)
    r.add(s.owner, attribute, value)


def born(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read the day and the place of a birth."""
    low, t = r.low, r.t
    month = next((k for k in rest if low[k] in t.months), None)
    dated: list[int] = []
    if month is not None:
        first, last = month, month
        while first - 1 in rest and (low[first - 1].strip(".").isdigit() or low[first - 1] in ("de", ".")):
            first -= 1
        while last + 1 in rest and (low[last + 1].isdigit() or low[last + 1] in ("de", "del")):
            last += 1
        dated = list(range(first, last + 1))
        if any(low[k].strip(".").isdigit() for k in dated):
            r.add(s.subject, "birthday", r.w.text(first, last + 1).removeprefix("de "), claim=Claim.HOLDS)
    for k in rest:
        if _is_date(low[k]):
            r.add(s.subject, "birthday", r.w.text(k, k + 1), claim=Claim.HOLDS)
        elif low[k].isdigit() and len(low[k]) == 4 and k not in dated:
            r.add(s.subject, "birth year", low[k], claim=Claim.HOLDS)
        elif t.prepositions.get(low[k]) in ("in", "to") and r.w.capital(k + 1) and low[k + 1] not in t.months and k + 1 in rest:
            run = r.proper([p for p in rest if p > k])
            r.add(s.subject, "birthplace", r.w.text(run[0], run[-1] + 1), claim=Claim.HOLDS)


def _is_date(text: str) -> bool:
    """Return whether a word is a date in digits: "12.03.1985"."""
    parts = text.replace("/", ".").replace("-", ".").strip(".").split(".")
    return len(parts) == 3 and all(part.isdigit() for part in parts)


def called(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read a name."""
    if s.attribute == "name":
        attribute_of(r, s, rest)
        return
    if s.attribute:
        attribute_of(r, s, rest)
        return
    but = next((n for n, k in enumerate(rest) if r.low[k] in r.t.but), None)
    if but is not None:
        r.add(s.subject, "name", r.value(rest[:but]), claim=Claim.DENIES)
        rest, r.claim = rest[but + 1 :], Claim.HOLDS
    run = r.run([k for k in rest if r.low[k] not in r.t.articles])
    if run:
        stop = run[0] + 1
        while stop <= run[-1] and r.w.capital(stop) == r.w.capital(run[0]) and stop - run[0] < 3:
            stop += 1
        r.add(s.subject, "name", r.w.text(run[0], stop))


def become(r: TablePhrases, s: Subject, rest: list[int]) -> None:
    """Read what somebody has become, which he is now."""
    r.claim = Claim.HOLDS if r.claim is not Claim.DENIES else r.claim
    is_(r, s, rest)
