"""Answers bodies over HTTP that are no message of JSON-RPC, as lines of stdin are answered. Stands before the SDK's application.

The SDK takes a request with an id that none can have for a notification, and answers 202, so that its client waits for ever; of other
mistakes its error has no id.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echorator.mcp.frames import FRAME_BYTES, refusal_of


class CheckedBodies:
    """An application that passes requests on to another one, but for those with a body that is no message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body that is no message, and pass every other request on; called by the server for each request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more and len(body) <= FRAME_BYTES:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has left
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > FRAME_BYTES:
            body[:] = b"!"  # what is left of it is no JSON either
        refusal = refusal_of(bytes(body))
        if refusal is not None:
            said = refusal.model_dump(mode="json", by_alias=True, exclude_none=True) | {"id": refusal.id}
            await JSONResponse(said, HTTPStatus.BAD_REQUEST)(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replayed() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replayed, send)
