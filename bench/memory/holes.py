"""Measures recall around removed or superseded memories: its time against a whole graph's and a scan's, and what it finds.

    python -m bench.memory.holes [--size 30000]

Vectors as in bench/memory/speed.py. For each of 50 queries the 300 nearest of a graph are removed: more than its usual beam holds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from bench.memory.speed import DIM, Vectors, vectors
from echorator._native.recall_index import COLUMNS, RecallIndex

NOW_S, NEAR, QUERIES, TIMES, K = 1.7e9, 300, 50, 20, 10
VALID_TO = COLUMNS.index("valid_to_s")


def filled(rows: Vectors) -> RecallIndex:
    """Return an index of the rows, labelled from 1 on."""
    size = len(rows)
    columns = np.zeros((size, len(COLUMNS)))
    columns[:, :3] = NOW_S
    index = RecallIndex(DIM)
    nothing, numbers = np.zeros(size, np.uint64), np.arange(1, size + 1, dtype=np.uint64)
    index.add(numbers, rows, columns, nothing, nothing.astype(np.uint32), np.zeros(0, np.uint64), np.zeros(size, np.int64))
    return index


def measured(index: RecallIndex, queries: Vectors, exact: Callable[[Vectors], set[int]]) -> tuple[float, float, int]:
    """Return milliseconds per search (median over queries of the best repetition), recall@10, and the smallest number of results."""
    weights = np.array([1.0] + [0.0] * 8, np.float32)
    times, shares, fewest = [], [], K
    for query in queries:
        best = np.inf
        for _ in range(TIMES):
            begin_s = time.thread_time()
            labels = index.search(query, np.zeros(0, np.uint64), weights=weights, k=K, now_s=NOW_S, as_of_s=NOW_S)[0]
            best = min(best, time.thread_time() - begin_s)
        times.append(best * 1000)
        shares.append(len(exact(query) & set(labels.tolist())) / K)
        fewest = min(fewest, len(labels))
    return float(np.median(times)), float(np.mean(shares)), fewest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=30_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows, queries = vectors(arguments.size, 1), vectors(QUERIES, 2)
    index = filled(rows)
    there = np.ones(len(rows), bool)

    def exact(query: Vectors) -> set[int]:
        return {int(i) + 1 for i in np.argsort(-np.where(there, rows @ query, -2.0))[:K]}

    lines = [("scan, nothing gone", *measured(index, queries, exact))]
    index.build_graph(arguments.threads)
    lines.append(("graph, nothing gone", *measured(index, queries, exact)))
    gone = {int(i) for query in queries for i in np.argsort(-(rows @ query))[:NEAR]}
    there[list(gone)] = False
    for i in gone:
        columns = index.columns(i + 1)
        columns[VALID_TO] = NOW_S - 1
        index.update(i + 1, columns, 0)
    lines.append((f"graph, the {NEAR} nearest superseded", *measured(index, queries, exact)))
    for i in gone:
        index.remove(i + 1)
    lines.append((f"graph, the {NEAR} nearest removed", *measured(index, queries, exact)))
    print("| memories | search | ms | to the scan | recall@10 | fewest results |\n|---|---|---|---|---|---|")
    for name, spent_ms, recall, fewest in lines:
        print(f"| {arguments.size:,} | {name} | {spent_ms:.2f} | {spent_ms / lines[0][1]:.2f} | {recall:.3f} | {fewest} |")


if __name__ == "__main__":
    main()
