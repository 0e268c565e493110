"""How the recall index orders: late interaction against numpy, the form of memories, neighbours of other speakers, the mean of vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.recall_index import COLUMNS, SIGNALS, RecallIndex
from tests.support.recall_rows import NOW_S, Row, add, search, weights
from tests.support.rounds import rounds

DIM = 70  # signs of two numbers, the second not full
LIKENESS = 5

Bits = npt.NDArray[np.bool_]


def packed(bits: Bits) -> npt.NDArray[np.uint64]:
    """The signs of (t, DIM) bits as the index takes them, (t, 2)."""
    full = np.zeros((len(bits), 128), np.uint8)
    full[:, :DIM] = bits
    return np.packbits(full, axis=1, bitorder="little").view(np.uint64)


def add_tokens(index: RecallIndex, tokens: list[Bits]) -> None:
    n = len(tokens)
    vectors = np.random.default_rng(n).normal(size=(n, DIM)).astype(np.float32)
    columns = np.full((n, len(COLUMNS)), 0.0)
    columns[:, :3] = NOW_S
    ends = np.cumsum([len(t) for t in tokens], dtype=np.int64)
    index.add(
        np.arange(1, n + 1, dtype=np.uint64),
        vectors,
        columns,
        np.zeros(n, np.uint64),
        np.zeros(n, np.uint32),
        np.zeros(0, np.uint64),
        np.zeros(n, np.int64),
        np.ascontiguousarray(np.concatenate([packed(t) for t in tokens])),  # of single rows it may come in Fortran's order
        ends,
    )


def likeness(query: Bits, shares: npt.NDArray[np.float32], memory: Bits) -> float:
    """Khattab and Zaharia's MaxSim over signs, word for word."""
    if not len(memory):
        return -1.0
    best = [max(0.0, 2 * max(float((q == m).mean()) for m in memory) - 1) for q in query]
    return float(np.dot(shares, best) / shares.sum())


BITS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@settings(max_examples=rounds(60))
@given(BITS, st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(1, 5), st.sets(st.integers(1, 12)))
def test_likeness_is_maxsim_over_signs_through_every_change(
    rng: np.random.Generator, counts: list[int], asked: int, removed: set[int]
) -> None:
    memories = [rng.random((n, DIM)) < 0.5 for n in counts]
    query, shares = rng.random((asked, DIM)) < 0.5, rng.random(asked).astype(np.float32) + np.float32(0.1)
    index = RecallIndex(DIM)
    add_tokens(index, memories)
    for label in removed:
        index.remove(label)
    vector = rng.normal(size=DIM).astype(np.float32)
    found = search(index, vector, [], weights=weights(tokens=1.0), k=50, tokens=packed(query), token_weights=shares)
    for label, value in zip(found[0].tolist(), found[LIKENESS].tolist(), strict=True):
        assert value == pytest.approx(likeness(query, shares, memories[label - 1]), abs=1e-5)


def test_a_memory_without_tokens_is_neither_raised_nor_lowered_by_them() -> None:
    rng = np.random.default_rng(1)
    query = rng.random((3, DIM)) < 0.5
    index = RecallIndex(DIM)
    add_tokens(index, [query, np.zeros((0, DIM), bool), ~query])
    found = search(
        index, np.ones(DIM, np.float32), [], weights=weights(tokens=1.0), tokens=packed(query), token_weights=np.ones(3, np.float32)
    )
    signals = dict(zip(found[0].tolist(), found[2][:, SIGNALS.index("tokens")].tolist(), strict=True))
    assert signals[1] > 0 == signals[2]


def test_tokens_survive_the_moving_up_of_slots() -> None:
    rng = np.random.default_rng(2)
    memories = [rng.random((1 + i % 4, DIM)) < 0.5 for i in range(200)]
    index = RecallIndex(DIM)
    add_tokens(index, memories)
    for label in range(1, 121):
        index.remove(label)
    for label in (121, 160, 200):
        own = memories[label - 1]
        more = {"tokens": packed(own), "token_weights": np.ones(len(own), np.float32)}
        found = search(index, np.ones(DIM, np.float32), [], weights=weights(tokens=1.0), k=100, **more)
        assert found[0][0] == label
        assert found[LIKENESS][0] == pytest.approx(1.0)


def test_tokens_of_another_width_are_refused() -> None:
    index = RecallIndex(DIM)
    with pytest.raises(ValueError, match="tokens must be 2 wide"):
        search(index, np.ones(DIM, np.float32), [], tokens=np.zeros((1, 3), np.uint64), token_weights=np.ones(1, np.float32))
    with pytest.raises(ValueError, match="a weight for each"):
        search(index, np.ones(DIM, np.float32), [], tokens=np.zeros((2, 2), np.uint64), token_weights=np.ones(1, np.float32))


