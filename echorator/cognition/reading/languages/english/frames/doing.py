"""Reads further verbs: lives, drives, uses, calls, goes, grew up."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.dates import rescheduled, when_and_where
from echorator.cognition.reading.languages.english.frames.employers import PLACES_OF_WORK
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.frames.places import home_facts, is_place, moved
from echorator.cognition.reading.languages.english.frames.working import lessons
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_VAGUE = frozenset(
    """it that this you him her them me us myself what how when being your his these those one everything anything nothing something
    everyone to where who his their if whether there here all""".split()
)


def live(f: Frame) -> None:
    """Read a clause with "live"."""
    if not f.real or f.i >= f.j or not f.subject:
        return
    if (
        f.verb.perfect
        and not f.verb.progressive
        and not any(x in ("since", "for", "all", "my") for x in f.low[f.i : f.clause.end])
        and not f.now
    ):
        return
    home_facts(f, f.i, f.j)


def move_in(f: Frame) -> None:
    """Read a clause with "move" or "relocate"."""
    if f.thing.head in nouns.EVENTS and f.verb.past and f.thing.noun:
        rescheduled(f, f.i, f.j)
    elif f.subject:
        moved(f)


def drive(f: Frame) -> None:
    """Read "I drive a Volvo", "I ride a Triumph"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or not f.subject or (f.verb.perfect and not f.verb.progressive):
        return
    start = i + 1 if low[i] in ("a", "an", "my", "the", "our") else i
    end = f.cut(start, j, "to and for because since every but when in on from , with at until")
    if start >= end or (start == i and low[i] not in nouns.MAKES):
        return
    head = low[end - 1]
    if head in ("bus", "train", "taxi", "uber", "truck", "lorry", "tram", "bike", "bicycle", "forklift", "ambulance") and not w.capital(
        end - 1
    ):
        return
    if any(w.capital(k) or low[k] in nouns.MAKES for k in range(start, end)) and f.verb.lemma == "drive":
        f.add("car", w.text(start, end))


def use(f: Frame) -> None:
    """Read tools: "I use Python and a MacBook"."""
    low, i, j = f.low, f.i, f.j
    if i >= j or not f.real or not f.subject or low[i] in _VAGUE or low[i] in ("my", "our"):
        return
    if f.verb.past and not f.verb.perfect and not f.verb.used:
        return
    end = f.cut(i, j, "like for to at because since but so when as with every in on instead if ;")
    if "/" in low[i] and low[j - 1] in ("pronouns", "pronoun", low[i]):
        f.add("pronouns", f.w.text(i, i + 1))
        return
    for one, two in f.parts(i, end):
        start = one + 1 if low[one] in ("a", "an", "the") else one
        if (
            start < two
            and two - start <= 4
            and (any(f.w.capital(k) for k in range(start, two)) or nouns.noun_of(low[two - 1]) in nouns.THINGS)
        ):
            f.add("uses", f.w.text(start, two), MANY)


