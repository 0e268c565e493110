"""Benchmarks the recall index's parts: a scan, the graph, BM25, everything fused.

python -m pytest bench/memory/test_memory.py --benchmark-only
"""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.memory.speed import QUERY_WORDS, WORDS, texts, vectors
from echorator._native.recall_index import COLUMNS, RecallIndex
from echorator.cognition.settings import Weights
from echorator.cognition.text import query_ids

SIZE, NOW_S = 10_000, 1.7e9


@pytest.fixture(scope="module")
def index() -> RecallIndex:
    terms = [query_ids(text) for text in texts(SIZE, WORDS, 1)]
    columns = np.zeros((SIZE, len(COLUMNS)))
    columns[:, :3] = NOW_S
    made = RecallIndex(384)
    numbers = np.arange(1, SIZE + 1, dtype=np.uint64)
    ends = np.cumsum([len(t) for t in terms], dtype=np.int64)
    made.add(
        numbers, vectors(SIZE, 1), columns, numbers // np.uint64(20) + np.uint64(1), np.zeros(SIZE, np.uint32), np.concatenate(terms), ends
    )
    return made


def test_scan(benchmark: BenchmarkFixture, index: RecallIndex) -> None:
    benchmark(index.nearest, vectors(1, 2)[0], 10)


@pytest.mark.parametrize("signal", ["dense", "lexical", "all"])
def test_search(benchmark: BenchmarkFixture, index: RecallIndex, signal: str) -> None:
    query = vectors(1, 2)[0] if signal != "lexical" else None
    terms = query_ids(texts(1, QUERY_WORDS, 2)[0])[: 0 if signal == "dense" else None]
    benchmark(index.search, query, terms, weights=Weights().array(), k=10, now_s=NOW_S, as_of_s=NOW_S)


def test_graph(benchmark: BenchmarkFixture, index: RecallIndex) -> None:
    index.build_graph(2)
    benchmark(index.nearest, vectors(1, 2)[0], 10)
