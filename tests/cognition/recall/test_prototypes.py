"""Prototypes find what recurs, stay bounded under noise, fade, and hang little on the order of what they learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cognition.memory import Vector
from echorator.cognition.recall.prototypes import NEAREST, Patterns, PatternSettings, weight_at
from tests.support.rounds import rounds

DIMENSION = 16
DAY_S = 86_400.0
SETTINGS = PatternSettings(threshold=0.6, limit=8, half_life_s=30 * DAY_S)


def unit(rows: npt.NDArray[Any]) -> Vector:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def clusters(each: int, seed: int = 0) -> tuple[Vector, Vector]:
    """The true centres (3, d), and rows around them in turn."""
    random = np.random.default_rng(seed)
    centres = np.eye(DIMENSION)[:3]
    rows = np.tile(centres, (each, 1)) + 0.08 * random.standard_normal((3 * each, DIMENSION))
    return unit(centres), unit(rows)


def learned(rows: Vector, patterns: Patterns | None = None, begin_s: float = 0.0, settings: PatternSettings = SETTINGS) -> Patterns:
    patterns = patterns or Patterns()
    for row in rows:
        patterns = patterns.learned(row, patterns.seen + 1, begin_s, settings)
    return patterns


def cosines(patterns: Patterns, centres: Vector) -> Vector:
    return centres @ np.stack([p.centre for p in patterns.prototypes]).T


def test_three_clusters_are_three_prototypes() -> None:
    centres, rows = clusters(100)
    found = learned(rows)
    assert len(found.prototypes) == 3
    assert cosines(found, centres).max(axis=1).min() > 0.98
    assert [p.count for p in found.prototypes] == [100, 100, 100]
    assert (found.seen, found.made) == (300, 3)
    for p in found.prototypes:
        assert np.linalg.norm(p.centre) == pytest.approx(1, abs=1e-5)
        assert p.weight == pytest.approx(100)
        assert p.memory_ids == tuple(range(300 - 3 * NEAREST + p.id, 301, 3))
        assert 0.9 < p.similarity <= 1


def test_the_order_does_not_matter_much() -> None:
    centres, rows = clusters(60)
    for seed in range(10):
        found = learned(rows[np.random.default_rng(seed).permutation(len(rows))])
        assert len(found.prototypes) == 3
        assert cosines(found, centres).max(axis=1).min() > 0.98
        assert sorted(p.count for p in found.prototypes) == [60, 60, 60]


def test_noise_stays_bounded_and_what_recurs_stays() -> None:
    centres, rows = clusters(50)
    random = np.random.default_rng(5)
    found = learned(rows)
    for _ in range(400):
        found = learned(unit(random.standard_normal((1, DIMENSION))), found)
        assert len(found.prototypes) <= SETTINGS.limit
    assert {1, 2, 3} <= {p.id for p in found.prototypes}
    assert len({p.id for p in found.prototypes}) == len(found.prototypes)
    assert cosines(found, centres).max(axis=1).min() > 0.8


def test_beyond_the_limit_the_least_goes() -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    found = learned(axes[: SETTINGS.limit])  # one of each
    found = learned(axes[[0, 0, 2]], found)  # the others have the least weight, the lowest id of them goes
    found = learned(axes[[SETTINGS.limit]], found, DAY_S)
    assert [p.id for p in found.prototypes] == [1, 3, 4, 5, 6, 7, 8, 9]


def test_weights_halve() -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    (prototype,) = learned(axes[[0, 0]]).prototypes
    assert prototype.weight == pytest.approx(2)
    assert weight_at(prototype, 30 * DAY_S, SETTINGS) == pytest.approx(1)
    assert weight_at(prototype, 60 * DAY_S, SETTINGS) == pytest.approx(0.5)
    assert weight_at(prototype, -DAY_S, SETTINGS) == pytest.approx(2)
    (later,) = learned(axes[[0]], learned(axes[[0, 0]]), 30 * DAY_S).prototypes
    assert later.weight == pytest.approx(2)
    assert (later.count, later.last_seen_s) == (3, 30 * DAY_S)


def test_a_centre_still_drifts_after_many() -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    old, new = axes[0], unit(axes[0] + 0.9 * axes[1])
    found = learned(np.repeat(new[None], 150, axis=0), learned(np.repeat(old[None], 1000, axis=0)))
    assert len(found.prototypes) == 1
    assert found.prototypes[0].centre @ new > 0.99


@pytest.mark.parametrize(("cosine", "place"), [(0.59, None), (0.61, 1), (1.0, 1), (-1.0, None)])
def test_match(cosine: float, place: int | None) -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    found = learned(axes[:2]).match((cosine * axes[1] + np.sqrt(max(0, 1 - cosine**2)) * axes[5]).astype(np.float32), SETTINGS)
    if place is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == place
        assert found[1] == pytest.approx(cosine, abs=1e-6)
    assert Patterns().match(axes[0], SETTINGS) is None


def test_a_zero_vector_says_nothing() -> None:
    found = Patterns().learned(np.zeros(DIMENSION, np.float32), 4, 0.0, SETTINGS)
    assert (found.prototypes, found.seen, found.made) == ((), 4, 0)


@settings(max_examples=rounds(50))
@given(st.integers(0, 1 << 16), st.integers(1, 60), st.floats(0.05, 0.95), st.integers(1, 10))
def test_whatever_is_learned(seed: int, count: int, threshold: float, limit: int) -> None:
    rows = unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))
    found = learned(rows, settings=PatternSettings(threshold=threshold, limit=limit))
    assert 1 <= len(found.prototypes) <= limit
    assert found.seen == count
    assert len({p.id for p in found.prototypes}) == len(found.prototypes) <= found.made <= count
    for p in found.prototypes:
        assert np.linalg.norm(p.centre) == pytest.approx(1, abs=1e-4)
        assert 1 <= len(p.memory_ids) <= NEAREST
        assert p.weight > 0
        assert threshold - 1e-6 <= p.similarity <= 1 + 1e-6


def test_patterns_come_back_from_their_bytes() -> None:
    found = learned(clusters(10)[1])
    again = Patterns.loaded(found.dumped(), DIMENSION)
    assert again.dumped() == found.dumped()
    assert learned(clusters(5, 1)[1], again).dumped() == learned(clusters(5, 1)[1], found).dumped()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b'{"seen": 1, "made": 1, "prototypes": [[1]]}', learned(np.eye(4, dtype=np.float32)).dumped()]
)
def test_bytes_of_something_else_are_no_patterns(body: bytes) -> None:
    assert Patterns.loaded(body, DIMENSION) == Patterns()
