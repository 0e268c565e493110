"""Who does what, where, when, with whom, why: statements made of parts, and the questions for each part.

The verb stands in one of ten frames (past, future, wish, habit ...), so that a question seldom repeats the statement's form of it. Parts are words
of `words.draw`, a third of them made up: what links a question to its statement is the words they share, not what those mean.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.echo_nano.words import draw, made_up

# base, past, what may be its object, the prepositions of its place and of its person
_VERBS = """buy bought item at from|sell sold item at to|find found item at with|lose lost item at with|repair repaired item in with|paint painted item in with|
see saw name at with|meet met name at with|visit visited name in with|call called name from for|invite invited name to with|help helped name at with|
eat ate food at with|cook cooked food in for|bake baked food in for|order ordered food at for|try tried food at with|taste tasted food at with|
watch watched title at with|read read title in with|write wrote title in with|finish finished title in with|hear heard band at with|drink drank drink at with|
learn learned hobby at with|teach taught language at to|study studied subject at with|practise practised hobby at with|play played instrument at with|
break broke item in with|wash washed item in with|borrow borrowed item at from|rent rented item at with|build built item in with|carry carried item to with|
forget forgot item at with|leave left item at with|take took item to with|bring brought item to for|send sent item to with|return returned item to with|
drop dropped item at with|steal stole item at from|hide hid item in with|plant planted item in with|clean cleaned item in with|win won item at with|
choose chose item at with|get got item at from|pick picked item at for|draw drew item in with|photograph photographed item at with|show showed item at to|
interview interviewed name at with|photograph photographed name at with|marry married name in with|congratulate congratulated name at with|
need needed item in for|use used item in with|keep kept item in for|put put item in with|make made food in for|want wanted item at for|fix fixed item in for|
collect collected name from with|pay paid item at for|open opened item in with|close closed item in with|move moved item to with|store stored item in for"""
VERBS = [tuple(v.split()) for v in re.split(r"\|\s*", _VERBS)]
_PARTICIPLES = {
    "see": "seen", "eat": "eaten", "write": "written", "break": "broken", "forget": "forgotten", "take": "taken", "steal": "stolen", "hide": "hidden", "choose": "chosen",
    "draw": "drawn", "drink": "drunk", "show": "shown",
}  # fmt: skip
_SYNONYMS = {
    "buy": "get|purchase", "see": "meet|run into", "get": "receive|be given", "repair": "fix", "fix": "repair|mend", "call": "phone|ring", "visit": "see|go to see", "marry": "get married to",
    "cook": "make|prepare", "make": "prepare", "finish": "complete", "lose": "misplace", "collect": "pick up", "rent": "hire", "choose": "pick", "study": "learn", "store": "keep", "keep": "store",
    "leave": "forget", "forget": "leave", "put": "place|leave", "hide": "put", "taste": "try", "help": "give a hand to", "steal": "take",
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A statement without its full stop, its questions without their marks, and the words that near misses are made of."""

    said: str
    asks: tuple[str, ...]
    slots: dict[str, str]


def _ing(base: str) -> str:
    if base.endswith("e") and not base.endswith("ee"):
        return base[:-1] + "ing"
    if base in ("get", "put", "win", "drop", "forget", "let", "hit", "cut"):
        return base + base[-1] + "ing"
    return base + "ing"


def _s(base: str) -> str:
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        return base + "es"
    return base[:-1] + "ies" if base.endswith("y") and base[-2] not in "aeou" else base + "s"


def _subject(rng: random.Random, given: dict[str, str], tests: bool) -> tuple[str, tuple[str, ...], str]:
    """Return (as it begins a statement, as it is asked for, its person: "I", "we" or "she")."""
    who = rng.random()
    if who < 0.45 and not given:
        return "I", ("I",), "I"
    if who < 0.55 and not given:
        return "We", ("we",), "we"
    rel, name = given.get("rel") or draw(rng, "rel"), draw(rng, "name", tests)
    pro, pet = draw(rng, "pro"), draw(rng, "pet")
    return rng.choice(
        (
            (f"My {rel}", (f"my {rel}",), "she"),
            (f"My {rel}", (f"my {rel}",), "she"),
            (f"My {rel} {name}", (f"my {rel}", name), "she"),
            (name, (name,), "she"),
            (name, (name,), "she"),
            (f"{name}, my {rel},", (f"my {rel}", name), "she"),
            (f"{name}'s {rel}", (f"{name}'s {rel}",), "she"),
            (f"The {pro}", (f"the {pro}",), "she"),
            (f"My {pet} {name}", (f"my {pet}", name), "she"),
        )
    )


