"""Reads what something is: "I am a nurse", "my sister is called Klara", "my car is red"."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.frames.attributes import attribute_is
from echorator.cognition.reading.languages.english.frames.dates import rescheduled, when_and_where
from echorator.cognition.reading.languages.english.frames.describing import noun_is
from echorator.cognition.reading.languages.english.frames.employers import FIELDS
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.kinds import TYPES_OF_KINDS, kind_of
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.frames.naming import inverse, named, proper_is
from echorator.cognition.reading.languages.english.frames.numbers import code_is, number_is
from echorator.cognition.reading.languages.english.frames.places import home_facts, is_place
from echorator.cognition.reading.languages.english.lexicon import adjectives, nouns, verbs
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_EMPTY = frozenset(
    "it that this what who there not so such one something someone nothing everything here me you him her them us mine yours".split()
)


def be(f: Frame) -> None:
    """Read a clause with "be"."""
    if not f.real or f.i >= f.j:
        return
    if "born" in f.low[f.i : f.i + 2]:
        f.j = f.back(f.i, f.clause.end)  # a year behind it is no mere time of the past
    if opinion(f):
        return
    slot = slot_of(f.thing, f.context.me)
    if f.low[f.verb.start - 1] in ("it", "that") and f.context.slot is not None and f.verb.start > 0:
        slot = f.context.slot
    if slot is not None and slot.attribute:
        f.context.slot = slot
        attribute_is(f, slot.subject, slot.attribute, slot.type)
    elif f.thing.subject:
        thing_is(f)


def thing_is(f: Frame) -> None:
    """Read what a person, an animal or a thing is."""
    low, i, j, w = f.low, f.i, f.j, f.w
    while (
        i < j
        and (low[i] in verbs.ADVERBS or low[i] in ("kind", "sort") or low[i] == "of" or low[i] in ("not", "n't"))
        and low[i] not in ("both",)
    ):
        if low[i] in ("not", "n't"):
            f.verb.negated = True
        i += 1
    if i >= j:
        return
    word = low[i]
    if word == "a" and i + 2 < j and low[i + 1] in ("bit", "little", "lot", "tad"):
        i += 2
        word = low[i]
    if word in ("called", "named") and i + 1 < j:
        named(f, i + 1, j)
    elif word in ("known", "nicknamed") and i + 1 < j:
        k = i + 2 if low[i + 1] == "as" else i + 1
        f.add("nickname", w.text(k, f.name_end(k, j)), MANY)
    elif word in ("from", "originally") or (word == "born"):
        origin(f, i, j)
    elif word == "based" and i + 2 < j and low[i + 1] in ("in", "near", "at"):
        home_facts(f, i + 1, j)
    elif word in ("allergic", "intolerant", "sensitive") and i + 1 < j:
        if low[i + 1] in ("to", "against", "of") and word != "sensitive":
            list_facts(f, "allergy" if word == "allergic" else "intolerance", i + 2, j)
    elif word in ("afraid", "scared", "terrified", "frightened") and i + 2 < j and low[i + 1] == "of":
        if not f.verb.negated:
            list_facts(f, "fear", i + 2, j)
    elif word in ("interested", "into", "passionate") and i + 1 < j and not f.verb.past:
        k = i + 2 if low[i + 1] in ("in", "about") else i + 1
        if k < j and low[k] not in _EMPTY and (word != "interested" or low[i + 1] == "in"):
            list_facts(f, "interest" if word == "interested" else "likes", k, j)
    elif (
        word in ("fond", "crazy", "mad", "obsessed", "keen")
        and i + 2 < j
        and low[i + 1] in ("of", "about", "with", "on")
        and not f.verb.past
    ):
        list_facts(f, "likes", i + 2, j)
    elif word == "sick" and i + 2 < j and low[i + 1] == "of":
        return
    elif word == "raised" and low[i + 1] in ("in", "on") and i + 2 < j:
        f.add("home town", w.text(i + 2, f.cut(i + 2, j, "by with and as")), claim=Claim.HOLDS)
    elif re.fullmatch(r"\d'\d{0,2}", word) and (f.mine or f.thing.head in nouns.KIN):
        f.add("height", w.text(i, i + 1))
    elif word == "diagnosed" and i + 2 < j and low[i + 1] == "with":
        list_facts(f, "medical condition", i + 2, j, claim=Claim.HOLDS)
    elif word in ("moved", "postponed", "rescheduled", "pushed", "changed", "shifted", "delayed") and f.thing.head in nouns.EVENTS:
        rescheduled(f, i + 1, j)
    elif word in ("fluent", "bilingual") and i + 2 < j and low[i + 1] == "in":
        for k in range(i + 2, j):
            if low[k] in nouns.LANGUAGES:
                f.add("language", w.text(k, k + 1), MANY)
    elif word in ("married", "engaged", "divorced", "widowed", "separated", "single"):
        marital(f, i, j)
    elif word in ("retired", "unemployed", "self-employed", "freelance", "freelancing") or (
        word == "out" and low[i + 1 : i + 3] == ["of", "work"]
    ):
        f.add("job", w.text(i, i + 1 if word != "out" else i + 3))
    elif word == "on" and low[i + 1] in nouns.MEDICATIONS:
        list_facts(f, "medication", i + 1, f.cut(i + 1, j, "for since because"))
    elif word == "in" and low[i + 1] in ("my", "the") and "year" in low[i : i + 4] and "at" in low[i:j] and f.mine:
        at = low.index("at", i, j)
        f.add("university", w.text(at + 1, f.cut(at + 1, j, "in and , studying")), MANY)
    elif word in ("on", "off") and j - i <= 5 and "diet" in low[i:j]:
        k = low.index("diet", i, j)
        start = i + 2 if low[i + 1] in ("a", "an", "the") else i + 1
        if k > start:
            f.add("diet", w.text(start, k))
    elif word == "in" and (low[i + 1] == "my" or (f.mine and j - i == 2)):
        if low[i + 2] in _DECADES:
            f.add("age", w.text(i, i + 3) if not f.verb.past else "")
        elif low[i + 1] in FIELDS and not f.verb.past:
            f.add("job", w.text(i + 1, j), certainty=0.9)
    elif word in ("good", "great", "skilled") and low[i + 1] == "at" and i + 2 < j and f.real and not f.verb.negated and f.mine:
        list_facts(f, "skill", i + 2, j)
    elif word in _PLACES_AND_TIMES:
        when_and_where(f, i, j)
    elif f.is_number(i):
        number_is(f, i, j)
    elif word in ("my", "our", "his", "her", "their", "your") or (w.capital(i) and "'s" in low[i:j]):
        inverse(f, i)
    elif word in ("a", "an", "the", "one", "part") or low[i : i + 2] == ["no", "longer"]:
        noun_is(f, i, j)
    elif f.is_name(i, max(i + 1, f.name_end(i, j))) and not kind_of(f, i):
        proper_is(f, i, j)
    else:
        adjective_is(f, i, j)


_PLACES_AND_TIMES = frozenset(
    """at on in by near with under over about behind next inside outside around tomorrow today tonight due scheduled set every between held
    planned""".split()
)
_DECADES = frozenset("twenties thirties forties fifties sixties seventies eighties teens".split())
_THING = frozenset("thing jam style bag forte favourite favorite go-to".split())
_TASTES = {
    "disgusting": "dislikes",
    "gross": "dislikes",
    "revolting": "dislikes",
    "yucky": "dislikes",
    "delicious": "likes",
    "yummy": "likes",
    "overrated": "dislikes",
}


def opinion(f: Frame) -> bool:
    """Read "Coffee isn't my thing", "Mushrooms are disgusting", "My Spanish is decent"; return whether it was such an opinion."""
    low, i, j = f.low, f.i, f.j
    if f.thing.noun in nouns.LANGUAGES and f.thing.owner == f.context.me:
        f.add("language", f.w.text(f.verb.start - 1, f.verb.start), MANY, subject=f.context.me, claim=Claim.HOLDS)
        return True
    if not f.thing.name or f.thing.noun or f.verb.past or f.verb.start == 0:
        return False
    mine = (
        (low[i] == "my" and low[j - 1] in _THING)
        or low[i : i + 4] == ["my", "cup", "of", "tea"]
        or low[i : i + 3] == ["more", "my", "thing"]
    )
    attribute = "likes" if mine or (low[i : i + 2] == ["for", "me"] and f.verb.negated) else _TASTES.get(low[i], "") if j - i == 1 else ""
    if not attribute:
        return False
    bad = (attribute == "likes") == f.verb.negated
    f.add("dislikes" if bad else "likes", f.thing.name, MANY, subject=f.context.me, claim=Claim.HOLDS)
    return True


_NO_ORIGINS = frozenset("here work home school scratch there mars outside abroad".split())


def origin(f: Frame, i: int, j: int) -> None:
    """Read "from Peru", "born in 1990", "born on 3 May in Lima"."""
    low, w = f.low, f.w
    if low[i] == "originally":
        i += 1
    if i < j and low[i] == "from":
        end = f.cut(i + 1, j, "but and so originally where which , who")
        if (
            end > i + 1
            and (
                w.capital(i + 1)
                or low[i + 1] in nouns.COUNTRIES
                or (is_place(f, i + 1, end) and low[i + 1] not in _NO_ORIGINS)
                or low[i + 1] in ("a", "an", "the", "here")
            )
            and not nouns.has_digit(low[i + 1])
            and low[i + 1] not in nouns.DAYS
        ):
            if low[i + 1] in ("a", "an", "the", "here") and not any(w.capital(k) for k in range(i + 2, end)):
                return
            f.add("origin", w.text(i + 1, end), claim=Claim.DENIES if f.verb.negated else Claim.HOLDS)
            if f.verb.negated and end + 1 < j and low[end] == "but":
                start = end + 2 if low[end + 1] == "from" else end + 1
                f.add("origin", w.text(start, f.cut(start, j)), claim=Claim.HOLDS)
        return
    if i >= j or low[i] != "born":
        return
    k = i + 1
    while k < j - 1 and low[k] not in ("in", "on", "at"):
        k += 1
    while k < j - 1 and low[k] in ("in", "on", "at"):
        end = k + 1
        while end < j and low[end] not in ("in", "on", "at", "and", "but", "to", "but", "as", "near", "while", "when", "with"):
            end += 1
        words_ = low[k + 1 : end]
        value = w.text(k + 1, f.back(k + 1, end))
        if words_ and words_[0] == "the":
            if not any(nouns.has_digit(x) for x in words_) or (words_[-1].endswith("s") and words_[-1][:1].isdigit()):
                k = end
                continue
            value = w.text(k + 2, f.back(k + 1, end))
        if words_ and any(x in nouns.MONTHS for x in words_) and (nouns.has_digit(value)):
            f.add("birthday", value, claim=Claim.HOLDS)
        elif len(words_) == 1 and words_[0].isdigit() and len(words_[0]) == 4:
            f.add("birth year", value, claim=Claim.HOLDS)
        elif words_ and re.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}", words_[0]):
            f.add("birthday", value, claim=Claim.HOLDS)
        elif words_ and low[k] == "in" and (w.capital(k + 1)) and words_[0] not in nouns.MONTHS:
            f.add("birthplace", value, claim=Claim.HOLDS)
        k = end


def marital(f: Frame, i: int, j: int) -> None:
    """Read "married to Tom", "divorced"."""
    low, w = f.low, f.w
    if (
        low[i] == "single"
        and i + 1 < j
        and low[i + 1][:1].isalpha()
        and low[i + 1] not in ("again", "and", "since", "for", "at", "by", "but", "right")
    ):
        return
    f.add("marital status", w.text(i, i + 1))
    if i + 2 < j and low[i + 1] == "to" and (f.mine or f.subject) and not f.verb.negated:
        end = f.name_end(i + 2, j)
        if f.is_name(i + 2, end):
            f.add("name", w.text(i + 2, end), subject=f.other("spouse" if low[i] == "married" else "partner"), claim=f.claim)


def adjective_is(f: Frame, i: int, j: int) -> None:
    """Read adjectives: lasting ones by their attribute, passing ones as a state."""
    low, w = f.low, f.w
    word = low[i]
    following = low[i + 1] if i + 1 < j else ""
    person = f.mine or f.thing.head in nouns.KIN or (bool(f.thing.name) and not f.thing.noun)
    compound = {
        "gluten": ("diet", "free"),
        "dairy": ("diet", "free"),
        "sugar": ("diet", "free"),
        "lactose": ("intolerance", "intolerant"),
        "gluten-": ("", ""),
        "colour": ("medical condition", "blind"),
        "color": ("medical condition", "blind"),
        "plant": ("diet", "based"),
        "left": ("trait", "handed"),
        "right": ("trait", "handed"),
        "self": ("job", "employed"),
        "short": ("medical condition", "sighted"),
    }
    if word in compound and (following == compound[word][1] or (following == "-" and low[i + 2 : i + 3] == [compound[word][1]])):
        attribute = compound[word][0]
        if attribute == "intolerance":
            f.add("intolerance", word, MANY)
        else:
            f.add(attribute, w.text(i, i + (3 if following == "-" else 2)), TYPES_OF_KINDS.get(attribute, SINGLE))
        return
    if word.endswith(("-intolerant",)) and person:
        f.add("intolerance", w.raw[i].rsplit("-", 1)[0], MANY)
        return
    if word in ("gluten", "lactose", "histamine", "fructose") and following in ("intolerant", "sensitive"):
        f.add("intolerance", w.raw[i], MANY)
        return
    half = 1 if word in ("half", "part") and following in nouns.NATIONALITIES else 0
    if person or f.thing.head in nouns.PETS:
        for one, two in f.parts(i, f.cut(i, j, "but because so since for at by with which like in")):
            start = one
            while one < two - 1 and low[one] in (*verbs.ADVERBS, "half", "a", "an", "also", "lifelong", "half-", "strict"):
                one += 1
            kind = kind_of(f, one)
            if kind and (
                two - one == 1
                or (
                    kind in ("religion", "nationality", "diet") and two - one <= 2 and low[one + 1] in ("by", "orthodox", "catholic", "now")
                )
            ):
                begin = start if low[start] == "half" else one
                f.add(kind, w.text(begin, one + 1), TYPES_OF_KINDS[kind])
            elif f.thing.group and nouns.is_job(nouns.noun_of(low[two - 1])) and low[two - 1] != nouns.noun_of(low[two - 1]):
                f.add("job", w.text(one, two))
            elif low[one] in adjectives.WORK_STATUS:
                f.add("job", w.text(one, one + 1))
            elif low[one] in adjectives.MARITAL and two - one == 1:
                f.add("marital status", w.text(one, two))
            elif low[one : one + 2] == ["allergic", "to"]:
                list_facts(f, "allergy", one + 2, j)
                return
            elif one == i + half:
                break
        else:
            return
    if low[i : i + 1] == ["dead"]:
        gone(f)
        return
    colours = [(one, two) for one, two in f.parts(i, f.cut(i, j)) if low[two - 1] in nouns.COLOURS and two - one <= 2]
    if colours and (f.thing.noun and not person) and len(colours) == len(f.parts(i, f.cut(i, j))):
        attribute = "colour"
        value = w.text(colours[0][0], colours[-1][1])
        if f.thing.head in ("eye", "hair"):
            f.add(f"{f.thing.head} colour", value, subject=f.thing.owner)
        else:
            f.add(attribute, value)
        return
    if f.thing.head in ("eye", "hair") and f.thing.owner and low[i] in ("curly", "straight", "wavy", "dark", "light", "long", "short"):
        return
    lasting = (
        f.mine
        or f.thing.head in nouns.KIN
        or f.thing.head in nouns.PETS
        or f.thing.head in nouns.VEHICLES
        or f.thing.head in nouns.THINGS
        or bool(f.thing.name)
    )
    if word in adjectives.STATES and lasting:
        if not f.verb.past and (i + 1 >= j or low[i + 1] in ("and", "again", ",", "because", "from", "today", "with")):
            f.add("state", w.text(i, i + 1), STATE)
        return
    if f.thing.head in nouns.VEHICLES and (f.w.capital(i) or word in nouns.MAKES) and word in nouns.MAKES:
        f.add(f.thing.head if f.thing.head != "vehicle" else "car", w.text(i, f.cut(i, j)), subject=f.thing.owner)
        return
    if nouns.has_digit(word) and not person and f.thing.noun and f.thing.owner and j - i <= 3:
        code_is(f, i, j)
        return
    if f.thing.noun and not person and not f.thing.owner and f.thing.head not in nouns.EVENTS and not f.verb.past and _code_like(f, i, j):
        code_is(f, i, j)


def _code_like(f: Frame, i: int, j: int) -> bool:
    """Return whether one word looks like the name of a machine: it has a digit or a hyphen in it, or is no word that says how one is."""
    word = f.low[i]
    if j - i != 1:
        return False
    if f.thing.head in nouns.MACHINES and len(word) > 3:
        return not adjectives.is_adjective(word) and not word.endswith(("ed", "ing", "y", "ish", "ive", "ic", "al"))
    return "_" in word or ("-" in word and nouns.has_digit(word))


def gone(f: Frame) -> None:
    """Read that a person or animal has died: a pet is one no more; its name is kept as past."""
    thing = f.thing
    if thing.noun and thing.head in nouns.PETS and thing.owner:
        f.add("pet", thing.noun if not thing.name else thing.name, MANY, subject=thing.owner, claim=Claim.PAST)
        if thing.name:
            f.add("pet", thing.noun, MANY, subject=thing.owner, claim=Claim.PAST)
    if thing.head in nouns.VEHICLES or thing.head in nouns.THINGS:
        f.add("state", "dead", STATE, claim=Claim.HOLDS)
