"""ACT-R's base level: near the exact sum, monotone, and strong memories fade more slowly; then what is archived and purged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.recall_index import ACTIVATION_NOISE as NOISE
from echorator._native.recall_index import ACTIVATION_THRESHOLD as THRESHOLD
from echorator._native.recall_index import SIGNALS, RecallIndex, base_level, retrieval_probability
from echorator.cognition.learning.forgetting import faded, purgeable, strengths
from echorator.cognition.memory import Kind, Lifecycle, Memory
from echorator.cognition.settings import Forgetting
from tests.support.rounds import rounds

HOUR_S = 3600.0
DAY_S = 86_400.0
NOW_S = 1_800_000_000.0
AGES_S = st.floats(0, 10 * 365 * DAY_S)
USES = st.integers(1, 100_000)
ROUNDING = 1e-4  # the difference of two square roots cancels where first and last use are close


def exact(use_times_s: list[float], now_s: float) -> float:
    """ln of the sum of t^-0.5 over all uses (Anderson and Lebiere 1998), t in hours and at least a second."""
    return math.log(sum((max(now_s - t, 1.0) / HOUR_S) ** -0.5 for t in use_times_s))


def level(uses: float, created_s: float, last_used_s: float, now_s: float = NOW_S) -> float:
    times_used, created, last = np.array([[uses], [created_s], [last_used_s]], np.float64)
    return float(base_level(times_used, created, last, now_s)[0])


def probability(strength: float) -> float:
    return float(retrieval_probability(np.array([strength]))[0])


@pytest.mark.parametrize("age_s", [1, 60, HOUR_S, DAY_S, 365 * DAY_S])
def test_one_use_is_exact(age_s: float) -> None:
    then_s = NOW_S - age_s
    assert level(1, then_s, then_s) == pytest.approx(exact([then_s], NOW_S), abs=1e-6)


@pytest.mark.parametrize("uses", [2, 5, 20, 200])
@pytest.mark.parametrize("span_s", [2 * HOUR_S, 10 * DAY_S, 300 * DAY_S])
@pytest.mark.parametrize("age_s", [60, DAY_S])
def test_evenly_spread_uses_are_near_the_exact_sum(uses: int, span_s: float, age_s: float) -> None:
    times_s = np.linspace(NOW_S - age_s - span_s, NOW_S - age_s, uses)
    assert level(uses, times_s[0], times_s[-1]) == pytest.approx(exact(times_s.tolist(), NOW_S), abs=0.35)


@given(st.lists(st.floats(0, 365 * DAY_S), min_size=2, max_size=50), st.floats(HOUR_S, 30 * DAY_S))
def test_any_uses_are_within_the_extremes_of_their_times(offsets_s: list[float], age_s: float) -> None:
    """All uses lie between the creation and the last: so do the exact sum and the approximation."""
    times_s = [NOW_S - age_s - o for o in offsets_s]
    first, last, n = min(times_s), max(times_s), len(times_s)
    newest = (max(NOW_S - last, 1) / HOUR_S) ** -0.5
    oldest = (max(NOW_S - first, 1) / HOUR_S) ** -0.5
    low, high = math.log(newest + (n - 1) * oldest), math.log(n * newest)
    assert low - ROUNDING <= level(n, first, last) <= high + ROUNDING
    assert low - 1e-6 <= exact(times_s, NOW_S) <= high + 1e-6


@given(USES, AGES_S, AGES_S, st.floats(1, 10 * DAY_S))
def test_more_recent_is_stronger(uses: int, age_s: float, later_s: float, by_s: float) -> None:
    created_s = NOW_S - age_s - later_s - by_s
    assert level(uses, created_s, NOW_S - later_s) >= level(uses, created_s, NOW_S - later_s - by_s) - ROUNDING


@given(USES, AGES_S, AGES_S)
def test_more_uses_are_stronger(uses: int, age_s: float, later_s: float) -> None:
    created_s, last_s = NOW_S - age_s - later_s, NOW_S - later_s
    assert level(uses + 1, created_s, last_s) > level(uses, created_s, last_s)


@given(USES, AGES_S, AGES_S, st.floats(1, 1e9))
def test_what_is_not_used_fades(uses: int, age_s: float, later_s: float, wait_s: float) -> None:
    created_s, last_s = NOW_S - age_s - later_s, NOW_S - later_s
    assert level(uses, created_s, last_s, NOW_S + wait_s) <= level(uses, created_s, last_s) + ROUNDING


@given(st.floats(0, 1e6), st.floats(-1e10, 1e10), st.floats(-1e10, 1e10), st.floats(-1e10, 1e10))
def test_never_nan_even_where_clocks_disagree(uses: float, created_s: float, last_s: float, now_s: float) -> None:
    strength = level(uses, created_s, last_s, now_s)
    assert math.isfinite(strength)
    assert 0 <= probability(strength) <= 1


def test_stronger_memories_fade_more_slowly() -> None:
    """MemoryBank's exp(-t / 5 * S) is e^(-tS/5): there the strong ones fade faster. Here a use never shortens a memory's life."""
    waits_s = np.array([DAY_S, 10 * DAY_S, 100 * DAY_S, 1000 * DAY_S])
    kept = {uses: [probability(level(uses, NOW_S - 5 * DAY_S, NOW_S, NOW_S + w)) for w in waits_s] for uses in (1, 2, 5, 50)}
    for weaker, stronger in ((1, 2), (2, 5), (5, 50)):
        assert all(s > w for s, w in zip(kept[stronger], kept[weaker], strict=True))
        lifetimes = [next((w for w, p in zip(waits_s, kept[n], strict=True) if p < 0.5), math.inf) for n in (weaker, stronger)]
        assert lifetimes[1] >= lifetimes[0]
    memory_bank = [math.exp(-10 / 5 * strength) for strength in (1, 5)]
    assert memory_bank[1] < memory_bank[0]  # the bug, so that this test says what it guards against


def test_retrieval_probability() -> None:
    assert probability(THRESHOLD) == pytest.approx(0.5)
    assert probability(THRESHOLD + NOISE) == pytest.approx(1 / (1 + math.exp(-1)))
    assert retrieval_probability(np.array([-1e308, 0, 1e308])) == pytest.approx([0, 1 / (1 + math.exp(THRESHOLD / NOISE)), 1])


@settings(max_examples=rounds(50))
@given(USES, AGES_S, AGES_S)
def test_the_index_computes_the_same_activation(uses: int, age_s: float, later_s: float) -> None:
    created_s, last_s = NOW_S - age_s - later_s, NOW_S - later_s
    index = RecallIndex(2)
    none = np.zeros(0, np.uint64)
    columns = np.array([[created_s, created_s, last_s, 0, 0, uses, 0, 0, 0, 1]], np.float64)
    one = np.array([1], np.uint64)
    index.add(one, np.array([[1, 0]], np.float32), columns, np.zeros(1, np.uint64), np.zeros(1, np.uint32), none, np.zeros(1, np.int64))
    place = SIGNALS.index("activation")
    weights = np.zeros(len(SIGNALS), np.float32)
    weights[place] = 1
    signals = index.search(np.array([1, 0], np.float32), none, weights=weights, k=1, now_s=NOW_S, as_of_s=NOW_S)[2]
    assert signals[0, place] == pytest.approx(probability(level(uses, created_s, last_s)), abs=1e-4)


OLD = Memory("the parcel came", Kind.EPISODIC, NOW_S - 400 * DAY_S, NOW_S - 400 * DAY_S, id=1, importance=0.0)
LIMITS = Forgetting(archive_below=0.2, grace_s=30 * DAY_S, purge_after_s=180 * DAY_S)


@pytest.mark.parametrize(
    ("memory", "goes"),
    [
        (OLD, True),
        (replace(OLD, pinned=True), False),
        (replace(OLD, created_s=NOW_S - 29 * DAY_S), False),  # within its grace
        (replace(OLD, uses=50, last_used_s=NOW_S - HOUR_S), False),
        (replace(OLD, importance=5.0), False),
    ],
)
def test_what_has_faded(memory: Memory, goes: bool) -> None:
    assert faded([memory], NOW_S, LIMITS) == ([1] if goes else [])


def test_above_the_bound_the_weakest_go_first() -> None:
    fresh = [replace(OLD, id=i, created_s=NOW_S - i * DAY_S) for i in range(1, 7)]
    assert faded(fresh, NOW_S, LIMITS, bound=4) == [6, 5]
    assert faded(fresh, NOW_S, LIMITS, bound=6) == []
    held = [replace(m, pinned=m.id > 4) for m in fresh]
    assert faded(held, NOW_S, LIMITS, bound=4) == [4, 3]
    past = [replace(m, valid_to_s=NOW_S - 1) if m.id == 1 else m for m in fresh]
    assert faded(past, NOW_S, LIMITS, bound=5) == [1]
    assert faded([], NOW_S, LIMITS, bound=0) == []
    assert strengths([], NOW_S).shape == (0,)


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({}, True),
        ({"pinned": True}, False),
        ({"lifecycle": Lifecycle.ACTIVE}, False),
        ({"changed_s": NOW_S - DAY_S}, False),
    ],
)
def test_what_is_purged(changes: dict[str, object], goes: bool) -> None:
    archived = replace(OLD, lifecycle=Lifecycle.ARCHIVED, changed_s=NOW_S - 200 * DAY_S)
    memory = replace(archived, **changes)  # type: ignore[arg-type]
    assert purgeable([memory], NOW_S, LIMITS) == ([1] if goes else [])
    assert purgeable([memory], NOW_S, replace(LIMITS, purge_after_s=0)) == []
