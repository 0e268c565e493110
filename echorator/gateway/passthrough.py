"""ModelService and CognitionService of the gateway on gRPC: bytes in, bytes out.

A message is decoded only where its headers do not say where it goes. The only place of the gateway that chooses gRPC status codes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from echorator.errors import DrainingError, EchoratorError, InvalidRequestError, ModelNotFoundError, QueueFullError
from echorator.gateway.buffer import WaitTimeoutError
from echorator.gateway.dispatcher import Dispatcher, NoAgentError
from echorator.gateway.forwarding import AgentLostError, Call, Forwarding, StatusError
from echorator.gateway.memory_route import MemoryRoute, NoMemoryError
from echorator.gateway.request_keys import Destination, destination_of
from echorator.gateway.stopwatch import Stopwatch
from echorator.rpc.v1 import cognition_pb2, model_pb2
from echorator.serving import headers
from echorator.serving.calls import Calls, Codes, Context, DeadlineError, deadline_of
from echorator.serving.statuses import DETAILS, PUSHBACK, Trailers
from echorator.telemetry import tracing

MODEL_SERVICE: ServiceDescriptor = model_pb2.DESCRIPTOR.services_by_name["ModelService"]
COGNITION_SERVICE: ServiceDescriptor = cognition_pb2.DESCRIPTOR.services_by_name["CognitionService"]
NAMES = (MODEL_SERVICE.full_name, COGNITION_SERVICE.full_name)
WITH_SLOT = {"Generate", "Chat"}
NOT_HERE = {
    "LoadModel": "a gateway loads no files; ControllerService.ApplyModel (`echorator mesh apply`) has a model served",
    "PullModel": "a gateway keeps no files; ask an agent, `echorator mesh agents` lists them",
    "UnloadModel": "a gateway unloads nothing; ControllerService.DeleteModel (`echorator mesh delete`) ends a model",
    "ListSlots": "slots belong to one agent; ask it, `echorator mesh agents` lists them",
    "WatchStats": "statistics belong to one agent; ask it, `echorator mesh agents` lists them",
}
_DROPPED = frozenset(
    {"user-agent", "te", "content-type", headers.GATEWAY, tracing.TRACEPARENT, "grpc-timeout", "host", "grpc-accept-encoding"}
)


if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

Metadata = tuple[tuple[str, Any], ...]


class NotHereError(EchoratorError):
    """An agent or the controller does this."""


class Passthrough(Calls, grpc.GenericRpcHandler):
    """Handlers by path."""

    codes: ClassVar[Codes] = (
        (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
        (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
        (NotHereError, grpc.StatusCode.UNIMPLEMENTED),
        (QueueFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (DeadlineError, grpc.StatusCode.DEADLINE_EXCEEDED),
        (NoMemoryError, grpc.StatusCode.FAILED_PRECONDITION),
        (NoAgentError, grpc.StatusCode.UNAVAILABLE),
        (WaitTimeoutError, grpc.StatusCode.UNAVAILABLE),
        (AgentLostError, grpc.StatusCode.UNAVAILABLE),
        (DrainingError, grpc.StatusCode.UNAVAILABLE),
    )

    def __init__(self, forwarding: Forwarding, dispatcher: Dispatcher, memory: MemoryRoute) -> None:
        super().__init__()
        self.forwarding = forwarding
        self.dispatcher = dispatcher
        self._memory = memory
        self._handlers: dict[str, Handler] = {}
        for method in MODEL_SERVICE.methods:
            self._handlers[_path(method)] = self._model_handler(method)
        for method in COGNITION_SERVICE.methods:
            self._handlers[_path(method)] = self._memory_handler(method)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Of a path; None for one that is not served here."""
        return self._handlers.get(handler_call_details.method)

    def code_of(self, error: EchoratorError) -> grpc.StatusCode:
        """An agent's own status is passed on."""
        return error.code if isinstance(error, StatusError) else super().code_of(error)

    def trailers_of(self, error: EchoratorError, code: grpc.StatusCode, message: str, trace_id: str) -> Trailers:
        """An agent's own, with its details, are passed on."""
        return error.trailers if isinstance(error, StatusError) else super().trailers_of(error, code, message, trace_id)

    # ModelService

    def _model_handler(self, method: MethodDescriptor) -> Handler:
        name, path = method.name, _path(method)
        if name == "ListModels":
            return grpc.unary_unary_rpc_method_handler(_served(self, name, self._list_models))
        if name in NOT_HERE:
            return _refusing(self, method, NOT_HERE[name])
        kind = GetMessageClass(method.input_type)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(_served(self, name, self._streaming(path, kind, name in WITH_SLOT)))
        return grpc.unary_unary_rpc_method_handler(_served(self, name, self._answering(path, kind)))

    def _streaming(self, path: str, kind: type[Message], slot: bool) -> Any:
        async def handler(body: bytes, context: Context, metadata: Metadata) -> None:
            call = Call(path, body, destination_of(body, kind, dict(metadata)), metadata, deadline_of(context), slot)
            watch = Stopwatch(path, call.to.model)
            try:
                async with aclosing(self.forwarding.stream(call)) as messages:
                    async for message in messages:
                        watch.message()
                        await context.write(message)
            except BaseException as error:
                watch.failed(error, self)
                raise
            finally:
                watch.end()
            context.set_trailing_metadata(_trailers(call.trailers))

        return handler

    def _answering(self, path: str, kind: type[Message]) -> Any:
        async def handler(body: bytes, context: Context, metadata: Metadata) -> bytes:
            call = Call(path, body, destination_of(body, kind, dict(metadata)), metadata, deadline_of(context), False)
            watch = Stopwatch(path, call.to.model)
            try:
                return await self.forwarding.unary(call)
            except BaseException as error:
                watch.failed(error, self)
                raise
            finally:
                watch.end()

        return handler

    async def _list_models(self, _body: bytes, _context: Context, _metadata: Metadata) -> bytes:
        """One entry a model, as its agents describe it; one that no agent serves now has its name only."""
        return (await self.models()).SerializeToString()

    async def models(self) -> model_pb2.ListModelsResponse:
        """What may be asked for."""
        described = [self._described(name) for name in self.dispatcher.models()]
        return model_pb2.ListModelsResponse(models=await asyncio.gather(*described))

    async def _described(self, name: str) -> model_pb2.Model:
        pool = self.dispatcher.find(name)
        slots = sum(place.slots for place in pool.places.values() if place.open)
        model = model_pb2.Model(name=name)
        if slots:
            body = model_pb2.GetModelRequest(model=name).SerializeToString()
            call = Call(f"/{MODEL_SERVICE.full_name}/GetModel", body, Destination(name), deadline_s=time.monotonic() + 5.0, slot=False)
            try:
                model = model_pb2.Model.FromString(await self.forwarding.unary(call))
            except EchoratorError:
                return model  # its agent has gone this moment
            model.slots = slots
            model.ClearField("path")
        return model

    # CognitionService

    def _memory_handler(self, method: MethodDescriptor) -> Handler:
        name, path = method.name, _path(method)
        if method.client_streaming:

            async def upload(parts: AsyncIterator[bytes], context: Context, metadata: Metadata) -> bytes:
                call = self._memory.channel().stream_unary(path)(parts, timeout=context.time_remaining(), metadata=metadata)
                reply: bytes = await _passed(call)
                return reply

            return grpc.stream_unary_rpc_method_handler(_served(self, name, upload))
        if method.server_streaming:

            async def stream(body: bytes, context: Context, metadata: Metadata) -> None:
                call = self._memory.channel().unary_stream(path)(body, timeout=context.time_remaining(), metadata=metadata)
                try:
                    while (message := await _passed(call.read())) is not aio.EOF:
                        await context.write(message)
                finally:
                    call.cancel()

            return grpc.unary_stream_rpc_method_handler(_served(self, name, stream))

        async def answer(body: bytes, context: Context, metadata: Metadata) -> bytes:
            call = self._memory.channel().unary_unary(path)(body, timeout=context.time_remaining(), metadata=metadata)
            reply: bytes = await _passed(call)
            return reply

        return grpc.unary_unary_rpc_method_handler(_served(self, name, answer))


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _served(service: Passthrough, name: str, handler: Callable[[Any, Context, Metadata], Awaitable[Any]]) -> Any:
    """`handler` as grpc.aio calls it: what `serving.calls.rpc` does for others, with the metadata read only once."""

    async def call(request: Any, context: Context) -> Any:
        service.enter()
        metadata, traceparent = [], ""
        for pair in context.invocation_metadata() or ():
            if pair[0] == tracing.TRACEPARENT:
                traceparent = str(pair[1])
            elif pair[0] not in _DROPPED:
                metadata.append(pair)
        trace = tracing.begin(name, traceparent)
        metadata.append((tracing.TRACEPARENT, trace.header))
        failed = ""
        try:
            service.check_admission()
            return await handler(request, context, tuple(metadata))
        except EchoratorError as error:
            failed = service.code_of(error).name
            return await service.refuse(context, error, trace)
        finally:
            trace.end(failed)
            service.leave()

    return call


def _refusing(service: Passthrough, method: MethodDescriptor, why: str) -> Handler:
    async def refuse(_body: bytes, _context: Context, _metadata: Metadata) -> None:
        raise NotHereError(why)

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_served(service, method.name, refuse))
    return grpc.unary_unary_rpc_method_handler(_served(service, method.name, refuse))


def _trailers(trailers: Metadata) -> Metadata:
    return tuple((key, value) for key, value in trailers if not key.startswith("grpc-") or key in (DETAILS, PUSHBACK))


async def _passed(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except aio.AioRpcError as error:
        raise StatusError(error) from error
