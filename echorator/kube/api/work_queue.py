"""A queue of keys to reconcile: each key waits once, no two workers have the same key, and failures back off.

It has the metrics of controller-runtime's work queue. Fed by the informers of `models.world`; feeds the workers of `operator`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable

from echorator.backoff import Backoff
from echorator.kube.api.resources import Name
from echorator.telemetry import operator_metrics as metrics

RETRY = Backoff(first_s=0.005, longest_s=1000.0)


class WorkQueue:
    """A work queue of keys. `add` may be called anywhere on the event loop; a worker calls `get`, and `done` at the end."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._labels = name, name  # labels of the metrics: the queue's name and its controller's
        self._clock = clock
        self._ready: deque[Name] = deque()
        self._dirty: set[Name] = set()  # keys that wait, or were added again while a worker has them
        self._working: dict[Name, float] = {}  # when a worker took each key
        self._added: dict[Name, float] = {}
        self._later: list[tuple[float, int, Name]] = []
        self._due: dict[Name, float] = {}  # the earliest due time of each key; other entries of the heap are stale
        self._numbers = itertools.count()
        self._failures: dict[Name, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Name) -> None:
        """Queue a key for the next free worker; a key that waits already is not queued twice."""
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
        """Queue a key after `delay_s`, unless it is due earlier already."""
        due = self._clock() + delay_s
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._later, (due, next(self._numbers), key))
        self._changed.set()

    def retry(self, key: Name, at_least_s: float = 0.0) -> float:
        """Queue a failed key again with exponential backoff, after `at_least_s` or later; return the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay_s = max(at_least_s, RETRY.wait_s(failures))
        metrics.queue_retries.labels(*self._labels).inc()
        self.add_after(key, delay_s)
        return delay_s

    def failures(self, key: Name) -> int:
        """Return how often a key has failed in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Name) -> None:
        """Reset the backoff of a key that was reconciled without failure."""
        self._failures.pop(key, None)

    async def get(self) -> Name:
        """Wait for the next key and return it; no other worker gets it until `done`."""
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
        """Release a key; if it was added meanwhile, it is queued now."""
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
        """Return for how many seconds workers have had their current keys: the sum, and the longest."""
        now = self._clock()
        spans = [now - since for since in self._working.values()]
        return sum(spans), max(spans, default=0.0)
