"""Measures speed and size of recall: hybrid and vector part, durable inserts, many small namespaces, the cost by size.

    python -m bench.memory.speed [--sizes 1000 10000 100000] [--threads 2]

Vectors have 384 numbers of 24 degrees of freedom and noise, like those of sentences; texts have 18 words of a Zipfian vocabulary
of 30,000; no embedding model runs. Queries are neither stored vectors nor stored texts. hnswlib's own figures come from an index
with the same parameters, in the same process.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from echorator._native.recall_index import GRAPH_EF_BUILD, GRAPH_EF_SEARCH, GRAPH_M
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.embedder import Embedded
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore

DIM, FREEDOM, NOISE, VOCABULARY, WORDS, QUERY_WORDS, BATCH, QUERIES = 384, 24, 0.25, 30_000, 18, 6, 1000, 400
COLUMNS = (
    *("memories", "vectors", "hybrid p50 ms", "p99 ms", "recalls/s", "vector ms", "recall@10"),
    *("q/s to hnswlib's (its recall)", "inserts/s", "graph s", "RSS MB", "index MB"),
)
Vectors = npt.NDArray[np.float32]


def vectors(n: int, seed: int) -> Vectors:
    """Return (n, 384) float32 unit vectors of one distribution."""
    fixed, rng = np.random.default_rng(1), np.random.default_rng(seed)
    spread, turn = fixed.normal(size=(FREEDOM, DIM)), fixed.normal(size=(DIM, DIM)) / np.sqrt(DIM)
    out = np.tanh(rng.normal(size=(n, FREEDOM)) @ spread * 1.5 / np.sqrt(FREEDOM)) @ turn
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out += rng.normal(size=(n, DIM)) * NOISE / np.sqrt(DIM)
    return np.ascontiguousarray(out / np.linalg.norm(out, axis=1, keepdims=True), dtype=np.float32)


def texts(n: int, words: int, seed: int) -> list[str]:
    """Return texts of made-up words by Zipf and Mandelbrot's law, p ~ 1 / (rank + 20): stop words are not among them."""
    share = 1.0 / (np.arange(VOCABULARY) + 20.0)
    rows = np.random.default_rng(seed).choice(VOCABULARY, size=(n, words), p=share / share.sum())
    return [" ".join(f"w{rank}" for rank in row) for row in rows]


def rss_mb() -> float:
    """Return the resident memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def filled(cognition: Cognition, owner: Owner, n: int, seed: int) -> float:
    """Remember n memories in batches; return durable inserts per second."""
    spent_s = 0.0
    for start in range(0, n, BATCH):
        size = min(BATCH, n - start)
        made, said = vectors(size, seed + start), texts(size, WORDS, seed + start)
        told = [Told(text, embedding=vector, said_s=1.7e9 + start + i) for i, (text, vector) in enumerate(zip(said, made, strict=True))]
        begin_s = time.perf_counter()
        await cognition.remember(Owner(owner.tenant, owner.agent, owner.user, f"s{start // 20}"), told, now_s=1.7e9 + start)
        spent_s += time.perf_counter() - begin_s
    return n / spent_s


async def one_size(n: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cognition = await Cognition.open(
            SqliteStore(Path(folder)), HashedEmbedder(DIM), CognitionSettings(graph_threads=threads), Path(folder)
        )
        owner = Owner("bench", "speed", "user")
        before_mb = rss_mb()
        inserts = await filled(cognition, owner, n, 100)
        opened = await cognition.existing(owner)
        begin_s = time.perf_counter()
        while opened.building or opened.index.wants_graph:
            opened.grow(threads)
            await asyncio.sleep(0.05)
        built_s = time.perf_counter() - begin_s
        queries, words = vectors(QUERIES, 7), texts(QUERIES, QUERY_WORDS, 7)

        labels = opened.index.labels()
        matrix = opened.index.vectors(labels)
        exact = [set(labels[np.argpartition(-(matrix @ q), 10)[:10]].tolist()) for q in queries]
        begin_s = time.perf_counter()
        found = [set(opened.index.nearest(q, 10)[0].tolist()) for q in queries]
        ours = QUERIES / (time.perf_counter() - begin_s)
        recall = np.mean([len(a & b) / 10 for a, b in zip(exact, found, strict=True)])
        theirs = their_recall = 0.0
        if opened.index.graph_size:
            hnsw = hnswlib.Index(space="ip", dim=DIM)
            hnsw.init_index(max_elements=n, M=GRAPH_M, ef_construction=GRAPH_EF_BUILD, random_seed=7)
            hnsw.add_items(matrix, labels, num_threads=threads)
            hnsw.set_ef(GRAPH_EF_SEARCH)
            begin_s = time.perf_counter()
            got = [set(hnsw.knn_query(q, k=10, num_threads=1)[0][0].tolist()) for q in queries]
            theirs = QUERIES / (time.perf_counter() - begin_s)
            their_recall = float(np.mean([len(a & b) / 10 for a, b in zip(exact, got, strict=True)]))
            del hnsw
        del matrix

        asked = [Asked(text, 10, embedding=vector, now_s=1.8e9) for text, vector in zip(words, queries, strict=True)]
        for one in asked[:20]:
            await cognition.recall(owner, one)
        times: list[float] = []
        for one in asked:
            begin_s = time.perf_counter()
            await cognition.recall(owner, one)
            times.append(time.perf_counter() - begin_s)
        with ThreadPoolExecutor(threads) as pool:
            begin_s = time.perf_counter()
            list(pool.map(lambda one: cognition.searching.best(opened, one, Embedded.of(np.asarray(one.embedding))), asked * 2))
            rate = 2 * QUERIES / (time.perf_counter() - begin_s)
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        kind = "hnsw" if opened.index.graph_size else "exact"
        ratio = f"{ours / theirs:.2f} ({their_recall:.3f})" if theirs else ""
        print(
            f"| {n:,} | {kind} | {p50:.2f} | {p99:.2f} | {rate:.0f} | {1000 / ours:.3f} | {recall:.3f} | {ratio} | {inserts:.0f} | "
            f"{built_s:.0f} | {rss_mb() - before_mb:.0f} | {(opened.index.memory_bytes + opened.index.graph_file_bytes) / 1e6:.0f} |",
            flush=True,
        )
        await cognition.close()


async def small_namespaces(count: int, each: int) -> None:
    """Measure the memory that many small indexes take against one large one."""
    figures = []
    for spaces, size in ((1, count * each), (count, each)):
        with tempfile.TemporaryDirectory() as folder:
            cognition = await Cognition.open(SqliteStore(Path(folder)), HashedEmbedder(DIM), CognitionSettings(), None)
            for space in range(spaces):
                await filled(cognition, Owner("bench", "small", f"u{space}"), size, 10_000 * space)
            total = 0
            for opened in cognition.all_opened():
                opened.finish()
                total += opened.index.memory_bytes + opened.index.graph_file_bytes
            figures.append(total / 1e6)
            await cognition.close()
    many, one = figures[1], figures[0]
    print(f"\n{count} namespaces of {each}: {many:.0f} MB, one of {count * each}: {one:.0f} MB, ratio {many / one:.2f}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--namespaces", action="store_true", help="also 1,000 namespaces of 100 against one of 100,000")
    arguments = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * 12}")
    for size in arguments.sizes:
        await one_size(size, arguments.threads)
    if arguments.namespaces:
        await small_namespaces(1000, 100)


if __name__ == "__main__":
    asyncio.run(main())
