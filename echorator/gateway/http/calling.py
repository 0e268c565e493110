"""Sends the calls of HTTP handlers to agents, each measured, in the trace of its request and to the destination that its headers name.

Fed by the handlers of `ollama` and `llama_server` with messages; feeds the front end of the gateway.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf.message import Message
from starlette.requests import Request

from echorator.gateway.balancing.hash_ring import hash64
from echorator.gateway.forwarding import Call
from echorator.gateway.front_end import MODEL_SERVICE, FrontEnd
from echorator.gateway.http.answers import Reply, unless_gone
from echorator.gateway.request_keys import Destination, chat_key, priority_of, prompt_key
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import caller
from echorator.serving.headers import PRIORITY, SESSION
from echorator.telemetry import tracing

Generating = pb.ChatRequest | pb.GenerateRequest


class Calling:
    """The calls of ModelService that HTTP handlers make."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front

    async def unary(self, request: Request, method: str, message: Message, model: str) -> bytes:
        """Return the bytes of the reply to a call without a slot. Raises StatusError as the agent, ClientDisconnect."""
        call = self._call(method, message, Destination(model), False)
        with self._front.measured(call.path, model):
            return await unless_gone(request, self._front.forwarding.unary(call))

    async def replies(self, request: Request, message: Generating) -> AsyncGenerator[Reply, None]:
        """Yield the messages of one answer; the headers of `request` may name its session and priority."""
        method, kind = ("Chat", pb.ChatResponse) if isinstance(message, pb.ChatRequest) else ("Generate", pb.GenerateResponse)
        call = self._call(method, message, _destination(request, message), True)
        with self._front.measured(call.path, message.model) as watch:
            async with aclosing(self._front.forwarding.stream(call)) as messages:
                async for reply in messages:
                    watch.message()
                    yield kind.FromString(reply)

    def _call(self, method: str, message: Message, to: Destination, slot: bool) -> Call:
        trace = tracing.current()
        metadata = ((tracing.TRACEPARENT, trace.header),) if trace is not None else ()
        return Call(f"/{MODEL_SERVICE}/{method}", message.SerializeToString(), to, metadata, slot=slot)


def _destination(request: Request, message: Generating) -> Destination:
    session = request.headers.get(SESSION, "")
    caller.SESSION.set(session)
    if session:
        key: int | None = hash64(session.encode())
    else:
        key = chat_key(message) if isinstance(message, pb.ChatRequest) else prompt_key(message)
    return Destination(message.model, key, priority_of(request.headers.get(PRIORITY, "")) or message.limits.priority)
