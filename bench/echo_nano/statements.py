"""Statements with the questions that they answer, from the topics and from scenes (who did what, where, when, with whom)."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from topics import LINES, STANDING
from words import draw, made_up

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+?)(\d?)\}")
_NEEDS = re.compile(r"^\((\w+)\) ")


@dataclass(frozen=True)
class Statement:
    """What a person says, without the full stop; `asks` are the questions that it answers, without the mark; `topic` tells kinds apart."""

    topic: int
    said: str
    asks: tuple[str, ...]
    slots: tuple[tuple[str, str], ...] = ()


def expanded(text: str) -> list[str]:
    """Return every reading of the choices in a text."""
    found = _CHOICE.search(text)
    if not found:
        return [" ".join(text.split())]
    return [done for choice in found[1].split("|") for done in expanded(text[: found.start()] + choice + text[found.end() :])]


def _filled(text: str, slots: dict[str, str]) -> str:
    text = _SLOT.sub(lambda m: slots[m[1] + m[2]], text)
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def _needs(text: str) -> set[str]:
    found = _NEEDS.match(text)
    return {m[1] + m[2] for m in _SLOT.finditer(text)} | ({found[1]} if found else set())


class Topic:
    """One line of `topics.LINES`, read once."""

    def __init__(self, number: int, line: str) -> None:
        says, asks = line.split(" ? ")
        self.number = number
        self.says = [s.strip() for s in says.split(" / ")]
        self.asks = [q for a in asks.split(" / ") for q in expanded(a.strip())]

    def statement(self, rng: random.Random, given: dict[str, str], tests: bool) -> Statement:
        """Return a statement of the topic; `given` fixes some of its slots."""
        said, asks = rng.choice(expanded(rng.choice(self.says))), self.asks
        if "{rel}" in said and "{name" not in said and "rel" not in given and rng.random() < 0.45:  # the person by name, or by both
            name = draw(rng, "name", tests)
            both = rng.random() < 0.5
            said = said.replace("{rel}", "{rel} " + name, 1) if both else re.sub(r"\b[Mm]y {rel}", name, said)
            asks = [a if both and rng.random() < 0.4 else re.sub(r"\b[Mm]y {rel}", name, a) for a in asks]
        needs = {m[1] + m[2] for m in _SLOT.finditer(said)}
        slots = {s: given.get(s) or draw(rng, s.rstrip("0123456789"), tests) for s in sorted(needs)}
        asks = tuple(_filled(_NEEDS.sub("", q), slots) for q in asks if _needs(q) <= needs)
        said = _filled(said, slots)
        return Statement(self.number, said[:1].upper() + said[1:], asks, tuple(slots.items()))


TOPICS = [Topic(i, line) for i, line in enumerate(LINES.strip().split("\n"))]
_STANDING = [Topic(-3, line) for line in STANDING.strip().split("\n")]
_PERSONAL = [t for t in TOPICS if any("{rel}" in s for s in t.says)]

# base, past; what may be its object; the prepositions of its place and of its person
_VERBS = """buy bought item at from|sell sold item at to|find found item at with|lose lost item at with|repair repaired item in with|paint painted item in with|
see saw name at with|meet met name at with|visit visited name in with|call called name from for|invite invited name to with|help helped name at with|
eat ate food at with|cook cooked food in for|bake baked food in for|order ordered food at for|try tried food at with|taste tasted food at with|
watch watched title at with|read read title in with|write wrote title in with|finish finished title in with|hear heard band at with|
learn learned hobby at with|teach taught language at to|study studied subject at with|practise practised hobby at with|play played instrument at with|
break broke item in with|wash washed item in with|borrow borrowed item at from|rent rented item at with|build built item in with|carry carried item to with|
forget forgot item at with|leave left item at with|take took item to with|bring brought item to for|send sent item to with|return returned item to with|
drop dropped item at with|steal stole item at from|hide hid item in with|plant planted item in with|clean cleaned item in with|win won item at with|
choose chose item at with|order ordered item at for|pick picked item at for|draw drew item in with|photograph photographed item at with|
interview interviewed name at with|photograph photographed name at with|marry married name in with|congratulate congratulated name at with"""
VERBS = [tuple(v.split()) for v in re.split(r"\|\s*", _VERBS)]


def _verb(rng: random.Random, tests: bool) -> tuple[str, ...]:
    if rng.random() < 0.2:
        base = made_up(rng, tests)
        return (base, base + ("d" if base.endswith("e") else "ed"), rng.choice(("item", "name", "food")), rng.choice(("at", "in")), "with")
    return rng.choice(VERBS)


def scene(rng: random.Random, given: dict[str, str], tests: bool) -> Statement:
    """Return a statement about something done, with questions for each of its parts."""
    base, past, kind, at, by = _verb(rng, tests)
    who = rng.random()
    person = given.get("rel") or draw(rng, "rel")
    subject, asked = ("I", "I") if who < 0.6 else ("We", "we") if who < 0.72 else (f"My {person}", f"my {person}") if who < 0.9 else ((n := draw(rng, "name", tests)), n)
    thing = draw(rng, kind, tests)
    if kind == "item":
        noun = thing
        colour = rng.random()
        thing = f"{draw(rng, 'colour' if colour < 0.3 else 'size')} {noun}" if colour < 0.55 else noun
        determiner = rng.choice(("a", "a", "the", "my" if subject == "I" else "the"))
        said_thing, asked_thing = f"{determiner} {thing}", f"{rng.choice(('the', 'the', 'my')) if subject == 'I' else 'the'} {noun}"
    else:
        said_thing = asked_thing = thing
    place = f"in {draw(rng, 'city', tests)}" if rng.random() < 0.5 else f"{at if at in ('at', 'to', 'in') else 'at'} the {draw(rng, 'place', tests)}"
    other = draw(rng, "name", tests) if rng.random() < 0.5 else f"my {draw(rng, 'rel')}"
    when = draw(rng, "ago")
    has_place, has_other, has_when = rng.random() < 0.6, rng.random() < 0.45, rng.random() < 0.5
    tail = " ".join([place] * has_place + [f"{by} {other}"] * has_other)
    core = f"{subject} {past} {said_thing} {tail}".strip()
    front = has_when and rng.random() < 0.4
    said = f"{when[:1].upper() + when[1:]} {core[:1].lower() + core[1:] if subject != asked and subject != 'I' or core.startswith(('My', 'We')) else core}" if front else f"{core} {when}" if has_when else core
    asks: list[str] = []
    context = rng.choice([place] * has_place + [f"{by} {other}"] * has_other + [when] * has_when + [""])
    what = "Who" if kind == "name" else "What"
    asks += [f"{what} did {asked} {base} {context}".strip()] * 3
    if kind == "item":
        asks.append(f"Which {noun} did {asked} {base}")
    if has_place:
        asks += [f"Where did {asked} {base} {asked_thing}"] * 3 + [f"Do you remember where {asked} {past} {asked_thing}", f"In which {'city' if place.startswith('in ') else 'place'} did {asked} {base} {asked_thing}"]
    if has_other:
        asks += [f"Who did {asked} {base} {asked_thing} {by}"] * 2 + [f"{by.capitalize()} whom did {asked} {base} {asked_thing}"]
    if has_when:
        asks += [f"When did {asked} {base} {asked_thing}"] * 2 + [f"Do you know when {asked} {past} {asked_thing}", f"How long ago did {asked} {base} {asked_thing}"]
    if subject not in ("I", "We"):
        asks += [f"Who {past} {asked_thing}"] * 2
    asks.append(f"Did {asked} {base} {asked_thing}")
    said = re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", said)
    slots = {"rel": person, "verb": base, "thing": asked_thing, "asked": asked}
    return Statement(-1, said, tuple(asks), tuple(slots.items()))


_JOINS = (" and ", " and ", ", and ", " but ", ", but ", ", so ", " while ", "; ", " - ", ", and by the way ", " because ", " because ", " since ")
_TAILS = (
    " these days", " at the moment", ", to be honest", ", believe it or not", " for the first time", ", which was fun", ", so I am happy", ", not that I mind", ", I think", " again",
    ", if I remember right", ", as always", ", which I like a lot", ", though it was not easy", ", like everybody else", ", finally", ", and that is that", ", of all things", ", what a mess",
)  # fmt: skip
_INNER = ("just", "finally", "still", "actually", "also", "really", "even", "only", "recently", "always", "secretly")


def lowered(said: str) -> str:
    """Return a statement as it stands behind another: small, where its first word is no name and not "I"."""
    return said[:1].lower() + said[1:] if said.split(" ")[0].lower() in _STARTERS and not re.match(r"I\b", said) else said


def statement(rng: random.Random, tests: bool = False, given: dict[str, str] | None = None) -> Statement:
    """Return a statement of any kind: one of a topic, a scene, two of them in one sentence, or a wish."""
    r = rng.random()
    if r < 0.02:
        return rng.choice(_STANDING).statement(rng, {}, tests)
    if r < 0.17:
        one, two = (_single(rng, tests, given or {}) for _ in range(2))
        join = rng.choice(_JOINS)
        asks = one.asks + two.asks
        if one.topic < 0 and join in (" because ", " since "):
            asks += tuple(a.replace("Did ", "Why did ", 1) for a in one.asks if a.startswith("Did ")) * 3
        return Statement(-2, f"{one.said}{join}{lowered(two.said)}", asks, tuple(s for s in one.slots if s[0] == "rel"))
    s = _single(rng, tests, given or {})
    said = s.said
    if rng.random() < 0.1 and re.match(r"(I|We) [a-z]", said) and not re.match(r"I (am|was|have|can)", said):
        subject, rest = said.split(" ", 1)
        said = f"{subject} {rng.choice(_INNER)} {rest}"
    if rng.random() < 0.12:
        said += rng.choice(_TAILS)
    return Statement(s.topic, said, s.asks, s.slots)


def _single(rng: random.Random, tests: bool, given: dict[str, str]) -> Statement:
    if rng.random() < 0.35:
        return scene(rng, given, tests)
    return rng.choice(_PERSONAL if "rel" in given and rng.random() < 0.8 else TOPICS).statement(rng, given, tests)


def near_miss(rng: random.Random, known: Statement, tests: bool = False) -> list[str]:
    """Return questions that share words with a statement and are not answered by it; the caller drops those that another statement answers."""
    slots = dict(known.slots)
    if known.topic < -1:
        return list(_single(rng, tests, slots).asks)
    if known.topic < 0 and rng.random() < 0.6:  # the same act and thing, asked for a part that was not said; or another act with the thing
        have = {a.split()[0] for a in known.asks}
        out = [f"{w} did {slots['asked']} {slots['verb']} {slots['thing']}" for w in ("Where", "When") if w not in have]
        verb = rng.choice(VERBS)
        return out + [f"{w} did {slots['asked']} {verb[0]} {slots['thing']}" for w in ("Where", "When") if verb[0] != slots["verb"]]
    if "rel" in slots and rng.random() < 0.6:  # another thing about the same person
        return list(rng.choice(_PERSONAL).statement(rng, {"rel": slots["rel"]}, tests).asks)
    if known.topic < 0:
        return list(scene(rng, {}, tests).asks)
    return list(TOPICS[known.topic].statement(rng, {}, tests).asks)  # the same thing about another


_STARTERS = frozenset(
    "the a an my our your we i i'm i've i'll i'd it there this that his her their on in at last next yesterday tomorrow today since for after before two three ten every "
    "every most some all nothing you call these those as when while if".split()
)
_WORDS = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "we": "you", "us": "you", "our": "your", "ours": "yours", "i'm": "you are",
    "we're": "you are", "i've": "you have", "we've": "you have", "i'll": "you will", "we'll": "you will", "i'd": "you would", "we'd": "you would", "ourselves": "yourselves",
}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|[^A-Za-z]+")


_ORDERS = re.compile(r"(Don't|Please|Always|From now|Call|Just call|Never|Keep|Use|Remind)\b")


def second_person(said: str) -> str:
    """Return a statement as it is said back to its speaker: "I lent my tent to Ada" becomes "you lent your tent to Ada"; it begins small.

    An order is said back word for word, as one.
    """
    if _ORDERS.match(said):
        return f"you said: {said}"
    out: list[str] = []
    before = ""
    for i, token in enumerate(_TOKEN.findall(said)):
        low = token.lower()
        new = _WORDS.get(low, token)
        if before == "i" and low in ("am", "was", "wasn't"):
            new = {"am": "are", "was": "were", "wasn't": "weren't"}[low]
        if i == 0 and new == token and low in _STARTERS:
            new = low
        out.append(new)
        before = low if token.strip() else before
    return "".join(out)


def sentence(text: str) -> str:
    """Return the text as a sentence: a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
