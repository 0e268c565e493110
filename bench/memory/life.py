"""Measures consolidation and forgetting: size and recall after merging duplicates, and a year of simulated use in a bounded memory.

    python -m bench.memory.life [--embedder hashed]

Consolidation: 5,000 statements and a paraphrase of each (other order, other verb, other form of the same fact). The year: 20
memories a day, asked for by the law that Anderson and Schooler (1991) found in real environments: the odds fall with the power of
the time since a memory was last needed and rise with how often it was; at most 1,500 stay active, decided every week. Kept memories
are judged by what is asked later, against keeping the newest and against keeping any.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.echo_nano import corpus
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.embedder import Embedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.upkeep.consolidating import Consolidation
from echorator.cognition.upkeep.patterns import PatternLearning
from echorator.host.opened_memory import embedder_of

OWNER = Owner("bench", "life", "user")
DAY_S = 86_400.0
UNIQUE, ASKED = 5000, 800
DAYS, A_DAY, QUESTIONS_A_DAY, BOUND, AFTER_DAYS = 365, 20, 15, 1500, 60


@dataclass(frozen=True)
class Said:
    first: str
    again: str
    asked: str


def _event(rng: random.Random) -> Said:
    who, place = corpus.word(rng).capitalize(), corpus.word(rng)
    verb, other = rng.choice((("met", "ran into"), ("called", "phoned"), ("visited", "went to see"), ("helped", "gave a hand to")))
    day = f"{rng.choice(corpus._MONTHS)} {rng.randint(1, 28)}"
    first = f"We {verb} {who} near the {place} bridge on {day}."
    again = rng.choice((f"On {day} we {verb} {who} near the {place} bridge.", f"We {other} {who} near the {place} bridge on {day}."))
    return Said(first, again, f"Whom did we meet near the {place} bridge?")


def statements(rng: random.Random, n: int) -> list[Said]:
    """Return half facts and half events, no two about the same thing."""
    facts = {f.key: f for f in corpus.facts(rng, n // 2)}
    out = []
    for fact in facts.values():
        owner, noun = fact.key
        value = fact.told.rstrip(".").split(" is ")[-1].removeprefix("called ")
        subject = {"my": "my", "the": "the"}.get(owner, f"{owner}'s")
        again = rng.choice((f"Note that {subject} {noun} is {value}.", f"By the way, {subject} {noun} is {value}."))
        out.append(Said(fact.said, again, fact.asked))
    return out + [_event(rng) for _ in range(n - len(out))]


async def _hits(cognition: Cognition, said: list[Said]) -> float:
    hits = 0
    for one in said:
        texts = {r.memory.text for r in (await cognition.recall(OWNER, Asked(one.asked, 10))).memories}
        hits += bool(texts & {one.first, one.again})
    return hits / len(said)


async def consolidation(embedder: Embedder) -> None:
    """Measure 10,000 memories, half of them paraphrases of the other half."""
    rng = random.Random(11)
    said = statements(rng, UNIQUE)
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
        for texts in ([s.first for s in said], [s.again for s in said]):
            for start in range(0, UNIQUE, 500):
                await cognition.remember(OWNER, [Told(t) for t in texts[start : start + 500]])
        asked = rng.sample(said, ASKED)
        before, size = await _hits(cognition, asked), len((await cognition.existing(OWNER)).index)
        work = Consolidation(cognition, PatternLearning(cognition))
        begin_s = asyncio.get_running_loop().time()
        merged = 0
        async for done in work.consolidate(OWNER, None, None, False):
            merged = done.merged
        took_s = asyncio.get_running_loop().time() - begin_s
        opened = await cognition.existing(OWNER)
        after = await _hits(cognition, asked)
        wrong = await _wrong_merges(cognition, said)
        print(
            f"consolidation of {size} memories: {len(opened.index)} stay ({len(opened.index) / size:.0%}), {merged} merged, "
            f"{wrong} of them wrongly, in {took_s:.1f} s; recall@10 {100 * before:.1f} -> {100 * after:.1f}"
        )
        await cognition.close()


async def _wrong_merges(cognition: Cognition, said: list[Said]) -> int:
    """Count archived memories whose survivor says something else."""
    opened = await cognition.existing(OWNER)
    meaning = {text: i for i, s in enumerate(said) for text in (s.first, s.again)}
    everything = {m.id: m for m in cognition.store.everything(opened.namespace, False)}
    return sum(meaning[everything[i].text] != meaning[m.text] for m in everything.values() for i in m.derived_from if i in everything)


async def year(embedder: Embedder) -> None:
    """Measure a bounded memory under a year of simulated use."""
    rng, np_rng = random.Random(12), np.random.default_rng(12)
    said = statements(rng, (DAYS + 1) * A_DAY)
    rng.shuffle(said)
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
        work = Consolidation(cognition, PatternLearning(cognition))
        ids: list[int] = []
        needs: list[list[float]] = []  # when each was told or needed
        found = asked = largest = 0
        kept: set[int] = set()
        later: set[int] = set()
        for day in range(DAYS + AFTER_DAYS):
            now_s = 1.7e9 + day * DAY_S
            if day < DAYS:
                made, _ = await cognition.remember(OWNER, [Told(s.first) for s in said[day * A_DAY : (day + 1) * A_DAY]], now_s=now_s)
                ids += made
                needs += [[day - rng.random()] for _ in made]
            odds = np.array([sum((day + 1 - t) ** -0.9 for t in times[-20:]) for times in needs])
            chosen = np_rng.choice(len(ids), QUESTIONS_A_DAY, replace=False, p=odds / odds.sum())
            opened = await cognition.existing(OWNER)
            uses = []
            for place in chosen:
                needs[place].append(day)
                if day >= DAYS:
                    later.add(ids[place])
                    continue
                asked += 1
                if ids[place] in opened.index:
                    found += 1
                    uses.append((ids[place], now_s))
            if uses:
                await cognition.written(opened, [], Batch(uses=tuple(uses)), now_s)
            if day < DAYS and day % 7 == 6:
                async for _ in work.consolidate(OWNER, None, BOUND, False, now_s):
                    pass
                largest = max(largest, len(opened.index))
            if day == DAYS - 1:
                kept = set(opened.index.labels().tolist())
        n = len(kept)
        newest, any_ = set(ids[-n:]), set(rng.sample(ids, n))
        print(
            f"\na year: {len(ids)} memories told, {n} kept (at most {largest} after a consolidation), "
            f"{found / asked:.1%} of {asked} questions of the year had their memory still active"
        )
        print(
            f"\n| kept by | precision | recall | (against what {AFTER_DAYS} more days asked for: {len(later)} memories)\n|---|---|---|---|"
        )
        for name, chosen_ids in (("activation", kept), ("the newest", newest), ("any", any_)):
            hit = len(chosen_ids & later)
            print(f"| {name} | {hit / n:.2f} | {hit / len(later):.2f} | |")
        await cognition.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="hashed")
    arguments = parser.parse_args()
    await consolidation(await embedder_of(arguments.embedder))
    await year(await embedder_of(arguments.embedder))


if __name__ == "__main__":
    asyncio.run(main())
