"""`echorator gateway`: wait for the controller, then serve its mesh over gRPC and HTTP; drain on a signal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import fields

from echorator.cli.exits import CommandError, Exit
from echorator.errors import InvalidRequestError
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.serving.server import Server, ServerSettings


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace, arguments.receive_limit_bytes)
        limits = GatewaySettings(**{field.name: getattr(arguments, field.name) for field in fields(GatewaySettings)})
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    role = GatewayRole(arguments.controller, limits, arguments.memory_server)
    server = Server(settings)
    server.host(role)
    await server.start()
    role.start(arguments.advertise)
    if not await role.ready(arguments.join_timeout):
        await server.close()
        raise CommandError(
            f"the controller {arguments.controller} did not answer within {arguments.join_timeout:g} s; "
            "start it with `echorator controller`, or see --join-timeout",
            Exit.UNAVAILABLE,
        )
    server.catch_signals()
    server.serve()
    print(f"listening on {server.address} (gRPC)", flush=True)
    await server.run_until_signal()
    print("stopped", file=sys.stderr)
    return Exit.OK
