"""The events of one request, between the pump that receives them from the engine and the call that sends them on.

The pump runs once per engine step for all streams, so this is the hot path: no queue and no object per token. All pending
events are taken at once, so a client that reads slowly gets fewer and longer messages.

`Prefill` stands before the stream of a client that wants to know how much of its prompt is computed. The engine says what its slots do when
it is asked, and sends no events about it; so they are looked at while the first token is awaited.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable
from typing import Any

from echorator._native.engine import Engine, Event
from echorator.rpc.v1 import model_pb2 as pb

LOOK_EVERY_S = 0.1  # at the slots, while a prompt is computed


def merged(events: list[Event]) -> Event:
    """Merge several events of one request: texts, tokens and logprobs are joined, the rest is the last event's."""
    last = events[-1]
    return last._replace(
        text="".join([e.text for e in events]),
        tokens=[t for e in events for t in e.tokens],
        logprobs=[position for e in events for position in e.logprobs],
        prompt_logprobs=[position for e in events for position in e.prompt_logprobs],
    )


class Stream:
    """The events of one request, for one reader. `finished` is true once the last event has arrived."""

    __slots__ = ("_events", "_loop", "_waiter", "finished", "reports", "request")

    def __init__(self, request: int, loop: AbstractEventLoop, reports: bool = False) -> None:
        """Begin without events; `reports`: the client wants to know how much of its prompt is computed."""
        self.request = request
        self.reports = reports
        self.finished = False
        self._events: list[Event] = []
        self._loop = loop
        self._waiter: Future[None] | None = None

    def push(self, event: Event) -> None:
        """Append an event and wake the reader; called by the pump, on the event loop."""
        self._events.append(event)
        if event.finish:
            self.finished = True
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def next(self) -> Event:
        """Wait until events are pending and return all of them as one; after an event with a `finish` there is no further one."""
        if not self._events:
            self._waiter = waiter = self._loop.create_future()
            await waiter
        events = self._events
        if len(events) == 1:
            return events.pop()
        self._events = []
        return merged(events)


class Prefill:
    """The progress of one request's prompt."""

    def __init__(
        self,
        engine: Engine,
        stream: Stream,
        reply: type[pb.ChatResponse] | type[pb.GenerateResponse],
        write: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Begin with a request that is queued; `write` sends a message of the kind `reply` to the client."""
        self._engine = engine
        self._stream = stream
        self._reply = reply
        self._write = write
        self._begun_s = time.monotonic()
        self._told = pb.Progress()
        self._over = False

    async def next(self) -> Event:
        """Return the next event of the stream; before that, write the progress whenever it has changed, and at its end."""
        if self._over:
            return await self._stream.next()
        awaited = asyncio.ensure_future(self._stream.next())
        try:
            while not awaited.done():
                await self._tell(self._now())
                await asyncio.wait((awaited,), timeout=LOOK_EVERY_S)
            event = awaited.result()
        finally:
            awaited.cancel()
        if event.tokens or event.finish in ("stop", "length"):
            self._over = True
            known = self._of(event) if event.finish else self._now()
            known.computed_tokens = known.prompt_tokens
            await self._tell(known)
        return event

    def _now(self) -> pb.Progress:
        """Return what the request's slot says; what was told last where it has none."""
        for row in self._engine.slots_state():
            if row["request"] == self._stream.request:
                total = int(row["prompt_tokens"])
                computed = min(int(row["computed_tokens"]), total)
                return pb.Progress(prompt_tokens=total, cached_tokens=int(row["cached_tokens"]), computed_tokens=computed)
        known = pb.Progress()
        known.CopyFrom(self._told)
        return known

    @staticmethod
    def _of(event: Event) -> pb.Progress:
        return pb.Progress(prompt_tokens=event.prompt_tokens, cached_tokens=event.cached_tokens)

    async def _tell(self, known: pb.Progress) -> None:
        if known != self._told:
            self._told = known
            await self._write(self._reply(progress=_timed(known, time.monotonic() - self._begun_s)))


def _timed(known: pb.Progress, elapsed_s: float) -> pb.Progress:
    made = pb.Progress(elapsed_s=elapsed_s)
    made.MergeFrom(known)
    return made