def _frames(base: str, past: str, person: str) -> tuple[tuple[str, Callable[[str, str], str], str, str], ...]:
    """Return (verb of the statement, auxiliary and verb of a question around its subject, the verb after a "who", kind of time) of each frame."""
    third = person == "she"
    does, am, have = "does" if third else "do", "is" if third else "am" if person == "I" else "are", "has" if third else "have"
    participle = _PARTICIPLES.get(base, past)

    def asking(auxiliary: str, verb: str) -> Callable[[str, str], str]:
        return lambda subject, other: f"{auxiliary} {subject} {other or verb}"

    present = _s(base) if third else base
    return (
        (past, asking("did", base), past, "ago"),
        (past, asking("did", base), past, "ago"),
        (past, asking("did", base), past, "ago"),
        (f"{have} {participle}", asking(have, participle), f"has {participle}", "ago"),
        (f"will {base}", asking("will", base), f"will {base}", "when"),
        (f"{am} going to {base}", asking(f"{am}", f"going to {base}"), f"is going to {base}", "when"),
        (f"{'wants' if third else 'want'} to {base}", asking(does, f"want to {base}"), f"wants to {base}", "when"),
        (f"{have} to {base}", asking(does, f"have to {base}"), f"has to {base}", "when"),
        (present, asking(does, base), _s(base), "often"),
        (f"always {present}", asking(does, base), _s(base), "often"),
        (f"{am} {_ing(base)}", asking(am, _ing(base)), f"is {_ing(base)}", "when"),
        (f"used to {base}", asking("did", f"use to {base}"), f"used to {base}", "often"),
    )


def _thing(rng: random.Random, kind: str, person: str, tests: bool) -> tuple[str, str, str]:
    """Return (as it is said, as it is asked for, its noun)."""
    word = draw(rng, kind, tests)
    if kind == "name":
        rel = draw(rng, "rel")
        return rng.choice(((word, word, word), (word, word, word), (f"my {rel} {word}", f"my {rel}", word), (f"{word} and {draw(rng, 'name', tests)}", word, word)))
    if kind != "item":
        return word, word, word
    mine = "my" if person == "I" else "the"
    r = rng.random()
    if r < 0.4:
        return f"{rng.choice(('a', 'the', mine))} {word}", f"{rng.choice(('the', mine))} {word}", word
    if r < 0.7:
        return f"{rng.choice(('a', 'the', mine))} {draw(rng, rng.choice(('colour', 'size')))} {word}", f"{rng.choice(('the', mine))} {word}", word
    if r < 0.8:
        return f"{draw(rng, 'amount')} {word}s", f"the {word}s", word + "s"
    if r < 0.9:
        owner = draw(rng, "name", tests)
        return f"{owner}'s {word}", f"{owner}'s {word}", word
    return f"a {word} with a {draw(rng, rng.choice(('item', 'made')), tests)}", f"the {word}", word