def forms(rows: list[Row], **more: object) -> dict[int, float]:
    index = RecallIndex(DIM)
    add(index, rows)
    found = search(index, np.ones(DIM, np.float32), [1], weights=weights(form=1.0), k=len(rows), **more)
    return dict(zip(found[0].tolist(), found[2][:, SIGNALS.index("form")].tolist(), strict=True))


def row(label: int, words: int = 4, speaker: int = 0, **columns: float) -> Row:
    vector = np.random.default_rng(label).normal(size=DIM).astype(np.float32)
    return Row(label, vector, list(range(1, words + 1)), speaker=speaker, columns=columns)


def test_the_form_prefers_what_tells_more() -> None:
    found = forms([row(1, words=8), row(2, words=4), row(3, words=1)])
    assert found[1] > found[2] > found[3]
    found = forms([row(1), row(2, asks=1.0), row(3, asks=0.5)])
    assert found[1] > found[3] > found[2]


def test_the_form_prefers_whom_the_question_names_and_a_time_that_is_asked_for() -> None:
    rows = [row(1, speaker=7), row(2, speaker=8), row(3), row(4, speaker=7, dated=1.0)]
    found = forms(rows, named=np.array([7], np.uint32))
    assert found[1] == found[3] == found[4] > found[2]
    found = forms(rows, dates=True)
    assert found[4] > found[1] == found[2] == found[3]


def test_evidence_spreads_to_what_others_said_next_and_most_to_an_answer() -> None:
    def spread(speakers: list[int], asks: float = 0.0) -> dict[int, float]:
        index = RecallIndex(DIM)
        add(index, [Row(i + 1, row(i + 1).vector, [i + 1], 5, who, {"asks": asks if i == 0 else 0.0}) for i, who in enumerate(speakers)])
        found = search(index, None, [1], weights=weights(lexical=1, neighbours=0.4), k=9)
        return dict(zip(found[0].tolist(), found[2][:, SIGNALS.index("neighbours")].tolist(), strict=True))

    own, other, answer = spread([1, 1, 1]), spread([1, 2, 1]), spread([1, 2, 1], asks=1.0)
    assert set(own) == {1}, "one's own next sentence is about something else as often"
    assert other[2] > other[3] > 0
    assert answer[2] == pytest.approx(2 * other[2])


def test_a_query_moved_away_from_the_mean_finds_what_is_not_like_everything() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=DIM)
    vectors = common + 0.3 * rng.normal(size=(50, DIM))
    vectors[7] = 0.3 * common + rng.normal(size=DIM)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = RecallIndex(DIM)
    add(index, [Row(i + 1, v.astype(np.float32), []) for i, v in enumerate(vectors)])
    query = vectors[7] + 1.2 * common / np.linalg.norm(common)
    query = (query / np.linalg.norm(query)).astype(np.float32)
    only = weights(dense=1.0)
    assert search(index, query, [], weights=only)[0][0] != 8
    found = search(index, query, [], weights=only, away=1.0)
    assert found[0][0] == 8
    assert found[3][0] == pytest.approx(float(query @ vectors[7]), abs=2e-3), "the cosine is that of the query itself"


def test_examples_score_by_their_weights_and_cover_nothing() -> None:
    index = RecallIndex(DIM)
    add(index, [Row(i, row(i).vector, [term, 100 + i]) for i, term in enumerate((1, 2, 3, 4), 1)])
    more = {"examples": np.array([2, 3], np.uint64), "example_weights": np.array([0.5, 0.1], np.float32)}
    labels, _, signals, _, coverages, _ = search(index, None, [1], weights=weights(lexical=1.0), k=9, **more)
    assert labels.tolist()[:2] == [1, 2]
    assert signals[0, SIGNALS.index("lexical")] > signals[1, SIGNALS.index("lexical")] > 0
    assert coverages.tolist()[:2] == [1.0, 0.0]
    with pytest.raises(ValueError, match="weight"):
        search(index, None, [1], examples=np.array([2], np.uint64))


def test_what_was_said_in_the_time_that_is_named_is_preferred() -> None:
    day_s = 86_400.0
    rows = [row(i, said_s=NOW_S + days * day_s) for i, days in ((1, -1.0), (2, 0.0), (3, 2.5), (4, 4.0))]
    found = forms(rows, when_from_s=NOW_S, when_to_s=NOW_S + day_s)
    assert found[2] == found[3] > found[1] == found[4]
