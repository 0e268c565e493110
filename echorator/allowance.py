"""Bounds how many lines a log gets, so that nobody can fill a disk by what is logged about their calls or files. Pure."""

from __future__ import annotations


class Allowance:
    """A token bucket for log lines: `burst` at once, `per_s` in the long run. Pure but for the time, which is an argument."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at_s = burst, 0.0

    def take(self, now_s: float) -> bool:
        """Return whether one more line may be written now, and count it."""
        self._left = min(self._burst, self._left + self._per_s * max(0.0, now_s - self._at_s))
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