def scene(rng: random.Random, given: dict[str, str], tests: bool) -> Scene:
    """Return a statement about something done, with questions for each of its parts."""
    if rng.random() < 0.2:
        base = made_up(rng, tests)
        base, past, kind, at, by = base, base + ("d" if base.endswith("e") else "ed"), rng.choice(("item", "name", "food")), rng.choice(("at", "in")), "with"
    else:
        base, past, kind, at, by = rng.choice(VERBS)
    subject, names, person = _subject(rng, given, tests)
    asked = rng.choice(names)
    verb, asking, after_who, time_kind = rng.choice(_frames(base, past, person))
    said_thing, asked_thing, noun = _thing(rng, kind, person, tests)
    place = f"in {draw(rng, 'city', tests)}" if rng.random() < 0.5 else f"{at if at in ('at', 'to', 'in') else 'at'} the {draw(rng, 'place', tests)}"
    other = draw(rng, "name", tests) if rng.random() < 0.5 else f"my {draw(rng, 'rel')}"
    when = draw(rng, time_kind)
    reason = rng.choice((f"because of the {draw(rng, rng.choice(('made', 'event', 'item', 'illness')), tests)}", f"because {draw(rng, 'name', tests)} {rng.choice(('asked', 'told', 'advised'))} me to",
                         f"for {draw(rng, 'big')} euros", f"to please {draw(rng, 'name', tests)}", f"because it is {draw(rng, 'size')}"))  # fmt: skip
    parts = {"place": rng.random() < 0.55, "other": rng.random() < 0.4, "when": rng.random() < 0.45, "reason": rng.random() < 0.18}
    order = [place] * parts["place"] + [f"{by} {other}"] * parts["other"]
    rng.shuffle(order)
    front = parts["when"] and rng.random() < 0.35
    middle = subject[:1].lower() + subject[1:] if front and subject.startswith(("My", "We", "The")) else subject
    said = " ".join([middle, verb, said_thing, *order, *([when] if parts["when"] and not front else []), *([reason] if parts["reason"] else [])])
    if front:
        said = f"{when[:1].upper() + when[1:]}{rng.choice((' ', ', '))}{said}"
    other_verb = rng.choice(_SYNONYMS[base].split("|")) if base in _SYNONYMS and time_kind == "ago" and verb == past and rng.random() < 0.4 else ""

    def ask(thing: str = "") -> str:
        return f"{asking(asked, other_verb)} {thing}".strip()

    known = rng.choice([*order, *([when] if parts["when"] else []), ""])
    what = "Who" if kind == "name" else "What"
    asks = [f"{what} {ask(known)}"] * 3
    if kind == "item":
        asks.append(f"Which {noun} {ask()}")
        if said_thing.split()[0] in ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "fifteen", "twenty", "thirty", "forty"):
            asks += [f"How many {noun} {ask()}"] * 2
    if parts["place"]:
        asks += [f"Where {ask(asked_thing)}"] * 3 + [f"In which {'city' if place.startswith('in ') else 'place'} {ask(asked_thing)}"]
        if verb == past:
            asks.append(f"Do you remember where {asked} {past} {asked_thing}")
    if parts["other"]:
        asks += [f"Who {ask(asked_thing)} {by}"] * 2 + [f"{by.capitalize()} whom {ask(asked_thing)}"]
    if parts["when"]:
        asks += [f"How often {ask(asked_thing)}" if time_kind == "often" else f"When {ask(asked_thing)}"] * 2 + [f"When {ask(asked_thing)}"]
        if verb == past:
            asks.append(f"Do you know when {asked} {past} {asked_thing}")
    if parts["reason"]:
        asks += [f"For how much {ask(asked_thing)}" if reason.startswith("for ") else f"Why {ask(asked_thing)}"] * 2
    if person == "she":
        asks += [f"Who {after_who} {asked_thing}"] * 2
    if len(names) == 2:
        asks += [f"What is {names[0]}'s name", f"What is {names[0]} called", f"Who is {names[1]}"]
    said, *questions = (re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text) for text in (said, *asks))
    slots = {"verb": base, "thing": asked_thing, "asked": asked, "clause": ask(asked_thing)}
    return Scene(said[:1].upper() + said[1:], tuple(q[:1].upper() + q[1:] for q in questions), slots)


def missed(rng: random.Random, slots: dict[str, str], asks: tuple[str, ...]) -> list[str]:
    """Return questions about a scene for parts that it does not tell, and for another act with the same thing or person."""
    have = {a.split()[0] for a in asks}
    out = [f"{w} {slots['clause']}" for w in ("Where", "When", "Why", "How often") if w not in have and not (w == "How often" and "When" in have)]
    verb = rng.choice(VERBS)
    if verb[0] != slots["verb"] and verb[0] not in _SYNONYMS.get(slots["verb"], ""):
        out += [f"{w} did {slots['asked']} {verb[0]} {slots['thing']}" for w in ("Where", "When")]
    return out
