"""The recall index against plain numpy: vectors, BM25, spreading, filters; any order of changes ends where a fresh index begins."""

from __future__ import annotations

import math
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native import recall_index
from echorator._native.recall_index import SIGNALS, RecallIndex
from tests.support.recall_rows import NOW_S, Row, Vectors, add, like_text, search, weights
from tests.support.rounds import rounds

DIM = 24
DENSE, LEXICAL = 0, 1


def unit(seed: int, dim: int = DIM) -> Vectors:
    vector = np.random.default_rng(seed).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def bm25(rows: list[Row], query: list[int]) -> dict[int, float]:
    """Robertson and Zaragoza's formula, word for word."""
    mean = sum(len(r.terms) for r in rows) / len(rows)
    scores: dict[int, float] = {}
    for row in rows:
        counts, score = Counter(row.terms), 0.0
        for term in set(query):
            df = sum(term in r.terms for r in rows)
            idf = math.log(1 + (len(rows) - df + 0.5) / (df + 0.5))
            tf = counts[term]
            score += idf * tf * 1.9 / (tf + 0.9 * (0.25 + 0.75 * len(row.terms) / mean)) if tf else 0.0
        scores[row.label] = score
    return scores


def rows_of(n: int, seed: int = 0) -> list[Row]:
    rng = np.random.default_rng(seed)
    return [Row(i + 1, unit(1000 * seed + i), (rng.zipf(1.4, size=rng.integers(1, 12)) % 40).tolist(), 1 + i // 5) for i in range(n)]


def test_nearest_is_brute_force() -> None:
    rows = rows_of(500)
    index = RecallIndex(DIM)
    add(index, rows)
    matrix = np.stack([r.vector for r in rows])
    for seed in range(50):
        query = unit(9000 + seed)
        labels, cosines = index.nearest(query, 10)
        true = matrix @ query
        assert np.allclose(cosines, np.sort(true)[::-1][:10], atol=2e-3)
        assert len({int(label) for label in labels} & {int(i) + 1 for i in np.argsort(-true)[:11]}) == 10


def test_dimensions_that_are_no_multiple_of_a_vector_unit() -> None:
    for dim in (1, 3, 31, 32, 33, 384, 1000):
        index = RecallIndex(dim)
        vectors = [unit(i, dim) for i in range(20)]
        add(index, [Row(i + 1, v, []) for i, v in enumerate(vectors)])
        labels, cosines = index.nearest(vectors[7], 1)
        assert cosines[0] == pytest.approx(1.0, abs=2e-3)
        assert np.allclose(index.vectors(labels)[0], vectors[int(labels[0]) - 1], atol=1e-3)


def test_words_are_scored_by_bm25() -> None:
    rows = rows_of(300, seed=2)
    index = RecallIndex(DIM)
    add(index, rows)
    for query in ([1, 2, 3], [5], [1, 1, 17, 999], [38, 39]):
        expected = bm25(rows, query)
        labels, _, signals, _, coverages, _ = search(index, None, query, k=300, pool=4096)
        found = {int(label): float(signals[i][LEXICAL]) for i, label in enumerate(labels)}
        order = [label for label in found if found[label] > 0]
        ranked = [round(expected[label], 4) for label in order]
        assert ranked == sorted(ranked, reverse=True)
        best = max(expected, key=lambda label: (expected[label], label))
        assert not order or round(expected[order[0]], 4) == round(expected[best], 4)
        assert (coverages <= 1.0 + 1e-6).all()


@given(
    st.lists(st.tuples(st.sampled_from("add remove update use link".split()), st.integers(1, 12), st.integers(0, 5)), max_size=60),
    st.integers(0, 99),
)
@settings(max_examples=rounds(60))
def test_any_changes_end_in_the_index_that_a_fresh_one_would_be(changes: list[tuple[str, int, int]], query_seed: int) -> None:
    index = RecallIndex(DIM)
    kept: dict[int, Row] = {}
    links: dict[tuple[int, int], float] = {}
    for what, label, value in changes:
        if what == "add" and label not in kept:
            kept[label] = Row(label, unit(label * 7 + value), [value, label, value], 1 + label % 3)
            add(index, [kept[label]])
        elif what == "remove":
            assert index.remove(label) == (label in kept)
            kept.pop(label, None)
            links = {pair: w for pair, w in links.items() if label not in pair}
        elif what == "update" and label in kept:
            kept[label].columns |= {"importance": value / 5, "valid_to_s": NOW_S - 1 if value == 5 else 0.0}
            assert index.update(label, np.array(kept[label].numbers()), 0)
        elif what == "use" and label in kept:
            index.use(np.array([label], np.uint64), NOW_S + value)
            kept[label].columns |= {"uses": kept[label].columns.get("uses", 1.0) + 1}
            kept[label].columns |= {"last_used_s": max(kept[label].columns.get("last_used_s", NOW_S), NOW_S + value)}
        elif what == "link" and label in kept and value in kept and label != value:
            index.associate(label, value, 0.5)
            links[min(label, value), max(label, value)] = 0.5
    assert len(index) == len(kept)
    assert sorted(index.labels().tolist()) == sorted(kept)
    fresh = RecallIndex(DIM)
    if kept:
        add(fresh, list(kept.values()))
    for (a, b), weight in links.items():
        fresh.associate(a, b, weight)
    everything = np.ones(len(SIGNALS), np.float32)
    for terms in ([1, 2], [3]):
        mine = search(index, unit(query_seed), terms, weights=everything, now_s=NOW_S + 60, as_of_s=NOW_S + 60)
        true = search(fresh, unit(query_seed), terms, weights=everything, now_s=NOW_S + 60, as_of_s=NOW_S + 60)
        assert mine[0].tolist() == true[0].tolist()
        for a, b in zip(mine[1:], true[1:], strict=True):
            assert np.allclose(a, b, atol=1e-4)


def test_signals_sum_up_to_the_score_and_order_it() -> None:
    index = RecallIndex(DIM)
    add(index, rows_of(200, seed=3))
    index.associate(1, 150, 0.9)
    _, scores, signals, *_ = search(index, unit(5), [1, 2, 3], weights=np.ones(len(SIGNALS), np.float32), k=50, valence=0.5, arousal=0.5)
    assert np.allclose(signals.sum(axis=1), scores, atol=1e-3)
    assert (np.diff(scores) <= 1e-6).all()


def test_evidence_spreads_to_neighbours_sessions_and_associations() -> None:
    rows = [Row(i + 1, unit(50 + i), [100 + i], session=1 + i // 10, speaker=1 + i % 2) for i in range(30)]
    index = RecallIndex(DIM)
    add(index, rows)
    index.associate(15, 30, 1.0)
    labels, _, signals, *_ = search(index, None, [114], weights=weights(lexical=1, neighbours=0.4, session=0.3, association=0.2), k=30)
    by_label = {int(label): dict(zip(SIGNALS, row.tolist(), strict=True)) for label, row in zip(labels, signals, strict=True)}
    own = by_label[15]["lexical"]
    assert labels[0] == 15
    for near, share in ((14, 0.4), (16, 0.4), (13, 0.15), (17, 0.15)):
        assert by_label[near]["neighbours"] == pytest.approx(share * own, rel=1e-4)
    assert 11 not in by_label or by_label[11]["neighbours"] == 0.0  # the session ends there
    assert by_label[30]["association"] == pytest.approx(0.2 * own, rel=1e-4)
    assert by_label[14]["session"] == pytest.approx(by_label[15]["session"])


def test_a_memory_that_leaves_closes_the_gap_between_its_neighbours() -> None:
    index = RecallIndex(DIM)
    add(index, [Row(i, unit(i), [i], session=9, speaker=i) for i in (1, 2, 3)])
    index.remove(2)
    labels, _, signals, *_ = search(index, None, [1], weights=weights(lexical=1, neighbours=0.4), k=3)
    assert labels.tolist() == [1, 3]
    assert signals[1][SIGNALS.index("neighbours")] > 0


def test_filters_and_validity() -> None:
    index = RecallIndex(DIM)
    rows = [
        Row(1, unit(1), [1], session=1, speaker=7, columns={"kind": 1, "said_s": 100}),
        Row(2, unit(2), [1], session=2, speaker=8, columns={"kind": 2, "said_s": 200, "valid_from_s": 200, "valid_to_s": 500}),
        Row(3, unit(3), [1], session=1, speaker=7, columns={"kind": 3, "said_s": 300, "valid_from_s": 500}),
    ]
    add(index, rows)

    def found(**more: Any) -> set[int]:
        return {int(label) for label in search(index, unit(1), [1], **({"as_of_s": 1000.0} | more))[0]}

    assert found() == {1, 3}
    assert found(superseded=True) == {1, 2, 3}
    assert found(as_of_s=400.0) == {1, 2}
    assert found(superseded=True, kinds=1 << 2) == {2}
    assert found(superseded=True, session=1) == {1, 3}
    assert found(superseded=True, speaker=8) == {2}
    assert found(superseded=True, since_s=200.0) == {2, 3}
    assert found(superseded=True, before_s=200.0) == {1}


def test_goals_and_mood_raise_what_agrees_with_them() -> None:
    index = RecallIndex(DIM)
    add(index, [Row(1, unit(1), [1], columns={"valence": 0.8, "arousal": 0.6}), Row(2, unit(2), [1], columns={"valence": -0.8})])
    only = weights(goal=1.0)
    _, _, signals, *_ = search(index, unit(3), [1], weights=only, goals=np.stack([unit(2)]))
    assert signals[:, SIGNALS.index("goal")].max() == pytest.approx(1.0, abs=2e-3)
    labels, _, signals, *_ = search(index, unit(3), [1], weights=weights(affect=1.0), valence=0.8, arousal=0.6)
    assert labels[0] == 1
    assert search(index, unit(3), [1], weights=weights(affect=1.0))[2].max() == 0.0  # a neutral mood prefers nothing


def test_wrong_shapes_are_refused_and_change_nothing() -> None:
    index = RecallIndex(DIM)
    with pytest.raises(ValueError, match="numbers"):
        add(index, [Row(1, unit(1, DIM + 1), [1])])
    with pytest.raises(ValueError, match="numbers"):
        search(index, unit(1, DIM - 1), [1])
    with pytest.raises(ValueError, match="weights"):
        search(index, unit(1), [1], weights=np.ones(3, np.float32))
    with pytest.raises(ValueError, match="dim"):
        RecallIndex(0)
    with pytest.raises(KeyError):
        index.columns(1)
    assert len(index) == 0
    assert search(index, unit(1), [1])[0].tolist() == []


def large(n: int = 3000) -> tuple[RecallIndex, Vectors]:
    vectors = like_text(n, DIM, 2)
    index = RecallIndex(DIM)
    add(index, [Row(i + 1, v, [i % 50]) for i, v in enumerate(vectors)])
    return index, vectors


def recall_at_10(index: RecallIndex, queries: Vectors) -> float:
    labels = index.labels()
    matrix = index.vectors(labels)
    hits = 0
    for query in queries:
        true = set(labels[np.argsort(-(matrix @ query))[:10]].tolist())
        hits += len(true & set(index.nearest(query, 10)[0].tolist()))
    return hits / (10 * len(queries))


def test_a_graph_finds_what_a_scan_finds_through_every_change(tmp_path: Path) -> None:
    index, _ = large()
    queries = like_text(60, DIM, 3)
    assert index.build_graph(2)
    assert (index.graph_size, index.outside_graph) == (3000, 0)
    assert recall_at_10(index, queries) >= 0.98
    for label in range(1, 601):
        index.remove(label)
    add(index, [Row(10_000 + i, v, [1]) for i, v in enumerate(like_text(400, DIM, 4))])
    index.remove(700)
    add(index, [Row(700, unit(4242), [1])])  # another vector under a label that the graph holds
    assert index.outside_graph == 401
    assert recall_at_10(index, queries) >= 0.98
    assert index.nearest(unit(4242), 1)[0].tolist() == [700]

    path = str(tmp_path / "graph.bin")
    assert index.save_graph(path)
    assert Path(path).stat().st_size == index.graph_file_bytes
    again = RecallIndex(DIM)
    labels = index.labels()
    vectors = index.vectors(labels)
    add(again, [Row(int(label), vector, []) for label, vector in zip(labels, vectors, strict=True)])
    again.load_graph(path, 3000, np.array([700], np.uint64))
    assert again.outside_graph == 401
    assert recall_at_10(again, queries) >= 0.98
    assert again.nearest(unit(4242), 1)[0].tolist() == [700]
    with pytest.raises((ValueError, RuntimeError)):
        again.load_graph(path, 2000, np.zeros(0, np.uint64))


def test_a_small_index_wants_no_graph() -> None:
    index, _ = large(100)
    assert not index.wants_graph
    assert index.graph_size == 0
    assert recall_index.EXACT_LIMIT == 20_000


def test_searches_and_changes_at_the_same_time() -> None:
    index, _ = large(2000)
    queries = like_text(40, DIM, 5)
    failures: list[str] = []
    done = threading.Event()

    def searching() -> None:
        while not done.is_set():
            for query in queries:
                labels, scores, *_ = search(index, query, [1, 2])
                if len(set(labels.tolist())) != len(labels) or not np.isfinite(scores).all():
                    failures.append(f"{labels} {scores}")

    threads = [threading.Thread(target=searching) for _ in range(3)]
    for thread in threads:
        thread.start()
    for round_ in range(3):
        index.build_graph()
        for label in range(1 + 300 * round_, 301 + 300 * round_):
            index.remove(label)
        add(index, [Row(20_000 + 1000 * round_ + i, v, [i % 9]) for i, v in enumerate(like_text(300, DIM, 6 + round_))])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(index) == 2000
    assert recall_at_10(index, queries) >= 0.98
