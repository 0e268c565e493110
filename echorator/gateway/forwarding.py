"""Carries a call to an agent and its answer back, as bytes.

An attempt that ends before its first message because the agent is gone or full goes to another agent; the client sees nothing of it.
After the first message nothing can be repeated: the client gets UNAVAILABLE with how much it has got. Fed by `passthrough` and `http`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc import aio

from echorator.errors import EchoratorError, QueueFullError
from echorator.gateway.agents import Attempt, Place
from echorator.gateway.dispatcher import Dispatcher, NoAgentError
from echorator.gateway.pool import Pool
from echorator.gateway.request_keys import Destination
from echorator.gateway.settings import GatewaySettings
from echorator.serving import headers
from echorator.serving.calls import DeadlineError
from echorator.serving.statuses import DETAILS, PUSHBACK
from echorator.telemetry import gateway_metrics as metrics

EOF = aio.EOF


class StatusError(EchoratorError):
    """An agent ended the call with a status of its own, which is the client's."""

    def __init__(self, error: aio.AioRpcError) -> None:
        super().__init__(error.details() or "")
        self.code = error.code()
        self.trailers = tuple((key, value) for key, value in error.trailing_metadata() or () if key in (DETAILS, PUSHBACK))


class AgentLostError(EchoratorError):
    """The agent went away in the middle of its answer."""

    retryable = True


@dataclass(slots=True)
class Call:
    """One call of a client. `trailers` is filled as the answer ends."""

    path: str  # /package.Service/Method
    body: bytes
    to: Destination
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    deadline_s: float = 0.0  # on CLOCK_MONOTONIC; 0 for none
    slot: bool = True  # False: it takes none at an agent
    trailers: tuple[tuple[str, str | bytes], ...] = field(default=())


class Forwarding:
    """`stream` and `unary` raise StatusError, AgentLostError, DeadlineError and what `Dispatcher.take` raises."""

    def __init__(self, dispatcher: Dispatcher, settings: GatewaySettings, gateway_id: str, synced: asyncio.Event) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._tag = ((headers.GATEWAY, gateway_id),)
        self._synced = synced

    async def _sync(self, call: Call) -> None:
        """Wait until the mesh is known. Raises NoAgentError."""
        wait_s = self._remaining_s(call)
        try:
            async with asyncio.timeout(wait_s):
                await self._synced.wait()
        except TimeoutError:
            raise NoAgentError(f"the controller has not answered for {wait_s:.1f} s, so no agent is known yet") from None

    def _remaining_s(self, call: Call) -> float:
        """For waiting; at most what the deadline leaves."""
        if not call.deadline_s:
            return self._settings.wait_s
        left_s = call.deadline_s - time.monotonic()
        if left_s <= 0.0:
            raise DeadlineError("the deadline passed before an agent could take the request")
        return min(self._settings.wait_s, left_s)

    async def _place(self, call: Call, pool: Pool, failed: list[str]) -> Place:
        """Where the next attempt goes; its slot is taken."""
        try:
            if not call.slot:
                place = await self._dispatcher.any_agent(pool, self._remaining_s(call), failed)
                place.light += 1
                return place
            now = self._dispatcher.take_now(pool, call.to.key, failed)
            if now is not None:
                return now
            to, wait_s = call.to, self._remaining_s(call)
            return await self._dispatcher.take(pool, to.key, to.priority, len(call.body), wait_s, failed, again=bool(failed))
        except QueueFullError:
            metrics.shed.inc()
            raise
        except EchoratorError as error:
            if call.deadline_s and error.retryable and time.monotonic() >= call.deadline_s:
                raise DeadlineError(f"the deadline passed while the request waited: {error}") from error
            raise

    def _leave(self, call: Call, pool: Pool, place: Place) -> None:
        if call.slot:
            self._dispatcher.give_back(pool, place, call.to.key)
        else:
            place.light -= 1

    def _begin(self, call: Call, place: Place, attempt: Attempt, streams: bool) -> Any:
        timeout_s = max(0.001, call.deadline_s - time.monotonic()) if call.deadline_s else None
        metadata = call.metadata + self._tag if call.slot else call.metadata
        made = place.connection.call(call.path, streams)(call.body, timeout=timeout_s, metadata=metadata)
        attempt.call = made
        place.connection.attempts.add(attempt)
        return made

    async def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        """The messages of a streaming call."""
        if not self._synced.is_set():
            await self._sync(call)
        pool = self._dispatcher.find(call.to.model)
        failed: list[str] = []
        while True:
            place = await self._place(call, pool, failed)
            attempt, sent = Attempt(), 0
            try:
                made = self._begin(call, place, attempt, True)
                while True:
                    message = await made.read()
                    if message is EOF:
                        break
                    if not sent:
                        attempt.answered = True
                        place.connection.succeeded()
                    sent += 1
                    yield message
                call.trailers = tuple(await made.trailing_metadata() or ())
            except (aio.AioRpcError, asyncio.CancelledError) as error:
                self._judge(pool, place, attempt, error, sent, failed)
                continue
            else:
                place.connection.succeeded()
                return
            finally:
                self._end(call, pool, place, attempt)

    async def unary(self, call: Call) -> bytes:
        """The answer of a unary call."""
        if not self._synced.is_set():
            await self._sync(call)
        pool = self._dispatcher.find(call.to.model)
        failed: list[str] = []
        while True:
            place = await self._place(call, pool, failed)
            attempt = Attempt()
            try:
                made = self._begin(call, place, attempt, False)
                reply: bytes = await made
            except (aio.AioRpcError, asyncio.CancelledError) as error:
                self._judge(pool, place, attempt, error, 0, failed)
            else:
                place.connection.succeeded()
                return reply
            finally:
                self._end(call, pool, place, attempt)

    def _end(self, call: Call, pool: Pool, place: Place, attempt: Attempt) -> None:
        place.connection.attempts.discard(attempt)
        if attempt.call is not None and not attempt.call.done():
            attempt.call.cancel()
            place.connection.breaker.gave_up()
        self._leave(call, pool, place)

    def _judge(self, pool: Pool, place: Place, attempt: Attempt, error: BaseException, sent: int, failed: list[str]) -> None:
        """After a failed attempt: returns where another one may follow, and raises what the client is told otherwise."""
        if isinstance(error, asyncio.CancelledError):
            if not attempt.lost:
                raise error
            broken = True
        else:
            assert isinstance(error, aio.AioRpcError)
            code = error.code()
            broken = code is grpc.StatusCode.UNAVAILABLE or (code is grpc.StatusCode.CANCELLED and attempt.lost)
            full = code is grpc.StatusCode.RESOURCE_EXHAUSTED and any(key == PUSHBACK for key, _ in error.trailing_metadata() or ())
            if not broken and not full:
                place.connection.succeeded()  # it answered, if with an error
                raise StatusError(error) from error
        if broken and not _draining(error):
            place.connection.failed()
        if sent:
            raise AgentLostError(
                f"the agent {place.name} was lost after {sent} messages; what they carried is all there is, send the request again"
            ) from error
        if len(failed) >= self._settings.retries:
            if isinstance(error, aio.AioRpcError):
                raise StatusError(error) from error
            raise AgentLostError(f"{len(failed) + 1} agents were lost before they answered; try again") from error
        failed.append(place.name)
        metrics.retries.labels(pool.name).inc()


def _draining(error: BaseException) -> bool:
    """It said itself that it takes nothing new, so it is not broken."""
    return isinstance(error, aio.AioRpcError) and any(key == DETAILS for key, _ in error.trailing_metadata() or ())
