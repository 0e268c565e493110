"""Statements with the questions that they answer, from the topics and from scenes (who did what, where, when, with whom)."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from bench.echo_nano.kinds import about_kinds, reworded
from bench.echo_nano.scenes import VERBS, missed, scene
from bench.echo_nano.topics import LINES, STANDING
from bench.echo_nano.words import CLOSED, draw

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+?)(\d?)\}")
RELATIONS = frozenset(CLOSED["rel"].split("|"))
_NEEDS = re.compile(r"^\((\w+)\) ")


@dataclass(frozen=True)
class Statement:
    """What a person says, without the full stop; `asks` are the questions that it answers, without the mark; `topic` tells kinds apart;
    `misses` are questions close to it that it does not answer."""

    topic: int
    said: str
    asks: tuple[str, ...]
    slots: tuple[tuple[str, str], ...] = ()
    misses: tuple[str, ...] = ()


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
        filled = [_filled(_NEEDS.sub("", q), slots) for q in asks if _needs(q) <= needs]
        both_of = re.search(r"[Mm]y ([a-z -]+?) ([A-Z][a-z]+)\b", _filled(said, slots))
        if both_of and both_of[1] in RELATIONS:
            filled += [f"What is my {both_of[1]}'s name", f"What is my {both_of[1]} called", f"Who is {both_of[2]}", f"Who is my {both_of[1]}"]
        asks = tuple(filled)
        said = _filled(said, slots)
        return Statement(self.number, said[:1].upper() + said[1:], asks, tuple(slots.items()))


TOPICS = [Topic(i, line) for i, line in enumerate(LINES.strip().split("\n"))]
_STANDING = [Topic(-3, line) for line in STANDING.strip().split("\n")]
_PERSONAL = [t for t in TOPICS if any("{rel}" in s for s in t.says)]

# Attributes of which people are asked and that no statement here tells, beside those that some tell.
_ATTRIBUTES = (
    "surname|middle name|favourite {made}|favourite flower|favourite animal|favourite season|favourite author|shoe size|height|weight|star sign|nationality|religion|salary|bank|"
    "house number|postcode|nickname|best friend|favourite teacher|favourite singer|favourite holiday|hair colour|eye colour|dress size|first car|first job|dream house|worst fear|"
    "favourite restaurant|favourite sport|favourite dessert|favourite shop|doctor|hobby|job|age|birthday|phone number|address|email address|wife|husband|boss|car|dog|cat|school|{made}"
).split("|")
_ABOUT = (
    "How old is {w}|How tall is {w}|Where does {w} live|Where does {w} work|What does {w} do|What does {w} do for a living|When is {w}'s birthday|What is {w}'s surname|What is {w}'s phone number|"
    "Which school does {w} go to|What kind of phone does {w} have|What car does {w} drive|What does {w} like to eat|What is {w}'s favourite colour|Where was {w} born|Where is {w} from|"
    "Who is {w} married to|What is {w}'s {r} called|What does {w}'s {r} do|Does {w} have a {p}|What languages does {w} speak|When does {w} get up|What is {w} studying|What is {w} allergic to|"
    "How much does {w} earn|Where did {w} go to school|Which instrument does {w} play|What is {w} afraid of|What did {w} say|What did {w} eat|Where is {w}|How is {w}|What is {w} reading"
).split("|")
_MINE = (
    "What is my {a}|What's my {a}|Do you know my {a}|Can you tell me my {a}|Which {a} do I have|What was my first {made}|Do I have a {p}|How much is my {item}|What colour is my {item}|Who is my {pro}|"
    "Where is my {item}|Who gave me the {item}|How old is my {p}|When is my next {event}|Where did I buy my {item}|Which {made} do I use|When does the {place} open|How much did the {item} cost|"
    "What did I have for {meal}|What did I do {ago}|What am I doing {when}|Who is the {made}|What is the {made} called|Where did I spend {ago}|Who taught me {hobby}|What is in the {place}|"
    "When did I {verb} the {item}|Where did we go {ago}|Which {place} do I go to|What is the code of the {gate}|What is the name of my {rel}|How many {sib} do I have|What do I think of {name}"
).split("|")


def about(rng: random.Random, who: str, tests: bool) -> str:
    """Return a question about a person, who is "I" for the speaker."""
    if who == "I":
        ask = rng.choice(_MINE).replace("{a}", rng.choice(_ATTRIBUTES)).replace("{p}", "{pet}").replace("{verb}", rng.choice(VERBS)[0])
        return _SLOT.sub(lambda m: draw(rng, m[1], tests), ask)
    return rng.choice(_ABOUT).format(w=who, r=draw(rng, "rel"), p=draw(rng, "pet"))


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
    if r < 0.12:
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
    return Statement(s.topic, said, s.asks, s.slots, s.misses)


def _single(rng: random.Random, tests: bool, given: dict[str, str]) -> Statement:
    s = _plain(rng, tests, given)
    return Statement(s.topic, s.said, s.asks + tuple(reworded(rng, a) for a in s.asks), s.slots, s.misses)


def _plain(rng: random.Random, tests: bool, given: dict[str, str]) -> Statement:
    if rng.random() < 0.12:
        drawn = {k: given.get(k) or draw(rng, k, tests) for k in ("rel", "name", "city", "ago", "often")}
        said, asks, misses = about_kinds(rng, tests, drawn)
        return Statement(-2, said, asks, tuple((k, v) for k, v in drawn.items() if k in ("rel", "name") and v in said), misses)
    if rng.random() < 0.38:
        made = scene(rng, given, tests)
        return Statement(-1, made.said, made.asks, tuple(made.slots.items()))
    return rng.choice(_PERSONAL if "rel" in given and rng.random() < 0.8 else TOPICS).statement(rng, given, tests)


def near_miss(rng: random.Random, known: Statement, tests: bool = False) -> list[str]:
    """Return questions that share words with a statement and are not answered by it; the caller drops those that another statement answers."""
    slots = dict(known.slots)
    if known.misses and rng.random() < 0.6:
        return list(known.misses)
    r = rng.random()
    people = [f"my {v}" if k == "rel" else v for k, v in slots.items() if k.startswith(("rel", "name"))] + [n for n in (slots.get("asked", "I"),) if n not in ("I", "we")]
    if people and r < 0.45:
        return [about(rng, rng.choice(people), tests)]
    if known.topic == -1 and r < 0.8:
        return missed(rng, slots, known.asks)
    if "rel" in slots and r < 0.75:  # another thing about the same person
        return list(rng.choice(_PERSONAL).statement(rng, {"rel": slots["rel"]}, tests).asks)
    if known.topic < 0 or r > 0.85:
        return list(_single(rng, tests, {}).asks)
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
