"""The life of one call: counted while it runs, traced, and ended with exactly one status, whatever the protocol.

Used by `calls.rpc` for handlers of messages, and by the gateway for calls passed through as bytes and for HTTP requests.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from grpc import aio

from echorator.errors import EchoratorError
from echorator.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from echorator.serving.calls import Calls, Context

OK = "OK"
R = TypeVar("R")


class Life:
    """One call of `calls`, from its arrival until `end`. As a context manager it ends with the block, and fails with the block's exception.

    Invariant: `code` is the name of a gRPC status; only the first failure sets it.
    """

    __slots__ = ("_calls", "_on_end", "code", "trace")

    def __init__(self, calls: Calls, name: str, traceparent: str, on_end: Callable[[str], None] | None = None) -> None:
        """Begin the call. `name` is the name of its span, `traceparent` what the client sent, or ""; `on_end` is called with the status."""
        self._calls = calls
        self._on_end = on_end
        self.code = OK
        self.trace = tracing.begin(name, traceparent)
        calls.enter()

    def fail(self, error: BaseException) -> None:
        """Set the status of an error; only the first failure counts."""
        if self.code == OK:
            self.code = self._calls.status_of(error)

    def end(self) -> None:
        """End the trace with the status, call `on_end` and stop counting the call."""
        self.trace.end("" if self.code == OK else self.code)
        on_end, self._on_end = self._on_end, None  # it may refer to the request that holds this life, and with that to the request's body
        if on_end is not None:
            on_end(self.code)
        self._calls.leave()

    def __enter__(self) -> Life:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.fail(error)
        self.end()

    async def answer(self, context: Context, work: Callable[[], Awaitable[R]]) -> R:
        """Return what `work` returns. An error of Echorator, or of a server behind this one, is sent to the client as a status.

        Raises what `work` raises otherwise, and what ends a call in grpc.aio.
        """
        try:
            self._calls.check_admission()
            return await work()
        except (EchoratorError, aio.AioRpcError) as error:
            self.fail(error)
            return await self._calls.refuse(context, error, self.trace)
