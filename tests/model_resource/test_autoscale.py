"""How many replicas the mesh's signals ask for: the table of the HPA's algorithm, and what holds of any history."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.model_resource.autoscale import MEASURED_S, Highest, Load, Recommendation, desired, within
from echorator.model_resource.kube_spec import AutoscalingSpec, SignalsSpec

OFF = SignalsSpec().model_copy(update={"queue_depth": 0, "response_time_seconds": 0})
QUEUE = OFF.model_copy(update={"queue_depth": 10})
TIME = OFF.model_copy(update={"response_time_seconds": 5})
BOTH = QUEUE.model_copy(update={"response_time_seconds": 5})
COUNTS = st.integers(0, 1000)
LOADS = st.builds(Load, ready=COUNTS, slots=COUNTS, busy=COUNTS, queued=COUNTS, first_token_p95_s=st.floats(0, 1e4))
SIGNALS = st.fixed_dictionaries({"queueDepth": st.integers(0, 100), "responseTimeSeconds": st.integers(0, 100)}).map(
    SignalsSpec.model_validate
)


@pytest.mark.parametrize(
    ("load", "signals", "asked"),
    [
        (Load(2, 8, queued=21), QUEUE, 2),  # within the tolerance: as many as there are
        (Load(2, 8, queued=23), QUEUE, 3),
        (Load(2, 8, queued=200), QUEUE, 20),
        (Load(4, 16), QUEUE, 0),
        (Load(4, 16, busy=9), QUEUE, 3),  # nothing waits, but two could not compute what runs
        (Load(queued=11), QUEUE, 2),  # held by gateways, while nobody serves
        (Load(2, 8, first_token_p95_s=10.0), TIME, 4),
        (Load(2, 8, first_token_p95_s=5.4), TIME, 2),
        (Load(2, 8, first_token_p95_s=4.6), TIME, 2),
        (Load(4, 8, first_token_p95_s=1.0), TIME, 1),
        (Load(3, 8, busy=8, queued=100), TIME, 0),
        (Load(3, 8, busy=8, queued=100, first_token_p95_s=60.0), OFF, 0),
        (Load(2, 8, queued=50, first_token_p95_s=10.0), BOTH, 5),
        (Load(2, 8, queued=30, first_token_p95_s=10.0), BOTH, 4),
    ],
)
def test_the_table(load: Load, signals: SignalsSpec, asked: int) -> None:
    assert desired(load, signals, load.ready) == asked


@given(LOADS, SIGNALS)
def test_the_most_of_the_signals_counts(load: Load, signals: SignalsSpec) -> None:
    each = [desired(load, signals.model_copy(update={off: 0}), load.ready) for off in ("queue_depth", "response_time_seconds")]
    assert desired(load, signals, load.ready) == max(each)


@given(LOADS, SIGNALS, st.integers(0, 1000))
def test_more_load_never_asks_for_fewer(load: Load, signals: SignalsSpec, more: int) -> None:
    heavier = replace(load, queued=load.queued + more, first_token_p95_s=load.first_token_p95_s + more)
    assert desired(heavier, signals, load.ready) >= desired(load, signals, load.ready)


@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(1, 1000))
def test_within_the_bounds_and_never_none(asked: int, least: int, most: int) -> None:
    scaling = AutoscalingSpec(minReplicas=min(least, most), maxReplicas=most)
    assert max(1, scaling.min_replicas) <= within(asked, scaling) <= most


STEPS = st.lists(st.tuples(st.floats(0.125, 50, width=16), st.integers(0, 9)), min_size=1, max_size=40)


@given(STEPS, st.integers(0, 60))
def test_the_highest_of_a_window_is_what_all_of_its_history_says(steps: list[tuple[float, int]], window_s: int) -> None:
    highest, now_s, history = Highest(), 0.0, list[tuple[float, int]]()
    for passed_s, value in steps:
        now_s += passed_s
        highest.add(value, now_s)
        history.append((now_s, value))
        stood = [(v, history[i + 1][0] if i + 1 < len(history) else math.inf) for i, (_, v) in enumerate(history)]
        expected = max(v for v, until_s in stood if until_s > now_s - window_s)
        found, falls_s = highest.within(window_s, now_s)
        assert found == expected
        if falls_s:
            assert highest.within(window_s, now_s + falls_s + 1e-6)[0] < found
            break  # it has forgotten what was before
        assert expected == value, "it falls some time if it is not what is so now"


def scaling(cooldown_s: int = 300, signals: SignalsSpec = QUEUE) -> AutoscalingSpec:
    return AutoscalingSpec(minReplicas=1, maxReplicas=10, signals=signals, cooldownSeconds=cooldown_s)


def test_up_at_once_and_down_after_the_cooldown() -> None:
    asked = Recommendation(0, 0.0)
    assert asked.now(scaling(), 0.0) == (1, 0.0)
    asked.hear(Load(1, 1, 1, 45), scaling(), 1000.0)
    assert asked.now(scaling(), 1000.0) == (5, 0.0)
    assert asked.now(scaling(), 9000.0) == (5, 0.0), "nothing was heard since: so it still is"
    asked.hear(Load(5, 5, 2, 0), scaling(), 9000.0)
    assert asked.now(scaling(), 9000.0) == (5, 300.0)
    asked.hear(Load(5, 5, 3, 0), scaling(), 9100.0)
    assert asked.now(scaling(), 9100.0) == (5, 200.0)
    assert asked.now(scaling(), 9300.0) == (3, 0.0)
    asked.hear(Load(3, 3), scaling(), 9310.0)
    assert asked.now(scaling(cooldown_s=0), 9310.0) == (1, 0.0)


def test_bounds_count_at_once() -> None:
    asked = Recommendation(8, 0.0)
    assert asked.now(scaling(), 1.0) == (8, 0.0)
    assert asked.now(scaling().model_copy(update={"max_replicas": 3}), 1.0) == (3, 0.0)
    assert asked.now(scaling().model_copy(update={"min_replicas": 9}), 1.0) == (9, 0.0)


def test_a_response_time_is_not_held_against_replicas_that_were_not_there() -> None:
    """The percentile is of the last minute: with the new replicas multiplied by it, each pass would double them."""
    slow, scaled = replace(Load(1, 1), first_token_p95_s=20.0), scaling(0, TIME)
    asked = Recommendation(0, 0.0)
    asked.hear(slow, scaled, 100.0)
    assert asked.now(scaled, 100.0)[0] == 4
    asked.hear(replace(slow, ready=4), scaled, 110.0)
    assert asked.now(scaled, 110.0)[0] == 4
    asked.hear(replace(slow, ready=4), scaled, 110.0 + MEASURED_S)
    assert asked.now(scaled, 110.0 + MEASURED_S)[0] == 10, "four were too slow for all of the minute"