def call(f: Frame) -> None:
    """Read "people call me Liz", "we call him Bob"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i + 1 >= j or f.verb.negated:
        return
    if (
        low[i] == "me"
        and f.verb.modal in ("", "can", "may", "should", "could")
        and (w.capital(i + 1) or j - i == 2)
        and low[i + 1]
        not in (
            "a",
            "an",
            "the",
            "at",
            "on",
            "when",
            "back",
            "tomorrow",
            "later",
            "if",
            "every",
            "in",
            "names",
            "crazy",
            "for",
            "old",
            "again",
            "now",
            "today",
            "tonight",
        )
    ):
        end = f.name_end(i + 1, j)
        f.add("nickname", w.text(i + 1, end), MANY, subject=f.context.me, claim=Claim.PAST if f.verb.past else Claim.HOLDS)
    elif low[i] in ("him", "her", "it", "them") and w.capital(i + 1) and f.mine:
        subject = f.context.person if low[i] in ("him", "her") else f.context.it
        f.add("nickname", w.text(i + 1, f.name_end(i + 1, j)), MANY, subject=subject, claim=Claim.HOLDS)
    elif low[i] in ("my", "our") and f.mine:
        found = f.parser.thing_at(i, subject=False)
        if found is not None and found[1] < j and w.capital(found[1]):
            f.add("nickname", w.text(found[1], f.name_end(found[1], j)), MANY, subject=found[0].subject, claim=Claim.HOLDS)


def name_something(f: Frame) -> None:
    """Read "we named him Max", "I called our dog Rex", "I renamed my dog to Rex"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i + 1 >= j or not f.mine or f.verb.negated or f.verb.modal:
        return
    if low[i] in ("him", "her", "it") and w.capital(i + 1):
        subject = f.context.it if low[i] == "it" else f.context.person or f.context.it
        f.add("name", w.text(i + 1, f.name_end(i + 1, j)), subject=subject, claim=Claim.HOLDS)
    elif low[i] in ("my", "our", "the"):
        found = f.parser.thing_at(i, subject=False)
        if found is None:
            return
        thing, end = found
        if thing.name:
            f.add("name", thing.name, subject=thing.subject, claim=Claim.HOLDS)
            return
        if end < j and low[end] in ("to", "as"):
            end += 1
        if end < j and (w.capital(end) or j - end == 1):
            f.add("name", w.text(end, f.name_end(end, j)), subject=thing.subject, claim=Claim.HOLDS)


def go(f: Frame) -> None:
    """Read "I go by Liz", "I go to Leiden University", "I go running every morning"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or not f.subject or (f.verb.negated and not f.ended):
        return
    if (
        low[i] == "by"
        and i + 1 < j
        and (w.capital(i + 1) or j - i == 2)
        and low[i + 1] not in nouns.VEHICLES
        and low[i + 1] not in ("bus", "train", "bike", "plane", "foot", "tram", "boat", "ferry", "the", "taxi", "metro", "subway", "myself")
    ):
        if "/" in low[i + 1]:
            f.add("pronouns", w.text(i + 1, i + 2))
            return
        f.add("nickname", w.text(i + 1, f.name_end(i + 1, j)), MANY)
    elif low[i] == "by" and low[i + 1 : i + 3] == ["the", "name"]:
        k = i + 4 if low[i + 3 : i + 4] == ["of"] else i + 3
        if k < j:
            f.add("nickname", w.text(k, f.name_end(k, j)), MANY)
    elif low[i] == "to" and not f.verb.past and not f.verb.progressive:
        end = f.cut(i + 1, j, "with and every on for in because since at , but where twice once")
        words_ = low[i + 1 : end]
        if words_ and words_[-1] in ("university", "school", "college", "academy") and (w.capital(i + 1) or w.capital(end - 1)):
            f.add("university" if words_[-1] == "university" else "school", w.text(i + 1, end), MANY)
        elif regular(f) and words_:
            f.add("habit", w.text(f.verb.end - 1, j), MANY)
    elif (low[i] in verbs.GERUND or low[i].endswith("ing")) and not f.verb.past and not f.verb.progressive:
        end = f.cut(i, j, "with and every on for in because since at , but twice once as")
        if regular(f) or j - i <= 3:
            f.add("hobby", w.text(i, end), MANY)


_PERIODS = frozenset(
    """day morning afternoon evening night week weekend month year summer winter spring autumn fall other single second few two three hour
    christmas easter monday tuesday wednesday thursday friday saturday sunday lunchtime now""".split()
)
_NO_HABITS = frozenset("be have do get think see hear feel know want try need let make hope wonder guess meet".split())


def regular(f: Frame) -> bool:
    """Return whether the clause says how often something is done."""
    low = f.low[f.i : f.clause.end]
    return (
        any(x in ("twice", "daily", "weekly", "weekdays", "weekends") for x in low)
        or any(x == "every" and low[k + 1 : k + 2] and low[k + 1] in _PERIODS for k, x in enumerate(low))
        or any(x in nouns.DAYS and x.endswith("days") for x in low)
        or ("times" in low and ("a" in low or "per" in low))
        or ("once" in low and "a" in low)
    )


def begin(f: Frame) -> bool:
    """Read "my shift starts at 6", "the train leaves at 8 from Leeds"; return whether the subject is such an event."""
    if f.thing.head in nouns.EVENTS and f.thing.noun and not f.verb.past and not f.verb.negated:
        when_and_where(f, f.i, f.j)
        return True
    return False


def habit(f: Frame) -> None:
    """Read what is done every day or week: "I run five miles every morning"."""
    low = f.low
    if not f.mine or not f.real or f.verb.past or f.verb.perfect or f.verb.progressive or f.verb.negated:
        return
    spare = next(
        (
            k
            for k in range(f.i, f.j - 2)
            if (low[k : k + 2] == ["in", "my"] and low[k + 2] in ("free", "spare")) or low[k : k + 2] == ["for", "fun"]
        ),
        None,
    )
    if spare is not None and spare > f.i:
        f.add("hobby", f.w.text(f.verb.end - 1, spare), MANY)
        return
    if f.verb.lemma in _NO_HABITS or not regular(f):
        return
    end = f.cut(f.i, f.j, "because but so since when if ;")
    f.add("habit", f.w.text(f.verb.end - 1, end), MANY)


def run(f: Frame) -> None:
    """Read "I run a small bakery"; else it is a habit."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i + 1 < j and low[i] in ("a", "an", "my", "our", "the") and f.real and not f.verb.negated and f.subject:
        phrase = f.phrase(i, f.cut(i, j, "in with and for at near called of"))
        if phrase is not None and (
            phrase.noun in PLACES_OF_WORK or phrase.noun in nouns.THINGS or phrase.noun in ("business", "shop", "agency", "farm")
        ):
            f.add("job", w.text(f.verb.end - 1, phrase.end), claim=Claim.PAST if f.verb.past else None)
            return
    if f.real and f.subject and low[i] in nouns.ACTIVITIES:
        f.add("hobby", w.text(i, i + 1), MANY)
        return
    habit(f)


