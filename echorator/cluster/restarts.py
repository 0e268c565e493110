"""When a container that ended by itself is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 0.25
LONGEST_S = 30.0
STABLE_S = 10.0  # a run that lasted this long is not held against the next one


@dataclass(frozen=True)
class Restarts:
    """`count` in all, `failures` in a row."""

    count: int = 0
    failures: int = 0
    next_s: float = 0.0  # on the caller's clock: not before this

    def after_failure(self, ran_s: float, now_s: float) -> Restarts:
        """A run of `ran_s` seconds has failed: the next one at once, then after 0.25 s, and twice as long each time."""
        failures = 1 if ran_s >= STABLE_S else self.failures + 1
        wait_s = 0.0 if failures == 1 else min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 2, 16))
        return Restarts(self.count + 1, failures, now_s + wait_s)
