"""`echorator config`: prints which options are configured and where, the path of the file, or a file to begin with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from echorator.cli.configured import FILE_VARIABLE, OTHERS, PREFIX, Settings, below, options_of, value_of, variable_of
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Table
from echorator.cli.parsing import nearest
from echorator.host.exits import CommandError, Exit
from echorator.host.folders import config_file

NAMED = 3  # commands that are named in a row; of more their number is printed


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for and return the exit code. Raises CommandError where a value is wrong."""
    match arguments.what:
        case "path":
            print(os.environ.get(FILE_VARIABLE) or config_file())
        case "template":
            print("\n".join(_template(arguments.parser, ())))
        case _:
            _list(arguments.parser, arguments.output)
    return Exit.OK


def _list(top: argparse.ArgumentParser, output: str) -> None:
    settings = Settings.read()
    mistakes, used = settings.faults(top), set[str]()
    commands: dict[tuple[str, str, str], list[str]] = {}  # which have an option with this value from there
    for command, below_it in _commands(top, ()):
        for option, action in options_of(below_it):
            used |= {variable_of(*command, option), variable_of(option)}
            found = settings.find(command, option)
            if found is None:
                continue
            try:
                value = value_of(below_it, action, found)
            except CommandError as error:
                mistakes.append(str(error))
                continue
            row = (f"--{option}", json.dumps(value, default=str, ensure_ascii=False), found.where)
            commands.setdefault(row, []).append(" ".join(command))
    rows = [[", ".join(of) if len(of) <= NAMED else f"{len(of)} commands", *row] for row, of in commands.items()]
    tables = [Table(("COMMANDS", "OPTION", "VALUE", "FROM"), rows)] if rows else []
    listed = [{"commands": of, "option": row[0], "value": json.loads(row[1]), "from": row[2]} for row, of in commands.items()]
    nothing = f"nothing is configured; `echorator config template` prints what {config_file()} may contain"
    show(output, {"options": listed}, (), *tables, nothing=nothing)
    unknown = [name for name in sorted(settings.environment) if name.startswith(PREFIX) and name not in used and name not in OTHERS]
    for name in unknown:  # which may be meant for another program, as what Kubernetes sets for a Service
        print(f"{name}: no option is configured by it {nearest(name, used)}".rstrip(), file=sys.stderr)
    if mistakes:
        raise CommandError("\n".join(mistakes), Exit.USAGE)


def _commands(above: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield every command with its parser, those below others too."""
    for name, made in below(above).items():
        yield (*words, name), made
        yield from _commands(made, (*words, name))


def _template(top: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a configuration file in which every option stands as a comment."""
    yield "# Options of all commands may stand here, above the sections: server, user, model, log-level ..."
    for command, made in _commands(top, words):
        options = list(options_of(made))
        if not options:
            continue
        yield ""
        yield f"[{'.'.join(command)}]"
        for option, action in options:
            yield f"# {option} = {_example(action)}  # {str(action.help or '').splitlines()[0] if action.help else ''}".rstrip(" #")


def _example(action: argparse.Action) -> str:
    """Return the default of an option as TOML, or a text that says what is to be written."""
    if action.nargs == 0:
        return "true" if action.default else "false"
    if isinstance(action, argparse._AppendAction):
        return "[]"
    if isinstance(action.default, (int, float)):
        return str(action.default)
    return json.dumps(str(action.default)) if action.default and not isinstance(action.default, Path) else '""'
