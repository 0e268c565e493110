"""`echorator cognition`: the memory as a server of its own, for agents and gateways that name it by --memory-server."""

from __future__ import annotations

import argparse
import asyncio
import sys

from echorator.cli.exits import CommandError, Exit
from echorator.cli.memory_access import open_memory
from echorator.cli.telemetry_options import telemetry
from echorator.cognition.service import CognitionRole
from echorator.errors import InvalidRequestError
from echorator.serving.server import Server, ServerSettings


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    role = CognitionRole(await open_memory(arguments.memory, arguments.embedder))
    server = Server(settings)
    server.host(role)
    try:
        await server.start()
    except BaseException:
        await role.close()
        raise
    server.catch_signals()
    server.serve()
    print(f"listening on {server.address}, let agents use it: echorator serve --memory-server {server.address}", flush=True)
    with telemetry(arguments, "cognition"):
        await server.run_until_signal()
    print("stopped", file=sys.stderr)
    return Exit.OK
