"""Serves one role from its start to the end of its last call: what `controller` and `cognition` have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from echorator.cli.options.telemetry import telemetry
from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.serving.server import Role, Server, ServerSettings
from echorator.telemetry.log_lines import say


def settings_of(arguments: argparse.Namespace) -> ServerSettings:
    """Return the server's settings of the options. Raises CommandError for a value that is out of its range."""
    try:
        return ServerSettings(arguments.host, arguments.port, arguments.grace)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error


async def serve_role(
    role: Role,
    settings: ServerSettings,
    arguments: argparse.Namespace,
    name: str,
    greeting: Callable[[str], str],
    observe: Callable[[], None] = lambda: None,
) -> int:
    """Serve the role until a signal and return the exit code.

    `greeting` turns the server's address into the line that is printed once it listens; `observe` brings gauges up to date before metrics
    are read. The role is closed if the server cannot start.
    """
    server = Server(settings)
    server.host(role)
    try:
        await server.start()
    except BaseException:
        await role.close()
        raise
    server.catch_signals()
    server.serve()
    say(greeting(server.address))
    with telemetry(arguments, name, observe):
        await server.run_until_signal()
    say("stopped", sys.stderr)
    return Exit.OK
