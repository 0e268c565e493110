"""What a call may fail with, as exceptions that say what to do. `error_of` makes them of gRPC's own."""

from __future__ import annotations

from typing import Any

import grpc

PUSHBACK = "grpc-retry-pushback-ms"
START_ONE = "start one with `echorator up`, or name another by Client(ADDRESS) or ECHORATOR_SERVER"


class Error(Exception):
    """The root of this package's errors.

    `retry_after_s` is the number of seconds after which the server asks to try again; None where it asks for nothing.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AddressError(Error):
    """The address of the server cannot be one, or none was given and none is found."""


class InvalidRequest(Error):  # users read `except echorator_client.NotFound`; each of these names a state of a call
    """The request cannot be served as it stands; the message says what to change."""


class NotFound(Error):
    """There is no such model, namespace or memory; the message names it."""


class Unavailable(Error):
    """No server answers at the address, or it drains. The same call may succeed later, or elsewhere."""


class Busy(Unavailable):
    """The queue, a limit or a disk of the server is full."""


class DeadlineExceeded(Error):
    """The call took longer than its timeout."""


class Unauthenticated(Error):
    """The server wants a valid token: Client(token=...) or ECHORATOR_TOKEN."""


class PermissionDenied(Error):
    """The token does not allow this call."""


class Unsupported(Error):
    """The server does not have the method: it is of another role or version."""


class Cancelled(Error):
    """The call was cancelled, by the server or by closing the client."""


class ServerFault(Error):
    """The server failed on the call; its log says why."""


class ToolError(Error):
    """A function cannot be made a tool, or a tool was called in a way that cannot be."""


_KINDS: dict[grpc.StatusCode, type[Error]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Busy,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.CANCELLED: Cancelled,
}
_HINTS: dict[type[Error], str] = {
    Unsupported: "; is it the port of a gateway, and of this version? An agent that xDS leads to may have no memory",
    Unauthenticated: "; give a token by Client(token=...) or ECHORATOR_TOKEN",
    DeadlineExceeded: "; give it more time by timeout=SECONDS",
}


def retry_after_s(error: grpc.RpcError) -> float | None:
    """Return after how many seconds the server asks to repeat the call; None where it does not."""
    found: Any = error
    for key, value in found.trailing_metadata() or ():
        if key == PUSHBACK and str(value).isdigit():
            return int(value) / 1000
    return None


def error_of(error: grpc.RpcError, server: str) -> Error:
    """Return the typed error for one of gRPC, with the server's words and what to do."""
    found: Any = error
    kind = _KINDS.get(found.code(), ServerFault)
    said = found.details() or found.code().name
    if kind is Unavailable and "http1.x" in said:  # gRPC's own words for what an HTTP server answers
        said = "this port speaks HTTP, not gRPC: name the gRPC port, which is 50052 for `echorator up`"
    elif kind is Unavailable and "failed to connect" in said:
        said = f"no server answers there ({said.rpartition(': ')[2]}): {START_ONE}"
    return kind(f"{server}: {said}{_HINTS.get(kind, '')}", retry_after_s(error))
