"""The life of a call, for the servicers of all roles: counted, refused while draining, its errors turned into statuses.

Which code an error has is said by the servicer's own table; here is only the mechanism.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, ClassVar, NoReturn, TypeVar

import grpc
from grpc import aio

from echorator.errors import DrainingError, EchoratorError
from echorator.serving.statuses import Trailers, message_of, trailers_of
from echorator.telemetry import tracing
from echorator.telemetry.serving_metrics import requests

_log = logging.getLogger(__name__)

Context = aio.ServicerContext[Any, Any]
Codes = Sequence[tuple[type[EchoratorError], grpc.StatusCode]]
Request = TypeVar("Request")
Reply = TypeVar("Reply")
S = TypeVar("S", bound="Calls")


class DeadlineError(EchoratorError):
    """The call's deadline passed before its answer was complete."""


class Calls:
    """Base of a servicer. `draining` refuses what comes from then on; `idle` is set while no call runs."""

    codes: ClassVar[Codes] = ()

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._calls = 0

    def enter(self) -> None:
        """A call begins."""
        self._calls += 1
        self.idle.clear()

    def leave(self) -> None:
        """A call has ended."""
        self._calls -= 1
        if not self._calls:
            self.idle.set()

    def check_admission(self) -> None:
        """Raises DrainingError while the server shuts down."""
        if self.draining.is_set():
            raise DrainingError("the server is shutting down; try another one")

    def code_of(self, error: EchoratorError) -> grpc.StatusCode:
        """The status of an error; INTERNAL for one that nothing here expects."""
        return next((code for kind, code in self.codes if isinstance(error, kind)), grpc.StatusCode.INTERNAL)

    async def refuse(self, context: Context, error: EchoratorError, trace: tracing.Trace) -> NoReturn:
        """End the call with the status of `error`."""
        code, message = self.code_of(error), message_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _log.error("call failed", extra={"error": message})
        await context.abort(code, message, self.trailers_of(error, code, message, trace.trace_id))

    def trailers_of(self, error: EchoratorError, code: grpc.StatusCode, message: str, trace_id: str) -> Trailers:
        """What goes with the status of an error."""
        return trailers_of(error, code.value[0], message, trace_id)


def rpc(
    handler: Callable[[S, Request, Context], Awaitable[Reply]], name: str = ""
) -> Callable[[S, Request, Context], Coroutine[Any, Any, Reply]]:
    """Counts the call, refuses it while draining, and turns errors into statuses; `name` is that of its span [the handler's]."""

    span = name or handler.__name__

    @wraps(handler)
    async def call(service: S, request: Request, context: Context) -> Reply:
        service.enter()
        trace = tracing.begin(span, metadata_of(context, tracing.TRACEPARENT))
        failed = ""
        try:
            service.check_admission()
            return await handler(service, request, context)
        except EchoratorError as error:
            failed = service.code_of(error).name
            return await service.refuse(context, error, trace)
        except BaseException as error:
            failed = "CANCELLED" if isinstance(error, asyncio.CancelledError) else "UNKNOWN"
            raise
        finally:
            trace.end(failed)
            requests.labels(span, failed or "OK").inc()
            service.leave()

    return call


def deadline_of(context: Context) -> float:
    """On CLOCK_MONOTONIC, 0 for none.

    gRPC tells it by the wall clock. One that seems to have passed is none either: gRPC's own timer ends the call if that is true, and
    if the wall clock has just been set, it is not.
    """
    remaining_s = context.time_remaining()
    if remaining_s is None or remaining_s <= 0.0:
        return 0.0
    return time.monotonic() + remaining_s


def metadata_of(context: Context, key: str) -> str:
    """The first value of a metadata key, "" where there is none."""
    return next((str(value) for name, value in context.invocation_metadata() or () if name == key), "")