def belong(f: Frame) -> None:
    """Read "I belong to the chess club"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i + 1 < j and low[i] == "to" and f.mine and f.real:
        k = i + 2 if low[i + 1] in ("a", "an", "the") else i + 1
        f.add("membership", w.text(k, f.cut(k, j, "in and but")), MANY)


def weigh(f: Frame) -> None:
    """Read a weight."""
    i = f.i + 1 if f.low[f.i] in ("about", "around", "roughly", "almost", "nearly", "exactly") else f.i
    if i < f.j and f.subject and (f.is_number(i) or nouns.has_digit(f.low[i])):
        f.add("weight", f.w.text(i, f.cut(i, f.j, "and but now at")))


def know(f: Frame) -> None:
    """Read "I know some Japanese"."""
    k = f.i + 1 if f.low[f.i] in ("some", "basic", "a") else f.i
    if f.real and f.mine and not f.verb.past and k < f.j and f.low[k] in nouns.LANGUAGES and f.w.capital(k):
        f.add("language", f.w.text(k, k + 1), MANY)


def avoid(f: Frame) -> None:
    """Read "I avoid gluten"."""
    if f.real and f.subject and not f.verb.past and not f.verb.negated and f.j - f.i <= 3 and f.low[f.i] not in verbs.GERUND:
        list_facts(f, "eats", f.i, f.j, claim=Claim.DENIES)


def earn(f: Frame) -> None:
    """Read "I make 60k a year", "I pay 900 euros rent"."""
    low, j = f.low, f.j
    i = f.i + 1 if low[f.i] in ("about", "around", "roughly", "almost", "nearly") else f.i
    if not (f.real and f.mine and not f.verb.past and i < j and nouns.has_digit(low[i])):
        return
    if f.verb.lemma == "pay" and "rent" in low[i:j]:
        end = f.cut(i, low.index("rent", i, j), "in for of")
        f.add("rent", f.w.text(i, end))
    elif f.verb.lemma in ("make", "earn") and low[j - 1] in ("year", "month", "hour", "annually", "monthly", "yearly"):
        f.add("salary", f.w.text(i, j))


def suffer(f: Frame) -> None:
    """Read "I suffer from migraines"."""
    if f.i + 1 < f.j and f.low[f.i] == "from" and f.real:
        list_facts(f, "medical condition", f.i + 1, f.j)


def come(f: Frame) -> None:
    """Read "I come from Peru", "I grew up in Lima"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if f.verb.lemma == "grow":
        if i + 2 < j and low[i] == "up" and low[i + 1] in ("in", "on", "near") and not f.verb.negated and f.verb.past:
            end = f.cut(i + 2, j, "with and but in speaking as until near where because")
            start = i + 2
            if is_place(f, start, f.cut(start, end, ",")):
                f.add("home town", w.text(start, end), claim=Claim.HOLDS)
            elif low[start] in ("a", "an", "the"):
                f.add("home town", w.text(start + 1, f.cut(i + 2, j, "with and but as until where because")), claim=Claim.HOLDS)
        return
    if f.verb.past or f.verb.progressive or f.verb.perfect or not f.real:
        return
    if i < j and low[i] == "originally":
        i += 1
    if i + 1 < j and low[i] == "from":
        end = f.cut(i + 1, j, "and but originally where so")
        if is_place(f, i + 1, f.cut(i + 1, end, ", in")) or (low[i + 1] in ("a", "an") and any(w.capital(k) for k in range(i + 1, end))):
            f.add("origin", w.text(i + 1, end))


