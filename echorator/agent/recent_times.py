"""How long something took lately: the 95th percentile of the last minute, at most so many of it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from echorator.model.autoscale import MEASURED_S

MOST = 512  # a percentile of more says nothing else


class RecentTimes:
    """`add`, then ask; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[tuple[float, float]] = deque(maxlen=MOST)  # when, how long

    def add(self, took_s: float) -> None:
        """One, just now."""
        self._times.append((self._clock(), took_s))

    def p95_s(self) -> float:
        """By the nearest rank; 0 where there was none."""
        since_s = self._clock() - MEASURED_S
        while self._times and self._times[0][0] < since_s:
            self._times.popleft()
        ordered = sorted(took_s for _, took_s in self._times)
        return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0
