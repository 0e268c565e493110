"""`echorator doctor`: prints what was found on this machine, what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.console import RenderableType
from rich.text import Text

from echorator.cli.configured import Settings
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Table
from echorator.host.diagnosis import OK, WRONG, Finding, findings
from echorator.host.exits import CommandError, Exit


def run(arguments: argparse.Namespace) -> int:
    """Print the findings and return the exit code: FAILURE where something is wrong."""
    found = [*findings(), _configuration(arguments.parser)]
    view: list[RenderableType] = [
        Table(("", "WHAT", "FOUND"), [[_MARKS[each.state], each.what, each.says] for each in found]),
        *(Text(f"{each.what}: {each.todo}") for each in found if each.todo),
    ]
    show(arguments.output, {"findings": [asdict(each) for each in found]}, (), *view)
    return Exit.FAILURE if any(each.state == WRONG for each in found) else Exit.OK


_MARKS = {"ok": "ok", "note": "--", "wrong": "!!"}


def _configuration(top: argparse.ArgumentParser) -> Finding:
    try:
        settings = Settings.read()
        settings.check(top)
    except CommandError as error:
        return Finding("configuration", WRONG, " ".join(str(error).split()), "echorator config says what is configured, and where")
    return Finding("configuration", OK, settings.path if settings.file else f"{settings.path} is not there, or empty")
