"""Circuit breaker: keeps requests from an agent that fails. Pure; the caller passes the time.

Closed: requests pass; `failures` failures in a row open it. Open: no request passes for a backoff that doubles each time the breaker opens
again. Half-open: one trial request passes; its success closes the breaker, its failure opens it. Fed by `agents.Connection`.
"""

from __future__ import annotations

import enum

from echorator.backoff import Backoff


class State(enum.Enum):
    """The three states of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """The circuit breaker of one agent. Times are seconds on any monotonic clock."""

    __slots__ = ("_backoff", "_failures", "_in_a_row", "_opened", "_retry_s", "_trial", "state")

    def __init__(self, failures: int, open_s: float, most_s: float) -> None:
        self.state = State.CLOSED
        self._failures = failures
        self._backoff = Backoff(open_s, most_s)
        self._in_a_row = 0
        self._opened = 0  # how often it opened since the last success
        self._retry_s = 0.0
        self._trial = False  # HALF_OPEN: the trial request is under way

    def allows(self, now_s: float) -> bool:
        """Tell whether a request may be sent; moves from OPEN to HALF_OPEN once the backoff has passed."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN and now_s >= self._retry_s:
            self.state, self._trial = State.HALF_OPEN, False
        return self.state is State.HALF_OPEN and not self._trial

    def retry_s(self) -> float:
        """Return when an OPEN breaker lets the next request through; 0 in other states."""
        return self._retry_s if self.state is State.OPEN else 0.0

    def sent(self) -> None:
        """Record that an allowed request was sent; in HALF_OPEN it is the trial, and no other request passes."""
        if self.state is State.HALF_OPEN:
            self._trial = True

    def succeeded(self) -> None:
        """Record that a request was answered: become CLOSED and reset the backoff."""
        self._in_a_row = self._opened = 0
        self._trial = False
        self.state = State.CLOSED

    def failed(self, now_s: float) -> None:
        """Record a failed request: become OPEN from HALF_OPEN, or after too many failures in a row."""
        self._in_a_row += 1
        if self.state is State.OPEN:
            return
        if self.state is State.HALF_OPEN or self._in_a_row >= self._failures:
            self.open_now(now_s)

    def open_now(self, now_s: float) -> None:
        """Become OPEN without waiting for further failures, because the agent is known to be gone."""
        if self.state is not State.OPEN:
            self.state, self._trial = State.OPEN, False
            self._opened += 1
            self._retry_s = now_s + self._backoff.wait_s(self._opened)

    def gave_up(self) -> None:
        """End the trial without a verdict: its client went away, which says nothing about the agent."""
        self._trial = False
