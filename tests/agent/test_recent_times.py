"""The 95th percentile of a minute: by the nearest rank, of what is recent, of a bounded number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.recent_times import MOST, RecentTimes
from echorator.model_resource.autoscale import MEASURED_S


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = Clock()
    times = RecentTimes(clock)
    assert times.p95_s() == 0.0
    times.add(9.0)
    clock.now_s += MEASURED_S / 2
    times.add(2.0)
    assert times.p95_s() == 9.0
    clock.now_s += MEASURED_S / 2 + 1
    assert times.p95_s() == 2.0
    clock.now_s += MEASURED_S
    assert times.p95_s() == 0.0


@pytest.mark.parametrize("most", [1, 19, 20, 21, 100])
def test_the_nearest_rank(most: int) -> None:
    times = RecentTimes()
    for took_s in range(1, most + 1):
        times.add(float(took_s))
    assert times.p95_s() == math.ceil(0.95 * most)


def test_of_many_the_last_count() -> None:
    times = RecentTimes()
    for took_s in (*[9.0] * MOST, *[1.0] * MOST):
        times.add(took_s)
    assert times.p95_s() == 1.0


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=3 * MOST))
def test_at_most_one_in_twenty_of_the_last_took_longer(all_of_them: list[float]) -> None:
    times = RecentTimes()
    for took_s in all_of_them:
        times.add(took_s)
    last = all_of_them[-MOST:]
    p95_s = times.p95_s()
    assert p95_s in last
    assert sum(took_s > p95_s for took_s in last) <= 0.05 * len(last)
