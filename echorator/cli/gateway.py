"""`echorator gateway`: wait for the controller, then serve its mesh over gRPC and HTTP; drain on a signal."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

import uvloop

from echorator.cli.bootstrap import host_port_of
from echorator.cli.envoy_process import EnvoyProcess
from echorator.cli.exits import CommandError, Exit
from echorator.cli.telemetry_options import telemetry
from echorator.errors import InvalidRequestError
from echorator.gateway.http.api import Api
from echorator.gateway.http.server import HttpServer
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.serving.server import Server, ServerSettings

MOST_PROCESSES = 256


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    if not 1 <= arguments.processes <= MOST_PROCESSES:
        raise CommandError(f"--processes must be 1..{MOST_PROCESSES}, not {arguments.processes}", Exit.USAGE)
    if arguments.processes > 1:
        from echorator.cli import gateway_processes

        return gateway_processes.run(arguments)
    return uvloop.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
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
    role.start(arguments.advertise or (server.address if arguments.envoy else ""))
    if not await role.ready(arguments.join_timeout):
        await server.close()
        raise CommandError(
            f"the controller {arguments.controller} did not answer within {arguments.join_timeout:g} s; "
            "start it with `echorator controller`, or see --join-timeout",
            Exit.UNAVAILABLE,
        )
    try:
        http, envoy = await _further_servers(arguments, role)
    except BaseException:
        await server.close()
        raise
    server.catch_signals()
    server.serve()
    print(greeting(arguments, server.address, http.port if http is not None else -1), flush=True)
    with telemetry(arguments, "gateway"):
        await server.run_until_signal(envoy.ended if envoy is not None else None)
    for further in (envoy, http):
        if further is not None:
            await further.close()
    if not arguments.shared_port:
        print("stopped", file=sys.stderr)
    return Exit.OK


async def _further_servers(arguments: argparse.Namespace, role: GatewayRole) -> tuple[HttpServer | None, EnvoyProcess | None]:
    http = envoy = None
    if arguments.http_port >= 0:
        http = HttpServer(
            Api(role.calls, arguments.receive_limit_bytes, role.observe).app(), arguments.host, arguments.http_port, arguments.shared_port
        )
        await http.start()
    if arguments.envoy:
        listen = host_port_of(arguments.envoy, "--envoy")
        envoy = EnvoyProcess(arguments.controller, f"envoy-{role.id}", listen, arguments.grace)
        await envoy.start()
    return http, envoy


def greeting(arguments: argparse.Namespace, address: str, http_port: int) -> str:
    """What is printed once clients may come; others wait for its first words."""
    parts = [f"{address} (gRPC)"]
    if http_port >= 0:
        parts.append(f"http://{arguments.host}:{http_port}/v1 (OpenAI)")
    if arguments.envoy:
        parts.append(f"{arguments.envoy} (Envoy)")
    return f"listening on {', '.join(parts)}"
