"""`echorator controller`: state, then services, then agents and clients; drain on a signal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import fields
from pathlib import Path

from echorator.cli.exits import CommandError, Exit
from echorator.cli.memory_options import data_home
from echorator.cli.telemetry_options import telemetry
from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.serving.server import Server, ServerSettings


def default_folder() -> Path:
    """Where the state lies if nothing else is said."""
    return data_home() / "controller"


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace)
        times = ControllerSettings(**{field.name: getattr(arguments, field.name) for field in fields(ControllerSettings)})
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    role = await ControllerRole.open(arguments.data or default_folder(), times)
    server = Server(settings)
    server.host(role)
    try:
        await server.start()
    except BaseException:
        await role.close()
        raise
    server.catch_signals()
    server.serve()
    print(f"listening on {server.address}, let agents join: echorator serve --controller {server.address}", flush=True)
    with telemetry(arguments, "controller", role.observe):
        await server.run_until_signal()
    print("stopped", file=sys.stderr)
    return Exit.OK
