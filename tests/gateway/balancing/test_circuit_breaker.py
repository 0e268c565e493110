"""Closed, open, half-open, as a table and for any order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.circuit_breaker import CircuitBreaker, State


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker(3, 1.0, 30.0)
    for _ in range(3):
        breaker.failed(10.0)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = CircuitBreaker(3, 1.0, 30.0)
    breaker.failed(0.0)
    breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    breaker.failed(0.0)
    assert breaker.state is State.CLOSED
    assert opened().state is State.OPEN
    assert not opened().allows(10.9)


def test_one_request_is_let_through_when_its_time_is_over() -> None:
    breaker = opened()
    assert breaker.allows(11.0)
    assert breaker.state is State.HALF_OPEN
    breaker.sent()
    assert not breaker.allows(11.0)
    breaker.succeeded()
    assert all(breaker.allows(11.0) for _ in range(3))


def test_each_time_it_opens_it_stays_open_twice_as_long() -> None:
    breaker, now_s, waits = opened(), 10.0, []
    for _ in range(7):
        waits.append(breaker.retry_s() - now_s)
        now_s = breaker.retry_s()
        assert breaker.allows(now_s)
        breaker.sent()
        breaker.failed(now_s)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_trial_whose_client_went_away_says_nothing() -> None:
    breaker = opened()
    assert breaker.allows(11.0)
    breaker.sent()
    breaker.gave_up()
    assert breaker.allows(11.0)


@given(st.lists(st.sampled_from(("sent", "succeeded", "failed", "wait"))))
def test_any_order(events: list[str]) -> None:
    breaker, now_s, trials = CircuitBreaker(2, 1.0, 8.0), 0.0, 0
    for event in events:
        if event == "wait":
            now_s += 1.0
        elif event == "sent":
            if breaker.allows(now_s):
                trials = trials + 1 if breaker.state is State.HALF_OPEN else 0
                breaker.sent()
                assert trials <= 1, "two trials at once"
        elif event == "succeeded":
            breaker.succeeded()
            trials = 0
            assert breaker.allows(now_s)
        else:
            breaker.failed(now_s)
            trials = 0
        assert breaker.state is not State.OPEN or breaker.retry_s() <= now_s + 8.0
