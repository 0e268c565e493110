"""From the status of a server, or of the way there, to the one line and the exit code that a command ends with."""

from __future__ import annotations

import grpc
from grpc import aio

from echorator.cli.exits import CommandError, Exit


def of_status(error: aio.AioRpcError, server: str, command: str = "serve") -> CommandError:
    """A status of the server at `server`, or of the way there; `command` is what starts such a server."""
    details = error.details() or ""
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return CommandError(details or f"the call to {server} failed: {error.code().name}")
    if any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ()):
        return CommandError(details, Exit.UNAVAILABLE)
    return CommandError(f"cannot reach {server} ({details}); is `echorator {command}` running there?", Exit.UNAVAILABLE)
