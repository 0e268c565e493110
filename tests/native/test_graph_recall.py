"""Recall by the graph against plain numpy, whatever was removed, superseded, added or rebuilt: as many results, and nearly the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echorator._native import recall_index
from echorator._native.recall_index import RecallIndex
from tests.support.recall_rows import NOW_S, Row, Vectors, add, search, weights

DIM = 16
START = 1200  # memories that a graph is built of, some times as many as a beam has candidates
VALID_TO = 4  # of recall_index.COLUMNS
Step = tuple[str, int, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("remove near", "supersede near", "remove any", "supersede any", "add", "add again", "build")),
        st.integers(0, 9),
        st.integers(1, 400),
    ),
    max_size=6,
)


def unit_rows(rows: npt.NDArray[np.float64]) -> Vectors:
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def scattered(n: int, seed: int) -> Vectors:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, DIM)))


def in_clusters(n: int, seed: int) -> Vectors:
    rng = np.random.default_rng(seed)
    return unit_rows(np.random.default_rng(1).normal(size=(12, DIM))[rng.integers(0, 12, n)] + 0.15 * rng.normal(size=(n, DIM)))


def few_that_repeat(n: int, seed: int) -> Vectors:
    return scattered(8, 1)[np.random.default_rng(seed).integers(0, 8, n)]


class Memories:
    """An index and what it has to hold, side by side."""

    def __init__(self, vectors: Vectors) -> None:
        self.index = RecallIndex(DIM)
        self.vectors: dict[int, Vectors] = {}
        self.superseded: set[int] = set()
        self.add(range(1, len(vectors) + 1), vectors)

    def add(self, labels: range | list[int], vectors: Vectors) -> None:
        add(self.index, [Row(label, vector, []) for label, vector in zip(labels, vectors, strict=True)])
        self.vectors.update(zip(labels, vectors, strict=True))

    def remove(self, labels: list[int]) -> None:
        for label in labels:
            assert self.index.remove(label)
            del self.vectors[label]
            self.superseded.discard(label)

    def supersede(self, labels: list[int]) -> None:
        for label in labels:
            columns = self.index.columns(label)
            columns[VALID_TO] = NOW_S - 1
            assert self.index.update(label, columns, 0)
            self.superseded.add(label)

    def near(self, query: Vectors, n: int) -> list[int]:
        labels = list(self.vectors)
        cosines = np.stack(list(self.vectors.values())) @ query if labels else np.zeros(0)
        return [labels[place] for place in np.argsort(-cosines)[:n]]

    def any(self, n: int, seed: int) -> list[int]:
        labels = list(self.vectors)
        return [labels[place] for place in np.random.default_rng(seed).permutation(len(labels))[:n]]

    def step(self, what: str, seed: int, n: int, queries: Vectors) -> None:
        if what == "build":
            assert self.index.build_graph()
        elif what == "add":
            self.add([max(self.vectors, default=START) + 1 + i for i in range(n)], scattered(n, 100 + seed))
        elif what == "add again":  # other vectors under labels that the graph holds
            labels = self.any(n, seed)
            self.remove(labels)
            self.add(labels, scattered(len(labels), 200 + seed))
        else:
            chosen = self.near(queries[seed], n) if "near" in what else self.any(n, seed)
            (self.remove if "remove" in what else self.supersede)(chosen)

    def found_of(self, query: Vectors, k: int, with_superseded: bool) -> float:
        """The share of the k nearest that a search gives; it must give as many as there are, and each once."""
        there = [label for label in self.vectors if with_superseded or label not in self.superseded]
        cosines = np.stack([self.vectors[label] for label in there]) @ query if there else np.zeros(0)
        found = self.index.nearest(query, k) if with_superseded else search(self.index, query, [], weights=weights(dense=1), k=k)
        labels = found[0]
        n = min(k, len(there))
        assert len(labels) == len(set(labels.tolist())) == n
        assert set(labels.tolist()) <= set(there)
        if not n:
            return 1.0
        alike = np.sort(cosines)[-n] - 1e-3  # equal vectors are equally right, and so are those that half precision makes equal
        return float(sum(self.vectors[int(label)] @ query >= alike for label in labels) / n)


@pytest.mark.slow
@pytest.mark.parametrize("made", [scattered, in_clusters, few_that_repeat])
@example(steps=[("add", 0, 62), ("build", 0, 1)])  # a few others among many equal ones
@given(steps=STEPS)
@settings(max_examples=15)
def test_a_graph_finds_what_numpy_finds_under_any_mix_of_changes(made: Any, steps: list[Step]) -> None:
    memories = Memories(made(START, 2))
    queries = made(10, 3)
    assert memories.index.build_graph()
    for step in steps:
        memories.step(*step, queries)
    for with_superseded in (True, False):
        shares = [memories.found_of(query, 10, with_superseded) for query in (*queries, *scattered(10, 4))]
        assert np.mean(shares) >= 0.95, shares


@pytest.mark.parametrize("how", ["remove", "supersede"])
@pytest.mark.parametrize("gone", [1, 120, 128, 129, 250, 256, 300, 1100, START - 3, START])
def test_queries_in_a_hole_find_what_lies_around_it(how: str, gone: int) -> None:
    memories = Memories(scattered(START, 2))
    assert memories.index.build_graph()
    assert memories.index.graph_size == START
    queries = scattered(5, 3)
    getattr(memories, how)(memories.near(queries[0], gone))
    for with_superseded in (True, False):
        for k in (1, 10):
            shares = [memories.found_of(query, k, with_superseded) for query in queries]
            assert np.mean(shares) >= 0.95, (k, shares)
        for k in (100, 300):  # beyond the mean of a search's candidates cosines count for nothing
            assert memories.found_of(queries[0], k, with_superseded) >= (0.95 if with_superseded else 0)


@pytest.mark.parametrize("pace", [1, 64])
def test_a_wider_beam_is_tried_where_it_costs_less_than_a_scan(pace: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real pace of a scan it is from 131,072 memories on; at pace 1 it is tried here too, and what it finds is right."""
    monkeypatch.setattr(recall_index, "SCAN_PACE", pace)
    memories = Memories(in_clusters(5000, 2))
    assert memories.index.build_graph(2)
    queries = in_clusters(10, 3)
    for query in queries:
        memories.remove(memories.near(query, 300))
    assert np.mean([memories.found_of(query, 10, with_superseded=True) for query in queries]) >= 0.95
    assert np.mean([memories.found_of(query, 10, with_superseded=False) for query in queries]) >= 0.95


def test_a_graph_that_finds_less_than_a_scan_is_not_used() -> None:
    """Among thousands of equal vectors hnswlib's nodes link to their like alone."""
    memories = Memories(few_that_repeat(5000, 2))
    assert memories.index.build_graph()
    assert memories.index.graph_size == 0
    assert memories.found_of(scattered(1, 3)[0], 10, with_superseded=True) == 1.0
    assert not memories.index.save_graph("/nowhere")


def test_counts_below_zero_are_refused() -> None:
    memories = Memories(scattered(5, 1))
    query = scattered(1, 2)[0]
    with pytest.raises(ValueError, match="0 or more"):
        memories.index.nearest(query, -1)
    with pytest.raises(ValueError, match="0 or more"):
        search(memories.index, query, [], pool=-1)
    assert len(memories.index.nearest(query, 2**31 - 1)[0]) == 5
    assert len(memories.index.nearest(query, 0)[0]) == 0
