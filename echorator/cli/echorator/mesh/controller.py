"""`echorator controller`: opens the state, serves agents and clients, and drains on a signal."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import fields
from pathlib import Path

from echorator.cli.role_server import serve_role, settings_of
from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.host.folders import data_home


def default_folder() -> Path:
    """Return the folder of the controller's state if --data names none."""
    return data_home() / "controller"


def run(arguments: argparse.Namespace) -> int:
    """Serve the controller until a signal and return the exit code. Raises CommandError."""
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
