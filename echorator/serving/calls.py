"""The base of all roles' servicers: calls are counted, refused while draining, and their errors turned into statuses.

Each servicer has its own table of status codes; this module has the mechanism only. `life` is the life of one call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, ClassVar, NoReturn, TypeVar, cast

import grpc
from google.protobuf.message import Message
from grpc import aio

from echorator.errors import DrainingError, EchoratorError, InvalidRequestError, ModelNotFoundError
from echorator.serving import bounds
from echorator.serving.called import grpc_method
from echorator.serving.decoding import Undecodable
from echorator.serving.life import Life
from echorator.serving.statuses import Trailers, message_of, trailers_of
from echorator.telemetry import tracing


class ServerBehindError(EchoratorError):
    """A server that was asked for this call returned an error that no handler understood."""

    retryable = True

    def __init__(self, error: aio.AioRpcError) -> None:
        super().__init__(f"a server behind this one answered {error.code().name}: {error.details() or 'no reason given'}")


OF_ALL: Sequence[tuple[type[EchoratorError], grpc.StatusCode]] = (  # errors raised by this module, for servicers that do not list them
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
    (DrainingError, grpc.StatusCode.UNAVAILABLE),
    (ServerBehindError, grpc.StatusCode.UNAVAILABLE),
)
Context = aio.ServicerContext[Any, Any]
Codes = Sequence[tuple[type[EchoratorError], grpc.StatusCode]]
Request = TypeVar("Request")
Reply = TypeVar("Reply")
S = TypeVar("S", bound="Calls")


class DeadlineError(EchoratorError):
    """The call's deadline passed before its answer was complete."""


_CLIENTS: dict[grpc.StatusCode, type[EchoratorError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: ModelNotFoundError,
}


def error_behind(error: aio.AioRpcError) -> EchoratorError:
    """Return what another server's error means for a call that needed it: the client's mistake, in that server's words, or its absence."""
    kind = _CLIENTS.get(error.code())
    return kind(error.details() or error.code().name) if kind is not None else ServerBehindError(error)


class Calls:
    """Base class of a servicer. `draining` refuses calls that begin after it is set; `idle` is set while no call runs."""

    services: ClassVar[tuple[str, ...]] = ()  # the fully qualified names of the services whose handlers `rpc` wraps
    codes: ClassVar[Codes] = ()

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._calls = 0

    def enter(self) -> None:
        """Count a call that begins."""
        self._calls += 1
        self.idle.clear()

    def leave(self) -> None:
        """Count a call as ended; after the last one the servicer is idle."""
        self._calls -= 1
        if not self._calls:
            self.idle.set()

    def check_admission(self) -> None:
        """Check that calls may begin. Raises DrainingError while the server shuts down."""
        if self.draining.is_set():
            raise DrainingError("the server is shutting down; try another one")

    def code_of(self, error: EchoratorError) -> grpc.StatusCode:
        """Return the status of an error; INTERNAL for an error that no table lists."""
        return next((code for kind, code in (*self.codes, *OF_ALL) if isinstance(error, kind)), grpc.StatusCode.INTERNAL)

    def status_of(self, error: BaseException) -> str:
        """Return the name of the status of a call in which `error` is raised: UNKNOWN for an error that nobody expected."""
        if isinstance(error, aio.AioRpcError):
            return self.code_of(error_behind(error)).name
        if isinstance(error, EchoratorError):
            return self.code_of(error).name
        return "CANCELLED" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "UNKNOWN"

    async def refuse(self, context: Context, error: EchoratorError | aio.AioRpcError, trace: tracing.Trace) -> NoReturn:
        """End the call with the status of `error`."""
        if isinstance(error, aio.AioRpcError):
            error = error_behind(error)
        code, message = self.code_of(error), message_of(error)
        await context.abort(code, message, self.trailers_of(error, code, message, trace.trace_id))

    def trailers_of(self, error: EchoratorError, code: grpc.StatusCode, message: str, trace_id: str) -> Trailers:
        """Return the trailers that are sent with the status of an error."""
        return trailers_of(error, code.value[0], message, trace_id)


def rpc(
    handler: Callable[[S, Request, Context], Awaitable[Reply]], name: str = ""
) -> Callable[[S, Request, Context], Coroutine[Any, Any, Reply]]:
    """Wrap a handler so that each of its calls has a `Life` and checked fields; `name` is the name of the span [the handler's]."""
    span = name or handler.__name__

    @wraps(handler)
    async def call(service: S, request: Request, context: Context) -> Reply:
        with Life(service, grpc_method(service.services, span), metadata_of(context, tracing.TRACEPARENT)) as life:
            return await life.answer(context, lambda: handler(service, checked(request), context), request)

    return call


def checked(request: Request) -> Request:
    """Return the request, or the stream of requests, with every field checked against `bounds`. Raises InvalidRequestError."""
    if isinstance(request, Message):
        bounds.check(request)
        return request
    if isinstance(request, Undecodable):
        raise InvalidRequestError(f"the request is not a {request.kind}: {request.reason}")
    if isinstance(request, AsyncIterator):
        return cast("Request", _checked_stream(request))
    return request


async def _checked_stream(parts: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for part in parts:
        yield checked(part)


def deadline_of(context: Context) -> float:
    """Return the call's deadline on CLOCK_MONOTONIC; 0 for none.

    gRPC computes the remaining time from the wall clock. A deadline that seems to have passed counts as none: if it has passed, gRPC's own
    timer ends the call; if the wall clock has just been set, it has not passed.
    """
    remaining_s = context.time_remaining()
    if remaining_s is None or remaining_s <= 0.0:
        return 0.0
    return time.monotonic() + remaining_s


def metadata_of(context: Context, key: str) -> str:
    """Return the first value of a metadata key; "" if the key is absent."""
    return next((str(value) for name, value in context.invocation_metadata() or () if name == key), "")
