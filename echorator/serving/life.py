"""The life of one call: counted while it runs, traced, and ended with exactly one status, one log line and one count in the metrics.

Used by `calls.rpc` for handlers of messages, and by the gateway for calls passed through as bytes and for HTTP requests.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message
from grpc import aio

from echorator.errors import EchoratorError
from echorator.serving import call_log
from echorator.serving.called import Called
from echorator.serving.statuses import message_of, reason_of
from echorator.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from echorator.serving.calls import Calls, Context

OK = "OK"
FAILED = "the server failed; its log says why"
R = TypeVar("R")

_current: ContextVar[Life | None] = ContextVar("echorator_life", default=None)
_open: set[str] = set()  # the span ids of the calls that run in this process


def current() -> Life | None:
    """Return the life of the call that this task serves; None outside of a call."""
    return _current.get()


class Life:
    """One call of `calls`, from its arrival until `end`. As a context manager it ends with the block, and fails with the block's exception.

    `model` and `tenant` are what is known of the call's aim, for its log line, "" for nothing; `status` is its HTTP status, 0 over gRPC.
    Invariant: `code` is the name of a gRPC status; only the first failure sets it.
    """

    __slots__ = (
        "_began_s",
        "_calls",
        "_inner",
        "_on_end",
        "_ours",
        "_said",
        "_traceback",
        "called",
        "code",
        "model",
        "status",
        "tenant",
        "trace",
    )

    def __init__(self, calls: Calls, called: Called, traceparent: str, on_end: Callable[[], None] | None = None) -> None:
        """Begin the call. `traceparent` is what the client sent, or ""; `on_end` is called at the end."""
        self._calls = calls
        self._on_end = on_end
        self._began_s = time.monotonic()
        self._said: tuple[str, str] = ("", "")  # the reason of the failure, and where it is ours the message
        self._traceback = ""
        self._ours: bool | None = None
        self.called = called
        self.code = OK
        self.model = ""
        self.tenant = ""
        self.status = 0
        self.trace = tracing.begin(called.span, traceparent)
        self._inner = self.trace.parent_id in _open  # a call that another call of this process makes: the other one has the log line
        _open.add(self.trace.span_id)
        _current.set(self)
        calls.enter()

    def fail(self, error: BaseException) -> None:
        """Set the status of an error; only the first failure counts."""
        if self.code != OK:
            return
        self.code = self._calls.status_of(error)
        ours = call_log.is_ours(self.code)
        if isinstance(error, EchoratorError):
            self._ours = error.ours
            ours = ours if error.ours is None else error.ours
            self._said = (getattr(error, "reason", "") or reason_of(error), message_of(error) if ours else "")
        elif isinstance(error, aio.AioRpcError):
            self._said = (f"BEHIND_{error.code().name}", (error.details() or "") if ours else "")
        elif self.code == "UNKNOWN":
            self._traceback = "".join(traceback.format_exception(error)).rstrip()

    def end(self) -> None:
        """End the trace with the status, write the log line, count the call in the metrics, and stop counting it as running."""
        seconds = time.monotonic() - self._began_s
        self.trace.end("" if self.code == OK else self.code)
        _open.discard(self.trace.span_id)
        on_end, self._on_end = self._on_end, None  # it may refer to the request that holds this life, and with that to the request's body
        if on_end is not None:
            on_end()
        self.called.count(self.code, self.status, seconds)
        if not self._inner and (level := call_log.level(self.code, self._ours)):
            call_log.write(level, self.code, self._fields(seconds), self._traceback)
        self._calls.leave()

    def _fields(self, seconds: float) -> dict[str, object]:
        reason, error = self._said
        known = {
            **self.called.named,
            "status": self.status,
            "code": self.code,
            "reason": reason,
            "error": error,
            "model": call_log.printable(self.model),
            "tenant": call_log.printable(self.tenant),
        }
        return {key: value for key, value in known.items() if value} | {"seconds": round(seconds, 4), "trace_id": self.trace.trace_id}

    def about(self, request: object) -> None:
        """Note the model and the tenant that a message names, unless they are known already."""
        if not isinstance(request, Message):
            return
        named = getattr(request, "model", "")
        if not self.model and isinstance(named, str):
            self.model = named
        memory = getattr(request, "memory", None)
        scope = getattr(memory if isinstance(memory, Message) else request, "scope", None)
        self.tenant = self.tenant or str(getattr(scope, "tenant", ""))

    def __enter__(self) -> Life:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.fail(error)
        self.end()

    async def answer(self, context: Context, work: Callable[[], Awaitable[R]], request: object = None) -> R:
        """Return what `work` returns. An error is sent to the client as a status, in no words of its own where nobody expected it.

        Args:
            context: the call's.
            work: the handler.
            request: the request, where it is a message, which may name the model and the tenant.

        Raises what ends a call in grpc.aio.
        """
        try:
            self._calls.check_admission()
            return await work()
        except (EchoratorError, aio.AioRpcError) as error:
            self.fail(error)
            return await self._calls.refuse(context, error, self.trace)
        except asyncio.CancelledError:
            remaining_s = context.time_remaining()
            if self.code == OK and remaining_s is not None and remaining_s <= 0.0:
                self.code = grpc.StatusCode.DEADLINE_EXCEEDED.name  # gRPC cancels the handler for it
            raise
        except aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  grpc.aio would log a second line and send the error's own words
            self.fail(error)
            await context.abort(grpc.StatusCode.UNKNOWN, FAILED)
        finally:
            if self.code != OK or call_log.every_call():
                self.about(request)
