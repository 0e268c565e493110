"""The memory over HTTP: each endpoint is one method of CognitionService, transcoded and sent to the memory that the gateway's agents use.

A method that streams answers with server-sent events, an export with its lines. Fed by `api`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from echorator.errors import DrainingError, EchoratorError
from echorator.gateway.forwarding import StatusError
from echorator.gateway.front_end import FrontEnd
from echorator.gateway.http.document.openapi import document
from echorator.gateway.http.endpoints import EVENTS, SERVICE, Endpoint
from echorator.gateway.http.failures import FAILED, BodyError, body_of, refusal_of
from echorator.gateway.http.generating.streaming import EVENT_STREAM, unless_gone
from echorator.gateway.http.reading import Bodies
from echorator.gateway.http.transcoding import fill_from_json, fill_from_query, fix, json_of
from echorator.gateway.stopwatch import OfMemory
from echorator.serving.life import Life
from echorator.telemetry import tracing

MOST_MESSAGE_BYTES = 4 << 20  # what a server takes unless it is told otherwise
PART_BYTES = 1 << 20  # of a file that is sent on
FILE_TYPES = ("application/x-ndjson", "application/jsonl", "application/json", "text/plain", "application/octet-stream")
PING_S = 5.0  # between two comments while there is nothing to tell
PING = b": nothing new\n\n"


class Memories:
    """The handlers of all endpoints of one gateway."""

    def __init__(self, front: FrontEnd, bodies: Bodies) -> None:
        self._front = front
        self._bodies = bodies
        self._document = json.dumps(document()).encode()

    async def openapi(self, _request: Request) -> Response:
        """Return the OpenAPI document of the HTTP API."""
        return Response(self._document, media_type="application/json")

    async def answer(self, endpoint: Endpoint, request: Request) -> Response:
        """Return the answer of one endpoint.

        Raises:
            BodyError: a parameter or the body is wrong; the message names it.
            StatusError: the memory refused the call.
            NoMemoryError, InvalidRequestError: there is no memory, or several.
        """
        message = GetMessageClass(endpoint.request)()
        fill_from_query(message, request.query_params.multi_items())
        if endpoint.reads_body and _has_body(request):
            reading = request.state.reading = self._bodies.begin()
            fill_from_json(message, await self._bodies.json_of(request, reading))
        if endpoint.fixed:
            fix(message, endpoint.fixed, request.path_params["id"])
        request.state.life.about(message)
        if endpoint.reads_lines:
            return await self._uploaded(endpoint, message, request)
        if endpoint.name == "WatchChanges" and (last := request.headers.get("last-event-id")):
            fill_from_json(message, {"after": last})  # how browsers go on with a stream that broke
        raw = _sendable(message)
        channel, metadata = self._front.memory.channel(), _metadata()
        if endpoint.method.server_streaming:
            call = channel.unary_stream(_path(endpoint))(raw, metadata=metadata)
            return await self._streamed(endpoint, call, request)
        with self._front.measured(OfMemory(_path(endpoint))):
            reply = await unless_gone(request, _passed(channel.unary_unary(_path(endpoint))(raw, metadata=metadata)))
        return JSONResponse(json_of(GetMessageClass(endpoint.method.output_type).FromString(reply)))

    async def _uploaded(self, endpoint: Endpoint, head: Message, request: Request) -> Response:
        reading = request.state.reading = self._bodies.begin()
        content = await self._bodies.bytes_of(request, reading, FILE_TYPES)

        async def parts() -> AsyncIterator[bytes]:
            for start in range(0, max(len(content), 1), PART_BYTES):
                part = type(head)(lines=content[start : start + PART_BYTES])
                if not start:
                    part.MergeFrom(head)
                yield part.SerializeToString()

        with self._front.measured(OfMemory(_path(endpoint))):
            call = self._front.memory.channel().stream_unary(_path(endpoint))(parts(), metadata=_metadata())
            reply = await unless_gone(request, _passed(call))
        return JSONResponse(json_of(GetMessageClass(endpoint.method.output_type).FromString(reply)))

    async def _streamed(self, endpoint: Endpoint, call: Any, request: Request) -> Response:
        """Return a stream whose first message has come, so that an error before it has an HTTP status."""
        try:
            first = await unless_gone(request, _passed(call.read()))
        except BaseException:
            call.cancel()
            raise
        return _Stream(self._parts(endpoint, call, first, request.state.life), endpoint.answers, call, request.state.life)

    async def _parts(self, endpoint: Endpoint, call: Any, first: Any, life: Life) -> AsyncGenerator[bytes, None]:
        kind, events = GetMessageClass(endpoint.method.output_type), endpoint.answers == EVENTS
        try:
            raw = first
            while raw is not aio.EOF:
                message = kind.FromString(raw)
                yield _event(message) if events else message.lines  # type: ignore[attr-defined]
                read = asyncio.ensure_future(_passed(call.read()))
                try:
                    while not (await asyncio.wait((read,), timeout=PING_S))[0]:
                        if events:
                            yield PING
                        if self._front.draining.is_set():
                            raise DrainingError("the server is shutting down; go on at another one")
                    raw = read.result()
                finally:
                    read.cancel()
        except EchoratorError as error:
            life.fail(error)
            yield _failure(body_of(error, self._front.code_of(error)), events)
        except Exception as error:  # noqa: BLE001 the status was sent already, so only the stream can tell the client
            life.fail(error)
            yield _failure(refusal_of(500, FAILED, "internal"), events)


class _Stream(StreamingResponse):
    """A streaming response that ends the call behind it, and the life of the request, when its client leaves or it is over."""

    def __init__(self, parts: AsyncGenerator[bytes, None], media_type: str, call: Any, life: Life) -> None:
        super().__init__(parts, media_type=media_type, headers=EVENT_STREAM)
        self._parts = parts
        self._call = call
        self._life = life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with suppress(ClientDisconnect):
                await unless_gone(Request(scope, receive), self.stream_response(send))
        finally:
            await self._parts.aclose()
            self._call.cancel()
            self._life.end()


def _event(message: Message) -> bytes:
    """Return a message as a server-sent event, whose id is the cursor that it has."""
    cursor = getattr(message, "cursor", "")
    data = json.dumps(json_of(message), ensure_ascii=False).encode()
    return (f"id: {cursor}\n".encode() if cursor else b"") + b"data: " + data + b"\n\n"


def _failure(error: dict[str, Any], events: bool) -> bytes:
    """Return an error as the last event, or as the last line of a file, which then has no footer."""
    said = json.dumps(error).encode()
    return b"data: " + said + b"\n\n" if events else said + b"\n"


def _path(endpoint: Endpoint) -> str:
    return f"/{SERVICE.full_name}/{endpoint.name}"


def _metadata() -> tuple[tuple[str, str], ...]:
    trace = tracing.current()
    return ((tracing.TRACEPARENT, trace.header),) if trace is not None else ()


def _sendable(message: Message) -> bytes:
    """Return the bytes of a request. Raises BodyError where they are more than a server takes."""
    raw = message.SerializeToString()
    if len(raw) > MOST_MESSAGE_BYTES:
        raise BodyError(f"the request has {len(raw)} bytes as a message, at most {MOST_MESSAGE_BYTES} are taken; send several", status=413)
    return raw


def _has_body(request: Request) -> bool:
    """Return whether a body was sent: a POST without one is a request with its parameters alone."""
    return request.headers.get("content-length", "") not in ("", "0") or "transfer-encoding" in request.headers


async def _passed(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except aio.AioRpcError as error:
        raise StatusError(error) from error
