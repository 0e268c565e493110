"""Requests that wait for an agent: bounded, first come first served within a priority, each with its own deadline.

One buffer a model, one `Room` for all of them. An entry that was cancelled or has timed out stays in its queue as a husk until its
turn comes, and is counted out at once. Fed by `dispatcher`, which takes entries as slots become free; runs on one event loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Collection
from typing import Any

from echorator.errors import EchoratorError, QueueFullError

RETRY_AFTER_S = 1.0


class WaitTimeoutError(EchoratorError):
    """No agent could take the request in time."""

    retryable = True


class Room:
    """What all buffers of a gateway may hold together."""

    __slots__ = ("bytes", "most_bytes", "most_requests", "requests")

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self.most_requests = most_requests
        self.most_bytes = most_bytes
        self.requests = 0
        self.bytes = 0


class Waiting:
    """One request. Its future gets the agent, or an error."""

    __slots__ = ("future", "key", "priority", "queued", "since_s", "size", "without")

    def __init__(
        self, future: asyncio.Future[Any], key: int | None, priority: int, size: int, without: Collection[str], since_s: float
    ) -> None:
        self.future = future
        self.key = key
        self.priority = priority
        self.size = size
        self.without = without
        self.since_s = since_s
        self.queued = False


class RequestBuffer:
    """Of one model."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._queues: dict[int, deque[Waiting]] = {}
        self._priorities: list[int] = []  # of non-empty queues, the highest first
        self._deadlines: list[tuple[float, int, Waiting]] = []
        self._numbers = itertools.count()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, waiting: Waiting, deadline_s: float, first: bool = False) -> None:
        """Queue it; `first` before all others of its priority, for one that an agent gave back.

        Raises:
            QueueFullError: there is no room; what is given back is always taken.
        """
        room = self._room
        if not first and (room.requests >= room.most_requests or room.bytes + waiting.size > room.most_bytes):
            raise QueueFullError(
                f"{room.requests} requests ({room.bytes >> 10} KiB) wait already, as many as this gateway holds; try again later",
                RETRY_AFTER_S,
            )
        queue = self._queues.get(waiting.priority)
        if queue is None:
            queue = self._queues[waiting.priority] = deque()
            self._priorities = sorted(self._queues, reverse=True)
        if first:
            queue.appendleft(waiting)
        else:
            queue.append(waiting)
        heapq.heappush(self._deadlines, (deadline_s, next(self._numbers), waiting))
        room.requests += 1
        room.bytes += waiting.size
        self._waiting += 1
        waiting.queued = True

    def give(self, waiting: Waiting, agent: object) -> None:
        """Its turn has come."""
        self.leave(waiting)
        waiting.future.set_result(agent)

    def leave(self, waiting: Waiting) -> None:
        """It waits no more, whatever the reason; a second time is nothing."""
        if waiting.queued:
            waiting.queued = False
            self._room.requests -= 1
            self._room.bytes -= waiting.size
            self._waiting -= 1

    def peek(self, most: int) -> list[Waiting]:
        """The next ones in order, at most `most`, husks swept away; they stay queued until `give` or `leave`."""
        found: list[Waiting] = []
        for priority in self._priorities:
            queue = self._queues[priority]
            while queue and not queue[0].queued:
                queue.popleft()
            for waiting in queue:
                if len(found) == most:
                    return found
                if waiting.queued:
                    found.append(waiting)
            if len(found) == most:
                break
        for priority in [p for p in self._priorities if not self._queues[p]]:
            del self._queues[priority]
            self._priorities.remove(priority)
        return found

    def expire(self, now_s: float) -> float:
        """Fail what has waited too long with WaitTimeoutError; returns when the next one is due, infinite for none."""
        heap = self._deadlines
        while heap and (not heap[0][2].queued or heap[0][0] <= now_s):
            _, _, waiting = heapq.heappop(heap)
            if waiting.queued:
                self.leave(waiting)
                waiting.future.set_exception(WaitTimeoutError(f"no agent could take the request within {now_s - waiting.since_s:.1f} s"))
        return heap[0][0] if heap else float("inf")
