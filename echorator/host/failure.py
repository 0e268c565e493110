"""Translates gRPC errors of a call into the one line and the exit code with which a command ends."""

from __future__ import annotations

import grpc
from grpc import aio

from echorator.host.exits import CommandError, Exit
from echorator.host.server_roles import MODEL_SERVICE, NO_GRPC, Needed, mistaken, services_of
from echorator.serving.statuses import PUSHBACK

# The statuses of a server that does not have what was called, whatever it is. NOT_FOUND: a controller, of models that it does not serve.
_ABSENT = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)


_EXITS = {
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
    grpc.StatusCode.OUT_OF_RANGE: Exit.USAGE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.RESOURCE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.UNAVAILABLE,
}


def _exit_of(error: aio.AioRpcError) -> Exit:
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and any(key == PUSHBACK for key, _ in error.trailing_metadata() or ()):
        return Exit.UNAVAILABLE  # a queue is full, which passes
    return _EXITS.get(error.code(), Exit.FAILURE)


async def of_status(error: aio.AioRpcError, server: str, needed: Needed) -> CommandError:
    """Return the command's error for a call to the server at HOST:PORT. It may ask the server what it is."""
    details = error.details() or ""
    if error.code() in _ABSENT and (said := await mistaken(server, needed)):
        return CommandError(said)
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return CommandError(details or f"the call to {server} failed: {error.code().name}", _exit_of(error))
    if any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ()):
        return CommandError(details, Exit.UNAVAILABLE)
    if NO_GRPC in details:
        return CommandError(f"{server} does not speak gRPC, so it is no server of Echorator; name {needed.value.where}")
    started_by = needed.value.started_by
    return CommandError(f"cannot reach {server} ({details}); is `echorator {started_by}` running there?", Exit.UNAVAILABLE)


async def of_memory_status(error: aio.AioRpcError, server: str) -> CommandError:
    """Do what `of_status` does for a call of CognitionService, and tell a server of models without a memory from others."""
    if error.code() is grpc.StatusCode.UNIMPLEMENTED and MODEL_SERVICE in (await services_of(server) or ()):
        return CommandError(f"the server at {server} has no memory; start it with `echorator serve --with-memory`")
    return await of_status(error, server, Needed.MEMORY)
