"""ModelService and CognitionService of the gateway on gRPC: serialized bytes in, serialized bytes out.

A message is decoded only where its headers do not determine the destination (see `request_keys`). `front_end` forwards the calls and maps
errors to status codes; calls of the memory go to the channel of `memory_route`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from echorator.gateway.forwarding import Call, StatusError
from echorator.gateway.front_end import FrontEnd, NotHereError
from echorator.gateway.request_keys import destination_of
from echorator.gateway.stopwatch import OfMemory
from echorator.rpc.v1 import cognition_pb2, model_pb2
from echorator.serving import headers
from echorator.serving.called import GrpcMethod
from echorator.serving.caller import caller_of
from echorator.serving.calls import Context, deadline_of
from echorator.serving.life import Life
from echorator.serving.statuses import DETAILS, PUSHBACK
from echorator.telemetry import tracing

_MODEL_SERVICE: ServiceDescriptor = model_pb2.DESCRIPTOR.services_by_name["ModelService"]
_COGNITION_SERVICE: ServiceDescriptor = cognition_pb2.DESCRIPTOR.services_by_name["CognitionService"]
NAMES = (_MODEL_SERVICE.full_name, _COGNITION_SERVICE.full_name)
WITH_SLOT = {"Generate", "Chat"}
NOT_HERE = {
    "LoadModel": "a gateway loads no files; ControllerService.ApplyModel (`echorator mesh apply`) has a model served",
    "PullModel": "a gateway keeps no files; ask an agent, `echorator mesh agents` lists them",
    "UnloadModel": "a gateway unloads nothing; ControllerService.DeleteModel (`echorator mesh delete`) ends a model",
    "ListSlots": "slots belong to one agent; ask it, `echorator mesh agents` lists them",
    "WatchStats": "statistics belong to one agent; ask it, `echorator mesh agents` lists them",
}
_DROPPED = frozenset(
    {
        "user-agent",
        "te",
        "content-type",
        headers.GATEWAY,
        headers.SCOPE,
        tracing.TRACEPARENT,
        "grpc-timeout",
        "host",
        "grpc-accept-encoding",
    }
)


if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

Metadata = tuple[tuple[str, Any], ...]


class Passthrough(grpc.GenericRpcHandler):
    """A generic handler with one entry for each method of the two services, by path."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front
        self._handlers: dict[str, Handler] = {}
        for method in _MODEL_SERVICE.methods:
            self._handlers[_path(method)] = self._model_handler(method)
        for method in _COGNITION_SERVICE.methods:
            self._handlers[_path(method)] = self._memory_handler(method)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of the method's path; None for a path that is not served here."""
        return self._handlers.get(handler_call_details.method)

    # ModelService

    def _model_handler(self, method: MethodDescriptor) -> Handler:
        name, path = method.name, _path(method)
        if name == "ListModels":
            return grpc.unary_unary_rpc_method_handler(_served(self._front, method, self._list_models))
        if name in NOT_HERE:
            return _refusing(self._front, method, NOT_HERE[name])
        kind = GetMessageClass(method.input_type)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(_served(self._front, method, self._streaming(method, kind)))
        return grpc.unary_unary_rpc_method_handler(_served(self._front, method, self._answering(path, kind)))

    def _streaming(self, method: MethodDescriptor, kind: type[Message]) -> Any:
        path, generates = _path(method), method.name in WITH_SLOT
        answer = GetMessageClass(method.output_type)

        async def handler(body: bytes, context: Context, metadata: Metadata) -> None:
            caller = caller_of(context.peer())
            call = Call(path, body, destination_of(body, kind, dict(metadata)), metadata, deadline_of(context), generates, caller=caller)
            last = b""
            with self._front.measured(call) as watch:
                async with aclosing(self._front.forwarding.stream(call)) as messages:
                    async for last in messages:
                        watch.message()
                        await context.write(last)
                if generates:
                    with suppress(DecodeError):  # what an agent sends is passed on whatever it is
                        watch.used(answer.FromString(last).finish.usage)  # type: ignore[attr-defined]
            context.set_trailing_metadata(_trailers(call.trailers))

        return handler

    def _answering(self, path: str, kind: type[Message]) -> Any:
        async def handler(body: bytes, context: Context, metadata: Metadata) -> bytes:
            call = Call(path, body, destination_of(body, kind, dict(metadata)), metadata, deadline_of(context), False)
            with self._front.measured(call):
                return await self._front.forwarding.unary(call)

        return handler

    async def _list_models(self, _body: bytes, _context: Context, _metadata: Metadata) -> bytes:
        return (await self._front.models()).SerializeToString()

    # CognitionService

    def _memory_handler(self, method: MethodDescriptor) -> Handler:
        path = _path(method)
        measured = OfMemory(path)
        if method.client_streaming:

            async def upload(parts: AsyncIterator[bytes], context: Context, metadata: Metadata) -> bytes:
                with self._front.measured(measured):
                    call = self._front.memory.channel().stream_unary(path)(parts, timeout=context.time_remaining(), metadata=metadata)
                    reply: bytes = await _passed(call)
                    return reply

            return grpc.stream_unary_rpc_method_handler(_served(self._front, method, upload))
        if method.server_streaming:

            async def stream(body: bytes, context: Context, metadata: Metadata) -> None:
                with self._front.measured(measured):
                    call = self._front.memory.channel().unary_stream(path)(body, timeout=context.time_remaining(), metadata=metadata)
                    try:
                        while (message := await _passed(call.read())) is not aio.EOF:
                            await context.write(message)
                    finally:
                        call.cancel()

            return grpc.unary_stream_rpc_method_handler(_served(self._front, method, stream))

        async def answer(body: bytes, context: Context, metadata: Metadata) -> bytes:
            with self._front.measured(measured):
                call = self._front.memory.channel().unary_unary(path)(body, timeout=context.time_remaining(), metadata=metadata)
                reply: bytes = await _passed(call)
                return reply

        return grpc.unary_unary_rpc_method_handler(_served(self._front, method, answer))


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _served(front: FrontEnd, method: MethodDescriptor, handler: Callable[[Any, Context, Metadata], Awaitable[Any]]) -> Any:
    """Wrap `handler` for grpc.aio: run it within a `Life`, and give it the client's metadata without the headers in `_DROPPED`."""
    called = GrpcMethod(method.containing_service.full_name, method.name)

    async def call(request: Any, context: Context) -> Any:
        metadata, traceparent = [], ""
        for pair in context.invocation_metadata() or ():
            if pair[0] == tracing.TRACEPARENT:
                traceparent = str(pair[1])
            elif pair[0] not in _DROPPED:
                metadata.append(pair)
        with Life(front, called, traceparent) as life:
            metadata.append((tracing.TRACEPARENT, life.trace.header))
            return await life.answer(context, lambda: handler(request, context, tuple(metadata)))

    return call


def _refusing(front: FrontEnd, method: MethodDescriptor, why: str) -> Handler:
    async def refuse(_body: bytes, _context: Context, _metadata: Metadata) -> None:
        raise NotHereError(why)

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_served(front, method, refuse))
    return grpc.unary_unary_rpc_method_handler(_served(front, method, refuse))


def _trailers(trailers: Metadata) -> Metadata:
    return tuple((key, value) for key, value in trailers if not key.startswith("grpc-") or key in (DETAILS, PUSHBACK))


async def _passed(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except aio.AioRpcError as error:
        raise StatusError(error) from error
