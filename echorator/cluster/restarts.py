"""Decides when a container that ended by itself is restarted: exponential backoff. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.backoff import Backoff

RETRY = Backoff(first_s=0.25, longest_s=30.0)
STABLE_S = 10.0  # a run that lasted this long resets the backoff


@dataclass(frozen=True)
class Restarts:
    """The restarts of a container: `count` in all, and `failures` in a row."""

    count: int = 0
    failures: int = 0
    next_s: float = 0.0  # the earliest time of the next start, on the caller's clock

    def after_failure(self, ran_s: float, now_s: float) -> Restarts:
        """Return the state after a failed run of `ran_s` seconds.

        The first restart is due at once, the next one after 0.25 s, then after twice as long each time, at most 30 s.
        """
        failures = 1 if ran_s >= STABLE_S else self.failures + 1
        return Restarts(self.count + 1, failures, now_s + RETRY.wait_s(failures - 1))