def need(f: Frame) -> None:
    """Read what belongs to health: "I take insulin", "I wear glasses"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or not f.subject or lessons(f):
        return
    if low[i] == "size" and f.verb.lemma == "take":
        f.add("shoe size" if "shoes" in low[i:j] else "clothing size", w.text(i + 1, i + 2))
        return
    if f.verb.lemma == "wear":
        end = f.cut(i, j, "for to when because since in at with")
        if low[end - 1] in ("glasses", "lenses", "aids", "aid", "braces", "dentures", "hijab", "contacts"):
            f.add("wears", w.text(i + 1 if low[i] in ("a", "my") else i, end), MANY)
        elif (low[i] == "size" and i + 1 < end) or (low[i] == "a" and low[i + 1 : i + 2] == ["size"]):
            k = i + 1 if low[i] == "size" else i + 2
            attribute = "shoe size" if "shoes" in low[i:j] or "shoe" in low[i:j] else "clothing size"
            f.add(attribute, w.text(k, k + 1))
        return
    if low[i] in nouns.MEDICATIONS or (low[i] == "medication" and not f.verb.negated):
        list_facts(f, "medication", i, f.cut(i, j, "for every because since in at with to"))


def rent(f: Frame) -> None:
    """Read "I rent a flat in Ulm"."""
    i, j, w = f.i, f.j, f.w
    if i < j and f.real and f.mine and not f.verb.past and not f.verb.negated:
        phrase = f.phrase(i, j)
        if phrase is not None and phrase.noun in ("flat", "apartment", "house", "room", "studio", "cottage", "place"):
            f.add("home", w.text(phrase.start, f.cut(phrase.start, j, "and with for from but ,")), MANY)


def turn(f: Frame) -> None:
    """Read "I turned 41", "I turned vegan"."""
    if f.i < f.j and f.low[f.i] in nouns.DIETS and (f.verb.past or f.verb.perfect) and not f.verb.negated:
        f.add("diet", f.w.text(f.i, f.i + 1), claim=Claim.HOLDS)
    if f.i < f.j and f.is_number(f.i) and f.j - f.i <= 2 and (f.verb.past or f.verb.perfect) and not f.verb.negated and not f.verb.modal:
        f.add("age", f.w.text(f.i, f.i + 1), claim=Claim.HOLDS)
