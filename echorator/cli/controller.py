"""`echorator controller`: state, then services, then agents and clients; drain on a signal."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import fields
from pathlib import Path

from echorator.cli.exits import CommandError, Exit
from echorator.cli.memory_options import data_home
from echorator.cli.role_server import serve_role, settings_of
from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError


def default_folder() -> Path:
    """Where the state lies if nothing else is said."""
    return data_home() / "controller"


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        times = ControllerSettings(**{field.name: getattr(arguments, field.name) for field in fields(ControllerSettings)})
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    role = await ControllerRole.open(arguments.data or default_folder(), times)

    def greeting(address: str) -> str:
        return f"listening on {address}, let agents join: echorator serve --controller {address}"

    return await serve_role(role, settings, arguments, "controller", greeting, role.observe)
