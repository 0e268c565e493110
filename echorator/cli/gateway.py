"""`echorator gateway`: wait for the controller, then serve its mesh over gRPC and HTTP; drain on a signal."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

import uvloop

from echorator.cli.exits import CommandError, Exit
from echorator.cli.telemetry_options import telemetry
from echorator.errors import InvalidRequestError
from echorator.gateway.http.api import Api
from echorator.gateway.http.server import HttpServer
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.serving.server import Server, ServerSettings


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return uvloop.run(_serve(arguments))


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
    http = None
    if arguments.http_port >= 0:
        http = HttpServer(Api(role.calls, arguments.receive_limit_bytes, role.observe).app(), arguments.host, arguments.http_port)
        try:
            await http.start()
        except BaseException:
            await server.close()
            raise
    server.catch_signals()
    server.serve()
    shown = f" and http://{arguments.host}:{http.port}/v1 (OpenAI)" if http is not None else ""
    print(f"listening on {server.address} (gRPC){shown}", flush=True)
    with telemetry(arguments, "gateway"):
        await server.run_until_signal()
    if http is not None:
        await http.close()
    print("stopped", file=sys.stderr)
    return Exit.OK
