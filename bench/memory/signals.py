"""Measures each small signal of recall where it should matter, with its weight at nothing, at its default and higher.

    python -m bench.memory.signals [--embedder hashed]

On questions that name what they want, activation, importance, mood, goals and associations make no difference (`bench.memory.retrieval`).
Here every question fits many memories equally well, and something besides its words tells which of them is meant:

activation    "Where did I leave the KEY?", told again and again with another place: the place told or used last is meant (a year of use)
importance    of equal notes on one thing, the one that the user marked as important is meant
affect        after a glad or a sad turn, of a glad and a sad memory of one person the one of the same mood comes first (Bower 1981)
goal          of many activities on one day, the one that serves the user's goal is meant
association   of equal notes, the one that was used together with the memory that the question names is meant

The table has the share of questions whose memory is first; chance is the last column.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.echo_nano import corpus
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.embedder import Embedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Goal, Link
from echorator.cognition.recall.affect import Affect, affect_of
from echorator.cognition.recall.recalling import NEUTRAL, Asked, Owner
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.host.opened_memory import embedder_of

THINGS = 40
DAY_S = 86_400.0
NOW_S = 1.7e9
WEIGHTS = (0.0, None, 0.5, 2.0)  # None: the default
GLAD = ("What a wonderful day with {}, we laughed so much!", "I love {}, we had great fun together!")
SAD = ("A terrible day with {}, we both cried.", "I hate how sad it was with {}, a horrible time.")


@dataclass(frozen=True)
class Case:
    """A question, the memory that is meant, and what is known beside its words."""

    query: str
    meant: int
    mood: Affect = NEUTRAL


Told_ = Callable[[Cognition, Owner, random.Random], Awaitable[tuple[list[Case], float]]]
"""Tells the memories of one case, and returns its questions and the share that chance gets right."""


def _names(rng: random.Random, count: int) -> list[str]:
    return list(dict.fromkeys(corpus.word(rng) for _ in range(4 * count)))[:count]


async def activation(cognition: Cognition, owner: Owner, rng: random.Random) -> tuple[list[Case], float]:
    """Each thing is left at ten places over a year; the last place is meant."""
    cases = []
    for thing in _names(rng, THINGS):
        days = sorted(rng.sample(range(365), 10))
        for day, place in zip(days, _names(rng, 10), strict=True):
            told = [Told(f"I left the {thing} by the {place}.")]
            ids, _ = await cognition.remember(owner, told, now_s=NOW_S - (365 - day) * DAY_S)
        cases.append(Case(f"Where did I leave the {thing}?", ids[0]))
    return cases, 0.1


async def importance(cognition: Cognition, owner: Owner, rng: random.Random) -> tuple[list[Case], float]:
    """Of ten notes on a thing one is marked as important."""
    cases = []
    for thing in _names(rng, THINGS):
        chosen = rng.randrange(10)
        told = [
            Told(f"We talked about the {thing} and the {n}.", importance=1.0 if i == chosen else 0.3) for i, n in enumerate(_names(rng, 10))
        ]
        ids, _ = await cognition.remember(owner, told, now_s=NOW_S - DAY_S)
        cases.append(Case(f"What about the {thing}?", ids[chosen]))
    return cases, 0.1


async def affect(cognition: Cognition, owner: Owner, rng: random.Random) -> tuple[list[Case], float]:
    """Of each person a glad and a sad memory are told; the mood of the turn before says which of them comes to mind."""
    cases = []
    for name in _names(rng, THINGS):
        told = [rng.choice(GLAD).format(name), rng.choice(SAD).format(name)]
        ids, _ = await cognition.remember(owner, [Told(text) for text in told], now_s=NOW_S - DAY_S)
        cases += [Case(f"Tell me about {name}.", i, affect_of(text)) for i, text in zip(ids, told, strict=True)]
    return cases, 0.5


async def goal(cognition: Cognition, owner: Owner, rng: random.Random) -> tuple[list[Case], float]:
    """On each day there are ten activities, of which one serves the goal."""
    aims = _names(rng, 8)
    await cognition.set_goals(owner, [Goal(f"get better at {aim}") for aim in aims])
    cases = []
    for day in _names(rng, THINGS):
        activities = [rng.choice(aims), *_names(rng, 9)]
        rng.shuffle(activities)
        ids, _ = await cognition.remember(owner, [Told(f"On {day} there is {a} in the hall.") for a in activities], now_s=NOW_S - DAY_S)
        cases.append(Case(f"What is on {day}?", next(i for i, a in zip(ids, activities, strict=True) if a in aims)))
    return cases, 0.1


async def association(cognition: Cognition, owner: Owner, rng: random.Random) -> tuple[list[Case], float]:
    """Each person was spoken of beside one of ten equal notes, five times."""
    cases = []
    for name in _names(rng, THINGS):
        thing = corpus.word(rng)
        told = [Told(f"{name.capitalize()} called again.")] + [Told(f"We saw some {thing} near the {n}.") for n in _names(rng, 10)]
        ids, _ = await cognition.remember(owner, told, now_s=NOW_S - DAY_S)
        chosen = rng.choice(ids[1:])
        opened = await cognition.existing(owner)
        await cognition.written(opened, [], Batch(links=tuple(Link(ids[0], chosen, "recalled", 0.2) for _ in range(5))), NOW_S)
        cases.append(Case(f"Which {thing} did I mean when {name.capitalize()} called?", chosen))
    return cases, 0.1


SIGNALS: dict[str, Told_] = {f.__name__: f for f in (activation, importance, affect, goal, association)}


async def first(cognition: Cognition, owner: Owner, cases: list[Case], weights: Weights) -> float:
    """Return the share of the cases whose memory is first; for associations, first but for the memory that the question names."""
    hits = 0
    meant = {case.meant for case in cases}
    for case in cases:
        asked = Asked(case.query, 5, weights=weights, mood=case.mood, now_s=NOW_S)
        found = [r.memory.id for r in (await cognition.recall(owner, asked)).memories]
        hits += case.meant in found[:1] or (case.meant in found[:2] and owner.user == "association" and found[0] not in meant)
    return hits / len(cases)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="hashed")
    embedder: Embedder = await embedder_of(parser.parse_args().embedder)
    print("| signal | without | default | 0.5 | 2.0 | chance |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
        default = cognition.settings.weights
        for name, tell in SIGNALS.items():
            owner = Owner("bench", "signals", name)
            cases, chance = await tell(cognition, owner, random.Random(7))
            shares = [await first(cognition, owner, cases, default if w is None else replace(default, **{name: w})) for w in WEIGHTS]
            print(f"| {name} | {' | '.join(f'{share:.2f}' for share in shares)} | {chance:.2f} |", flush=True)
        await cognition.close()


if __name__ == "__main__":
    asyncio.run(main())
