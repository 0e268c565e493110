"""Measures how long something took lately: the 95th percentile of the last minute."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from echorator.model_resource.autoscale import MEASURED_S

MOST = 512  # samples kept; a percentile of more would hardly differ


class RecentTimes:
    """Durations of the last minute, MOST of them at most; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[tuple[float, float]] = deque(maxlen=MOST)  # (time of the sample, duration in seconds)

    def add(self, took_s: float) -> None:
        """Record a duration that has just ended, in seconds."""
        self._times.append((self._clock(), took_s))

    def p95_s(self) -> float:
        """Return the 95th percentile in seconds by the nearest-rank method; 0 without samples."""
        since_s = self._clock() - MEASURED_S
        while self._times and self._times[0][0] < since_s:
            self._times.popleft()
        ordered = sorted(took_s for _, took_s in self._times)
        return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0
