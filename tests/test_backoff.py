"""The waits between attempts: they double, they are bounded, and no number of failures breaks them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.mesh.placed_models import retry_after_s
from echorator.backoff import Backoff
from echorator.errors import ErrorClass
from echorator.gateway.balancing.circuit_breaker import CircuitBreaker

seconds = st.floats(0.001, 1e6)
backoffs = st.builds(
    lambda first, longest, low, more: Backoff(first, longest, (low, low + more)), seconds, seconds, *[st.floats(0.0, 2.0)] * 2
)
failures = st.integers(1, 1 << 20)
chances = st.floats(0.0, 1.0, exclude_max=True)


def test_the_series() -> None:
    backoff = Backoff(0.5, 3.0, (0.5, 1.5))
    assert [backoff.wait_s(n) for n in range(6)] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert [backoff.jittered_s(2, chance) for chance in (0.0, 0.25, 0.5)] == [0.5, 0.75, 1.0]


@given(backoffs, failures)
def test_a_wait_doubles_until_the_longest(backoff: Backoff, n: int) -> None:
    wait_s, next_s = backoff.wait_s(n), backoff.wait_s(n + 1)
    assert wait_s <= backoff.longest_s
    assert next_s == min(backoff.longest_s, 2 * wait_s)


@given(backoffs)
def test_the_first_wait_follows_the_first_failure(backoff: Backoff) -> None:
    assert backoff.wait_s(1) == min(backoff.first_s, backoff.longest_s)
    assert backoff.wait_s(0) == 0.0


@given(backoffs, failures, chances)
def test_jitter_stays_within_its_bounds(backoff: Backoff, n: int, chance: float) -> None:
    wait_s, jittered_s = backoff.wait_s(n), backoff.jittered_s(n, chance)
    low, high = (factor * wait_s for factor in backoff.jitter)
    assert low <= jittered_s <= high or math.isclose(jittered_s, low) or math.isclose(jittered_s, high)


@given(seconds, seconds, failures, chances)
def test_without_jitter_chance_has_no_effect(first_s: float, longest_s: float, n: int, chance: float) -> None:
    backoff = Backoff(first_s, longest_s)
    assert backoff.jittered_s(n, chance) == backoff.wait_s(n)


@given(backoffs, failures, st.tuples(chances, chances))
def test_a_larger_number_waits_no_less(backoff: Backoff, n: int, pair: tuple[float, float]) -> None:
    low, high = (backoff.jittered_s(n, chance) for chance in sorted(pair))
    assert low <= high or math.isclose(low, high)


@pytest.mark.parametrize("times", [1023, 1024, 1025, 100_000])
def test_what_fails_for_days_is_still_tried_again(times: int) -> None:
    """2.0**1024 is an OverflowError, and at a minute each an agent's retries come to that after 17 hours."""
    assert retry_after_s(ErrorClass.SYSTEM, times) <= 75.0
    breaker = CircuitBreaker(1, 1.0, 30.0)
    now_s = 0.0
    for _ in range(min(times, 2000) + 1):
        breaker.failed(now_s)
        assert breaker.retry_s() <= now_s + 30.0
        now_s = breaker.retry_s()
        assert breaker.allows(now_s)
