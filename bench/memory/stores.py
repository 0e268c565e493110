"""Measures the stores of the memory with the same calls: durable writes, reads, recall, and opening a namespace.

    python -m bench.memory.stores DIR|URL... [--memories 10000]

Each write is a batch of one memory with a fact, its history and its vector of 384 numbers, acknowledged when it is durable; "16 callers"
write to 16 namespaces at the same time. A recall searches the index in memory and reads 10 rows of the store. Servers are on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.memory.speed import DIM, WORDS, filled, texts, vectors
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.memory import Batch, Filter, Kind, Memory
from echorator.cognition.reading.values import Fact
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.store import Store
from echorator.cognition.text import ids_of, terms
from echorator.host.opened_memory import store_of

CALLERS, WRITES, QUERIES, RUNS = 16, 400, 400, 3
COLUMNS = (
    "store",
    "writes/s, 1 caller",
    "16 callers",
    "inserts/s in 1,000s",
    "read 10 ms",
    "recall p50 ms",
    "p99 ms",
    "search words ms",
    "open s",
)


def batches(n: int, seed: int) -> list[Batch]:
    """Return n batches of one memory each."""
    said, made = texts(n, WORDS, seed), vectors(n, seed)
    return [
        Batch(
            add=(
                Memory(
                    text,
                    Kind.EPISODIC,
                    1.7e9,
                    1.7e9,
                    facts=(Fact("user", "job", text),),
                    embedder=1,
                    embedding=v,
                    terms=ids_of(terms(text)),
                ),
            )
        )
        for text, v in zip(said, made, strict=True)
    ]


def writes_per_s(store: Store, callers: int, seed: int) -> float:
    """Return acknowledged writes per second of callers that each wait for one write before the next."""
    spaces = [store.namespace("bench", "writes", f"u{i}", create=True) for i in range(callers)]
    mine = [batches(WRITES // callers, seed + i) for i in range(callers)]

    def one(place: int) -> None:
        space = spaces[place]
        assert space is not None
        for batch in mine[place]:
            store.write(space, batch, 1.7e9).result()

    begin_s = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(one, range(callers)))
    return callers * (WRITES // callers) / (time.perf_counter() - begin_s)


async def measured(where: str, n: int) -> None:
    store = store_of(where)[0]
    store.embedder("bench", DIM)
    single = float(np.median([await asyncio.to_thread(writes_per_s, store, 1, run) for run in range(RUNS)]))
    many = float(np.median([await asyncio.to_thread(writes_per_s, store, CALLERS, 100 * run) for run in range(1, RUNS + 1)]))
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(store, HashedEmbedder(DIM), CognitionSettings(), Path(folder))
        owner = Owner("bench", "recall", "user")
        inserts = await filled(cognition, owner, n, 100)
        opened = await cognition.existing(owner)
        opened.finish()
        namespace = opened.namespace
        labels = opened.index.labels()
        rng = np.random.default_rng(5)
        begin_s = time.perf_counter()
        for _ in range(QUERIES):
            store.memories(namespace, rng.choice(labels, 10).tolist())
        read_ms = 1000 * (time.perf_counter() - begin_s) / QUERIES
        times = []
        for text, vector in zip(texts(QUERIES, 6, 7), vectors(QUERIES, 7), strict=True):
            begin_s = time.perf_counter()
            await cognition.recall(owner, Asked(text, 10, embedding=vector, now_s=1.8e9))
            times.append(1000 * (time.perf_counter() - begin_s))
        begin_s = time.perf_counter()
        store.page(namespace, Filter(), "w29999", None, 0, 100)
        words_ms = 1000 * (time.perf_counter() - begin_s)
        cognition.drop(opened)
        begin_s = time.perf_counter()
        await cognition.existing(owner)
        open_s = time.perf_counter() - begin_s
        p50, p99 = np.percentile(times, [50, 99])
        kind = where.partition("://")[0] if "://" in where else "sqlite"
        row = (
            f"{single:.0f}",
            f"{many:.0f}",
            f"{inserts:.0f}",
            f"{read_ms:.2f}",
            f"{p50:.2f}",
            f"{p99:.2f}",
            f"{words_ms:.0f}",
            f"{open_s:.2f}",
        )
        print(f"| {kind} | {' | '.join(row)} |", flush=True)
        await cognition.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", metavar="DIR|URL", help="empty folders, and URLs of empty servers")
    parser.add_argument("--memories", type=int, default=10_000)
    arguments = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for where in arguments.places:
        await measured(where, arguments.memories)


if __name__ == "__main__":
    asyncio.run(main())
