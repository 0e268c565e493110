"""Streams the events of an answer, in whatever form its API has.

A stream's headers are sent within `HEADERS_WITHIN_S`, though the request may wait much longer for an agent; pings follow until the first
token, so that no proxy takes the connection for dead. An error before the headers gets an HTTP status of its own, a later error becomes an
event. Fed by the handlers of each API with the messages of agents, and with what writes the events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Protocol, TypeVar

import grpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from echorator.errors import EchoratorError, EngineError
from echorator.gateway.http.failures import FAILED
from echorator.gateway.http.forms import Form
from echorator.gateway.http.generating.paths import in_clients_words
from echorator.gateway.http.generating.segments import Kind, Segments
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.life import Life

Reply = pb.ChatResponse | pb.GenerateResponse
Replies = AsyncGenerator[tuple[int, Reply], None]  # each message with the index of its answer
EVENT_STREAM = {"cache-control": "no-cache", "x-accel-buffering": "no"}
HEADERS_WITHIN_S = 0.75  # longest wait for the first message before a stream's headers are sent
PING_S = 5.0  # between two pings while the first message is awaited
COMMENT = b": waiting for the first token\n\n"


class Events(Protocol):
    """Writes the server-sent events of one request in the form of its API; each method returns any number of whole events."""

    @property
    def ping(self) -> bytes:
        """The event, or the comment, that says nothing but that the request still waits."""
        ...

    def opening(self) -> bytes:
        """Return the events before the first message of the answer."""
        ...

    def message(self, index: int, reply: Reply) -> bytes:
        """Return the events of one message of the answer with this index."""
        ...

    def end(self) -> bytes:
        """Return the events after the last message of all answers."""
        ...

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the events that end the stream for an error, given in the form of the API."""
        ...


def event(name: str, data: dict[str, Any]) -> bytes:
    """Return one server-sent event with its name and its JSON; without a name where that is ""."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


class _EventResponse(StreamingResponse):
    """A streaming response that cancels the work behind it at its end: a client may leave even before the first event was produced."""

    def __init__(self, streamed: Streamed, events: AsyncGenerator[bytes, None], first: asyncio.Future[Any], replies: Replies) -> None:
        super().__init__(events, media_type="text/event-stream", headers=EVENT_STREAM)
        self._streamed = streamed
        self._generator = events
        self._first = first
        self._replies = replies
        self._life = streamed.life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with suppress(ClientDisconnect):
                # Not starlette's own way: the exceptions of its cancel scope refer to each other, until a garbage collection.
                await unless_gone(Request(scope, receive), self.stream_response(send))
        finally:
            if not self._streamed.over:  # the client has left, which starlette does not report, or the server ends
                self._life.fail(asyncio.CancelledError())
            await self._generator.aclose()
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
            await self._replies.aclose()
            self._life.end()


class Streamed:
    """The producer of the server-sent events of one request."""

    def __init__(self, events: Events, form: Form, life: Life, code_of: Callable[[EchoratorError], grpc.StatusCode]) -> None:
        """Create a producer.

        Args:
            events: writes the events.
            form: the form of the API's errors.
            life: the call's life, which ends with the response.
            code_of: maps an error to its gRPC status code.
        """
        self._events = events
        self._form = form
        self.life = life
        self.over = False  # all events were produced
        self._code_of = code_of
        self._told: Callable[[EchoratorError], EchoratorError] = lambda error: error  # in the client's words

    async def response(self, request: Request, replies: Replies) -> Response:
        """Return the streaming response, which ends the call's life. Raises ClientDisconnect, and early exceptions of `replies`."""
        paths, renamed = getattr(request.state, "paths", None), getattr(request.state, "renamed", {})
        self._told = lambda error: in_clients_words(error, paths, renamed, self._form.dotted)
        first = asyncio.ensure_future(anext(replies, None))
        try:
            await unless_gone(request, _within(first, HEADERS_WITHIN_S))
        except BaseException:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await replies.aclose()
            raise
        return _EventResponse(self, self._produced(first, replies), first, replies)

    async def _produced(self, first: asyncio.Future[tuple[int, Reply] | None], replies: Replies) -> AsyncGenerator[bytes, None]:
        try:
            if opening := self._events.opening():
                yield opening
            while not first.done():
                yield self._events.ping
                await asyncio.wait((first,), timeout=PING_S)
            item = await first
            self._begun(item)
            while item is not None:
                if made := self._events.message(*item):
                    yield made
                item = await anext(replies, None)
            yield self._events.end()
        except EchoratorError as error:
            self.life.fail(error)
            yield self._events.failure(self._form.body_of(self._told(error), self._code_of(error)))
        except Exception as error:  # noqa: BLE001 the status was sent already, so only an event can tell the client
            self.life.fail(error)
            yield self._events.failure(self._form.refusal_of(500, FAILED, "internal"))
        self.over = True

    def _begun(self, item: tuple[int, Reply] | None) -> None:
        if item is None:
            raise EngineError("the agent ended its answer before the first word")


async def _within(future: asyncio.Future[Any], delay_s: float) -> None:
    """Wait at most `delay_s` for the future; raises its exception if it has failed by then."""
    await asyncio.wait((future,), timeout=delay_s)
    if future.done():
        future.result()


async def divided(replies: Replies) -> Segments:
    """Return a whole answer, divided into segments. An EchoratorError is raised with the text so far as `produced`."""
    segments = Segments()
    try:
        async with aclosing(replies):
            async for _, reply in replies:
                assert isinstance(reply, pb.ChatResponse)
                for _ in segments.feed(reply):
                    pass
    except EchoratorError as error:
        error.produced = "".join(s.text for s in segments.all if s.kind is Kind.TEXT)  # type: ignore[attr-defined]
        raise
    return segments


R = TypeVar("R")


async def unless_gone(request: Request, work: Awaitable[R]) -> R:
    """Return the result of `work`; cancels it and raises ClientDisconnect where the client disconnects before."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watcher = asyncio.ensure_future(work), asyncio.create_task(gone())
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for each in (watcher, task):
            each.cancel()
        await asyncio.gather(watcher, task, return_exceptions=True)
