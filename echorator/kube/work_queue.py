"""Keys that wait to be reconciled: each once, never two workers at one key, failures later and later. With controller-runtime's metrics."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable

from echorator.kube.resources import Name
from echorator.telemetry import operator_metrics as metrics

FIRST_RETRY_S, LONGEST_RETRY_S = 0.005, 1000.0


class WorkQueue:
    """`add` from anywhere on the event loop; a worker takes with `get` and ends with `done`."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._labels = name, name  # of the queue, and of its controller
        self._clock = clock
        self._ready: deque[Name] = deque()
        self._dirty: set[Name] = set()  # waiting, or asked for again while being worked on
        self._working: dict[Name, float] = {}  # since when
        self._added: dict[Name, float] = {}
        self._later: list[tuple[float, int, Name]] = []
        self._due: dict[Name, float] = {}  # the earliest time that counts, by key
        self._numbers = itertools.count()
        self._failures: dict[Name, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Name) -> None:
        """As soon as there is a worker; once, however often it is added before."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        self._added[key] = self._clock()
        metrics.queue_adds.labels(*self._labels).inc()
        if key not in self._working:
            self._ready.append(key)
            self._note()
        self._changed.set()

    def add_after(self, key: Name, delay_s: float) -> None:
        """Not before; an earlier time that was asked for stands."""
        due = self._clock() + delay_s
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._later, (due, next(self._numbers), key))
        self._changed.set()

    def retry(self, key: Name, at_least_s: float = 0.0) -> float:
        """It failed: again after a while, twice as long each time. Returns after how long."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay_s = max(at_least_s, min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 60)))
        metrics.queue_retries.labels(*self._labels).inc()
        self.add_after(key, delay_s)
        return delay_s

    def failures(self, key: Name) -> int:
        """In a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Name) -> None:
        """It went well: the next failure is the first."""
        self._failures.pop(key, None)

    async def get(self) -> Name:
        """The next key; it is the caller's until `done`."""
        while True:
            self._mature()
            if self._ready:
                key = self._ready.popleft()
                self._dirty.discard(key)
                self._working[key] = self._clock()
                metrics.queue_wait_s.labels(*self._labels).observe(self._clock() - self._added.pop(key, self._clock()))
                self._note()
                return key
            self._changed.clear()
            wait_s = self._later[0][0] - self._clock() if self._later else None
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Name) -> None:
        """Whoever asked for it meanwhile gets it now."""
        metrics.queue_work_s.labels(*self._labels).observe(self._clock() - self._working.pop(key))
        if key in self._dirty:
            self._ready.append(key)
        self._note()
        self._changed.set()

    def _mature(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    def _note(self) -> None:
        metrics.queue_depth.labels(*self._labels).set(len(self._ready))

    def unfinished_s(self) -> tuple[float, float]:
        """Of the keys being worked on: how long together, and the longest."""
        now = self._clock()
        spans = [now - since for since in self._working.values()]
        return sum(spans), max(spans, default=0.0)
