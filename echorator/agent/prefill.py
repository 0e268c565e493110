"""Tells a client how much of its prompt has been computed, until the answer begins. Fed by `service`, which asks for each event here.

The engine says what its slots do when it is asked, and sends no events about it; so they are looked at while the first token is awaited.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from echorator._native.engine import Engine, Event
from echorator.agent.stream import Stream
from echorator.rpc.v1 import model_pb2 as pb

LOOK_EVERY_S = 0.1


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
