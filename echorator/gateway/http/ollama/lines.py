"""Streams an answer as lines of JSON, the form of Ollama's streams. Fed by `handlers` with the objects of the lines.

No line is sent before the first message of the agent, since clients take every line for a part of the answer: an error before it has an
HTTP status of its own, a later one is the last line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from echorator.errors import EchoratorError
from echorator.gateway.http.failures import FAILED
from echorator.gateway.http.generating.streaming import EVENT_STREAM, unless_gone
from echorator.serving.life import Life

LINES = "application/x-ndjson"
Objects = AsyncGenerator[dict[str, Any], None]


async def lines_of(request: Request, objects: Objects) -> Response:
    """Return a stream whose first object has come. Raises ClientDisconnect, and what `objects` raises before the first one."""
    try:
        first = await unless_gone(request, anext(objects))
    except BaseException:
        await objects.aclose()
        raise
    return _Lines(_written(first, objects, request.state.life), objects, request.state.life)


async def _written(first: dict[str, Any], objects: Objects, life: Life) -> AsyncGenerator[bytes, None]:
    try:
        yield _line(first)
        async for made in objects:
            yield _line(made)
    except EchoratorError as error:
        life.fail(error)
        yield _line({"error": str(error)})
    except Exception as error:  # noqa: BLE001 the status was sent already, so only a line can tell the client
        life.fail(error)
        yield _line({"error": FAILED})


class _Lines(StreamingResponse):
    """A streaming response that ends the call behind it, and the life of the request, when its client leaves or it is over."""

    def __init__(self, lines: AsyncGenerator[bytes, None], objects: Objects, life: Life) -> None:
        super().__init__(lines, media_type=LINES, headers=EVENT_STREAM)
        self._lines = lines
        self._objects = objects
        self._life = life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = False
        try:
            with suppress(ClientDisconnect):
                await unless_gone(Request(scope, receive), self.stream_response(send))
                whole = True
        finally:
            if not whole:  # the client has left, or the server ends
                self._life.fail(asyncio.CancelledError())
            await self._lines.aclose()
            await self._objects.aclose()
            self._life.end()


def _line(made: dict[str, Any]) -> bytes:
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
