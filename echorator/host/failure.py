"""Translates gRPC errors of a call into the one line and the exit code with which a command ends."""

from __future__ import annotations

import grpc
from grpc import aio

from echorator.host.exits import CommandError, Exit


def of_status(error: aio.AioRpcError, server: str, command: str = "serve") -> CommandError:
    """Return the command's error for a call to `server`; `command` is the one that starts such a server."""
    details = error.details() or ""
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return CommandError(details or f"the call to {server} failed: {error.code().name}")
    if any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ()):
        return CommandError(details, Exit.UNAVAILABLE)
    return CommandError(f"cannot reach {server} ({details}); is `echorator {command}` running there?", Exit.UNAVAILABLE)
