"""Leaves an agent out that fails: closed, open, half-open. Pure; the caller says what time it is.

Closed: requests pass; `failures` in a row open it. Open: none passes for a while, longer each time it opens again. Half-open: one
request is let through; its success closes the breaker, its failure opens it.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Of one breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Of one agent. Times are seconds on any clock that only goes forward."""

    __slots__ = ("_failures", "_in_a_row", "_most_s", "_opened", "_retry_s", "_trial", "_wait_s", "state")

    def __init__(self, failures: int, open_s: float, most_s: float) -> None:
        self.state = State.CLOSED
        self._failures = failures
        self._wait_s = open_s
        self._most_s = most_s
        self._in_a_row = 0
        self._opened = 0  # times in a row, without a success between them
        self._retry_s = 0.0
        self._trial = False  # HALF_OPEN: one request is under way

    def allows(self, now_s: float) -> bool:
        """Whether a request may be sent. OPEN becomes HALF_OPEN once its time is over."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN and now_s >= self._retry_s:
            self.state, self._trial = State.HALF_OPEN, False
        return self.state is State.HALF_OPEN and not self._trial

    def retry_s(self) -> float:
        """When an OPEN one lets the next request through; 0 in other states."""
        return self._retry_s if self.state is State.OPEN else 0.0

    def sent(self) -> None:
        """A request that was allowed is under way."""
        if self.state is State.HALF_OPEN:
            self._trial = True

    def succeeded(self) -> None:
        """A request was answered: become CLOSED."""
        self._in_a_row = self._opened = 0
        self._trial = False
        self.state = State.CLOSED

    def failed(self, now_s: float) -> None:
        """A request was not: from HALF_OPEN, or with too many in a row, become OPEN."""
        self._in_a_row += 1
        if self.state is State.OPEN:
            return
        if self.state is State.HALF_OPEN or self._in_a_row >= self._failures:
            self.state, self._trial = State.OPEN, False
            self._retry_s = now_s + min(self._most_s, self._wait_s * 2.0**self._opened)
            self._opened += 1

    def gave_up(self) -> None:
        """A request ended without saying anything of the agent, as its client went away."""
        self._trial = False
