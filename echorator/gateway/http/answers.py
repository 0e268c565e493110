"""Builds the OpenAI objects of an answer: one whole object, or server-sent events.

A stream's headers are sent within `HEADERS_WITHIN_S`, though the request may wait much longer for an agent; comments follow until the first
token, so that no proxy takes the connection for dead. An error before the headers gets an HTTP status of its own, a later error becomes an
event. Fed by `api` with the messages of agents; `translation` converts them to OpenAI's fields.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import grpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from echorator.errors import EchoratorError, EngineError
from echorator.gateway.http import translation
from echorator.gateway.http.failures import body_of, refusal_of
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.life import Life

_log = logging.getLogger(__name__)

Reply = pb.ChatResponse | pb.GenerateResponse
Replies = AsyncGenerator[tuple[int, Reply], None]  # each message with the index of its answer
Headers = dict[str, str]
EVENT_STREAM = {"cache-control": "no-cache", "x-accel-buffering": "no"}
HEADERS_WITHIN_S = 0.75  # longest wait for the first message before a stream's headers are sent
PING_S = 5.0  # between two comments while the first message is awaited
PING = b": waiting for the first token\n\n"


class Answer:
    """The fields that all objects of one answer share: id, creation time, model and kind."""

    def __init__(self, prefix: str, kind: str, model: str) -> None:
        self._kind = kind
        self._head = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, choices: list[dict[str, Any]], usages: Sequence[pb.Usage]) -> Response:
        """Return the response of an answer that is not streamed, with all choices and the summed usage."""
        return JSONResponse({**self._head, "object": self._kind, "choices": choices, "usage": translation.usage_of(usages)})

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        """Return one server-sent event of a streamed answer."""
        kind = f"{self._kind}.chunk" if self._kind.startswith("chat") else self._kind
        made = {**self._head, "object": kind, "choices": choices} | ({"usage": usage} if usage is not None else {})
        return b"data: " + json.dumps(made, ensure_ascii=False).encode() + b"\n\n"


class Whole:
    """The messages of one answer, gathered until it ends."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.positions: list[pb.PositionLogprobs] = []
        self.prompt: list[pb.PositionLogprobs] = []
        self.finish = pb.Finish()

    def add(self, reply: Reply) -> None:
        """Append the next message of the answer."""
        self.texts.append(reply.text)
        self.positions.extend(translation.positions_of(reply))
        self.prompt.extend(reply.prompt_logprobs)
        if reply.HasField("finish"):
            self.finish = reply.finish

    @property
    def text(self) -> str:
        """The whole text generated so far."""
        return "".join(self.texts)

    @property
    def reason(self) -> str:
        """OpenAI's `finish_reason` of the answer: "stop" or "length"."""
        return translation.REASONS.get(self.finish.reason, "stop")


async def gathered(replies: Replies, answers: int) -> list[Whole]:
    """Return all answers once all have ended. An EchoratorError is raised with the first answer's text so far as `produced`."""
    wholes = [Whole() for _ in range(answers)]
    try:
        async with aclosing(replies):
            async for index, reply in replies:
                wholes[index].add(reply)
    except EchoratorError as error:
        error.produced = wholes[0].text  # type: ignore[attr-defined]
        raise
    return wholes


class _Events(StreamingResponse):
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

    def __init__(
        self,
        answer: Answer,
        choice: Callable[[int, Reply, str | None, int], dict[str, Any]],
        opening: dict[str, Any] | None,
        wants_usage: bool,
        life: Life,
        code_of: Callable[[EchoratorError], grpc.StatusCode],
    ) -> None:
        """Create a producer.

        Args:
            answer: the shared fields.
            choice: builds a choice from the answer's index, a message, its `finish_reason` (None while it goes on) and its text offset.
            opening: the delta of an event that precedes each answer; None for no such event.
            wants_usage: send the usage in an event of its own at the end.
            life: the call's life, which ends with the response.
            code_of: maps an error to its gRPC status code.
        """
        self._answer = answer
        self._choice = choice
        self._opening = opening
        self._wants_usage = wants_usage
        self.life = life
        self.over = False  # all events were produced
        self._code_of = code_of
        self._offsets: dict[int, int] = {}  # by index of an answer that has begun: the length of its text so far
        self._usages: list[pb.Usage] = []

    async def response(self, request: Request, replies: Replies) -> Response:
        """Return the streaming response, which ends the call's life. Raises ClientDisconnect, and early exceptions of `replies`."""
        first = asyncio.ensure_future(anext(replies, None))
        try:
            await unless_gone(request, _within(first, HEADERS_WITHIN_S))
        except BaseException:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await replies.aclose()
            raise
        return _Events(self, self._events(first, replies), first, replies)

    async def _events(self, first: asyncio.Future[tuple[int, Reply] | None], replies: Replies) -> AsyncGenerator[bytes, None]:
        try:
            while not first.done():
                yield PING
                await asyncio.wait((first,), timeout=PING_S)
            item = await first
            self._begun(item)
            while item is not None:
                yield self._chunks(*item)
                item = await anext(replies, None)
            if self._wants_usage:
                yield self._answer.chunk([], translation.usage_of(self._usages))
            yield b"data: [DONE]\n\n"
        except EchoratorError as error:
            self.life.fail(error)
            yield b"data: " + json.dumps(body_of(error, self._code_of(error))).encode() + b"\n\n"
        except Exception as error:  # noqa: BLE001 the status was sent already, so only an event can tell the client
            self.life.fail(error)
            _log.exception("a stream over HTTP failed")
            yield b"data: " + json.dumps(refusal_of(500, "the gateway failed; its log says why", "internal")).encode() + b"\n\n"
        self.over = True

    def _begun(self, item: tuple[int, Reply] | None) -> None:
        if item is None:
            raise EngineError("the agent ended its answer before the first word")

    def _chunks(self, index: int, reply: Reply) -> bytes:
        """Return the events of one message; its text and its end are two events, as clients ignore the text of an event with a reason."""
        made = b""
        if index not in self._offsets:
            self._offsets[index] = 0
            if self._opening is not None:
                made = self._answer.chunk([{"index": index, "delta": self._opening, "logprobs": None, "finish_reason": None}])
        ends = reply.HasField("finish")
        if reply.text or not ends or translation.positions_of(reply):
            made += self._answer.chunk([self._choice(index, reply, None, self._offsets[index])])
            self._offsets[index] += len(reply.text)
        if ends:
            self._usages.append(reply.finish.usage)
            reason = translation.REASONS.get(reply.finish.reason, "stop")
            made += self._answer.chunk([self._choice(index, type(reply)(), reason, self._offsets[index])])
        return made


def chat_choice(index: int, reply: Reply, reason: str | None, _offset: int) -> dict[str, Any]:
    """Return the choice of one event of a streamed chat."""
    delta = {} if reason is not None else {"content": reply.text}
    logprobs = translation.chat_logprobs(translation.positions_of(reply))
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


def text_choice(index: int, reply: Reply, reason: str | None, offset: int) -> dict[str, Any]:
    """Return the choice of one event of a streamed text completion; `offset` is where its text begins, in characters."""
    logprobs = translation.text_logprobs(translation.positions_of(reply), offset)
    return {"index": index, "text": reply.text, "logprobs": logprobs, "finish_reason": reason}


async def _within(future: asyncio.Future[Any], delay_s: float) -> None:
    """Wait at most `delay_s` for the future; raises its exception if it has failed by then."""
    await asyncio.wait((future,), timeout=delay_s)
    if future.done():
        future.result()


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
