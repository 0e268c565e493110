"""`echorator gateway`: waits for the controller, serves its mesh over gRPC and HTTP, and drains on a signal."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

import uvloop

from echorator.cli.options.http import http_settings_of
from echorator.cli.options.telemetry import telemetry
from echorator.errors import InvalidRequestError
from echorator.gateway.http.api import Api
from echorator.gateway.http.server import HttpServer
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.host.addresses import host_port_of
from echorator.host.envoy_process import EnvoyProcess
from echorator.host.exits import CommandError, Exit
from echorator.host.gateway_processes import gateway_greeting, run_processes
from echorator.host.server_roles import Needed, mistaken
from echorator.serving.server import Server, ServerSettings
from echorator.telemetry.exposition import Exposition
from echorator.telemetry.log_lines import say

MOST_PROCESSES = 256


def run(arguments: argparse.Namespace) -> int:
    """Serve one gateway, or --processes of them, until a signal; return the exit code. Raises CommandError."""
    if not 1 <= arguments.processes <= MOST_PROCESSES:
        raise CommandError(f"--processes must be 1..{MOST_PROCESSES}, not {arguments.processes}", Exit.USAGE)
    if arguments.processes > 1:
        return run_processes(arguments)
    return uvloop.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    http_limits = http_settings_of(arguments)
    try:
        limit, shared = arguments.receive_limit_bytes, arguments.shared_port
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace, limit, shared_port=shared)
        limits = GatewaySettings(**{field.name: getattr(arguments, field.name) for field in fields(GatewaySettings)})
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    role = GatewayRole(arguments.controller, limits, arguments.memory_server)
    server = Server(settings)
    server.host(role)
    await server.start()
    try:
        role.start(arguments.advertise or (server.address if arguments.envoy else ""), server.health)
        await _join(arguments, role)
        http, envoy = await _further_servers(arguments, role, http_limits)
    except BaseException:
        await server.close()
        raise
    server.catch_signals()
    server.serve()
    say(gateway_greeting(arguments, server.address, http.port if http is not None else -1))
    with telemetry(arguments, "gateway"):
        await server.run_until_signal(envoy.ended if envoy is not None else None)
    for further in (envoy, http):
        if further is not None:
            await further.close()
    if not arguments.shared_port:
        say("stopped", sys.stderr)
    return Exit.OK


async def _join(arguments: argparse.Namespace, role: GatewayRole) -> None:
    """Wait until the gateway knows the mesh. Raises CommandError if no controller answers in time."""
    if not await role.ready(arguments.join_timeout):
        if said := await mistaken(arguments.controller, Needed.CONTROLLER):
            raise CommandError(said)
        raise CommandError(
            f"the controller {arguments.controller} did not answer within {arguments.join_timeout:g} s; "
            "start it with `echorator controller`, or see --join-timeout",
            Exit.UNAVAILABLE,
        )


async def _further_servers(
    arguments: argparse.Namespace, role: GatewayRole, limits: HttpSettings
) -> tuple[HttpServer | None, EnvoyProcess | None]:
    http = envoy = None
    if arguments.http_port >= 0:
        app = Api(role.calls, arguments.receive_limit_bytes, Exposition(role.observe), limits).app()
        http = HttpServer(app, arguments.host, arguments.http_port, arguments.shared_port, limits)
        await http.start()
    if arguments.envoy:
        listen = host_port_of(arguments.envoy, "--envoy")
        envoy = EnvoyProcess(arguments.controller, f"envoy-{role.id}", listen, arguments.grace)
        await envoy.start()
    return http, envoy
