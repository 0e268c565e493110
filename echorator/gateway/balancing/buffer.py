"""Requests that wait for an agent: bounded, each with its own deadline, served in the order of `fair_queue`.

There is one buffer a model, and one `Room` that bounds all buffers together. An entry that was cancelled or has timed out stops counting
at once; it is removed from its queue when it is popped, or by compaction. Fed by `dispatcher`, which takes entries as slots become free;
runs on one event loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Any

from echorator.errors import EchoratorError, QueueFullError
from echorator.gateway.balancing.fair_queue import FairQueue, Flow

RETRY_AFTER_S = 1.0
ADDRESS_SHARE = 3  # an address may hold this many times the free room, a connection once the free room
COMPACT = 1024  # dead entries are removed once there are more than this many, and more of them than live ones


class WaitTimeoutError(EchoratorError):
    """A request waited for its whole time without getting a slot."""

    retryable = True


class Room:
    """The bound on what all buffers of a gateway hold together, in requests and bytes.

    One client may hold at most as much as it leaves free: half of the room where it is alone, a third each where there are two clients. So
    the next client finds a place ("Dynamic Queue Length Thresholds", Choudhury, Hahne 1998). A client is a connection; all connections of
    one address together may hold `ADDRESS_SHARE` times what is left free.
    """

    __slots__ = ("_held", "bytes", "most_bytes", "most_requests", "requests")

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self.most_requests = most_requests
        self.most_bytes = most_bytes
        self.requests = 0
        self.bytes = 0
        self._held: dict[str, tuple[int, int]] = {}  # requests and bytes, by address and by connection; never 0 requests

    def check(self, flow: Flow, size: int) -> None:
        """Raise QueueFullError where one more request of `size` bytes exceeds the room or the client's share of it."""
        if self.requests >= self.most_requests or self.bytes + size > self.most_bytes:
            raise QueueFullError(
                f"{self.requests} requests ({self.bytes >> 10} KiB) wait already, as many as this gateway holds; try again later",
                RETRY_AFTER_S,
            )
        free, free_bytes = self.most_requests - self.requests, self.most_bytes - self.bytes
        for name, share in (("@" + flow.address, ADDRESS_SHARE), (flow.connection, 1)):
            requests, held_bytes = self._held.get(name, (0, 0))
            if requests and (requests >= share * free or held_bytes + size > share * free_bytes):
                raise QueueFullError(
                    f"{requests} requests ({held_bytes >> 10} KiB) of this client wait already, its share of what this gateway holds; "
                    "try again later",
                    RETRY_AFTER_S,
                )

    def enter(self, flow: Flow, size: int) -> None:
        """Count one more waiting request of `size` bytes, without checking the bounds."""
        self.requests += 1
        self.bytes += size
        for name in ("@" + flow.address, flow.connection):
            requests, held_bytes = self._held.get(name, (0, 0))
            self._held[name] = requests + 1, held_bytes + size

    def leave(self, flow: Flow, size: int) -> None:
        """Count one waiting request of `size` bytes out again."""
        self.requests -= 1
        self.bytes -= size
        for name in ("@" + flow.address, flow.connection):
            requests, held_bytes = self._held[name]
            if requests == 1:
                del self._held[name]
            else:
                self._held[name] = requests - 1, held_bytes - size


class Waiting:
    """A request in a buffer. Its future resolves to the agent, or to an error."""

    __slots__ = ("flow", "future", "key", "priority", "queued", "since_s", "size", "without")

    def __init__(
        self,
        future: asyncio.Future[Any],
        key: int | None,
        priority: int,
        size: int,
        without: Collection[str],
        since_s: float,
        flow: Flow = Flow(),  # noqa: B008 - it is immutable
    ) -> None:
        self.future = future
        self.key = key
        self.priority = priority
        self.size = size
        self.without = without
        self.since_s = since_s
        self.flow = flow
        self.queued = False


class RequestBuffer:
    """The waiting requests of one model, with their deadlines."""

    def __init__(self, room: Room, overdue_s: float) -> None:
        """Create an empty buffer that counts into `room`; `overdue_s` is explained in `fair_queue`."""
        self._room = room
        self._queue: FairQueue[Waiting] = FairQueue(overdue_s)
        self._deadlines: list[tuple[float, int, Waiting]] = []
        self._numbers = itertools.count()
        self._waiting = 0
        self._gone = 0  # upper bound of the dead entries that the queue and the deadlines still contain

    def __len__(self) -> int:
        return self._waiting

    def add(self, waiting: Waiting, deadline_s: float, first: bool = False) -> None:
        """Queue a request.

        Args:
            waiting: the request.
            deadline_s: when `expire` fails it.
            first: before all others of its priority, for a request that an agent gave back.

        Raises:
            QueueFullError: there is no room; never for `first`.
        """
        if not first:
            self._room.check(waiting.flow, waiting.size)
        self._queue.push(waiting, first)
        heapq.heappush(self._deadlines, (deadline_s, next(self._numbers), waiting))
        self._room.enter(waiting.flow, waiting.size)
        self._waiting += 1
        waiting.queued = True

    def give(self, waiting: Waiting, agent: object) -> None:
        """Resolve the request's future with the agent, and count the request out."""
        self.leave(waiting)
        waiting.future.set_result(agent)

    def leave(self, waiting: Waiting) -> None:
        """Count a request out, whatever the reason; has no effect the second time."""
        if waiting.queued:
            waiting.queued = False
            self._room.leave(waiting.flow, waiting.size)
            self._waiting -= 1
            self._gone += 1
            if self._gone > COMPACT and self._gone > self._waiting:
                self._gone = 0
                self._queue.compact()
                self._deadlines = [entry for entry in self._deadlines if entry[2].queued]
                heapq.heapify(self._deadlines)

    def take(self, most: int, now_s: float) -> list[Waiting]:
        """Pop at most `most` requests in the order of service; the caller must `give`, `leave` or `put_back` each of them."""
        found: list[Waiting] = []
        while len(found) < most and (waiting := self._queue.pop(now_s)) is not None:
            if waiting.future.done():  # the client has cancelled, and its coroutine has not run yet to leave
                self.leave(waiting)
            else:
                found.append(waiting)
        return found

    def put_back(self, taken: Iterable[Waiting]) -> None:
        """Queue requests from `take` that got no agent again, in their order and before all others of their priority."""
        for waiting in reversed(list(taken)):
            self._queue.push(waiting, first=True)

    def fail_all(self, error: Callable[[], EchoratorError]) -> int:
        """Fail every waiting request with an error of its own; return how many there were."""
        failed = list(self._queue)
        for waiting in failed:
            self._fail(waiting, error())
        return len(failed)

    def _fail(self, waiting: Waiting, error: EchoratorError) -> None:
        self.leave(waiting)
        if not waiting.future.done():
            waiting.future.set_exception(error)

    def expire(self, now_s: float) -> float:
        """Fail requests past their deadline with WaitTimeoutError; return the next deadline, infinite where nothing waits."""
        while self._deadlines and (not self._deadlines[0][2].queued or self._deadlines[0][0] <= now_s):
            _, _, waiting = heapq.heappop(self._deadlines)
            if waiting.queued:
                self._fail(waiting, WaitTimeoutError(f"no agent could take the request within {now_s - waiting.since_s:.1f} s"))
        return self._deadlines[0][0] if self._deadlines else float("inf")
