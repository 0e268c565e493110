"""`cli.md`: what `--help` of each command of `echorator` and `kollama` says, and the exit codes.

The texts come from the parsers themselves, at a width of 80 characters. Versions of Python word options and usage differently (3.13 writes
`-o, --output NAME`, 3.12 `-o NAME, --output NAME`), so these two are written here and equal for all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import echorator.cli.main
import echorator.cli.options.kollama
import echorator.host.exits
from docs.generators.comments import comments_of
from docs.generators.markdown import document, prose, table

WIDTH = 80
USAGE = "usage: "
INTRODUCTION = """
Every command prints the text below with `--help`. Square brackets hold the value of an option that is not given.
`kubectl echorator` is `kollama` under another name. Options may be shortened as long as they stay unambiguous.
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats the help of one parser at a fixed width, whatever the terminal and the version of Python."""

    def __init__(self, prog: str, **_settings: object) -> None:
        super().__init__(prog, width=WIDTH)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return _invocation(action)


def _values(action: argparse.Action) -> str:
    """Return how the values of an option or argument are written; "" for a switch."""
    metavar = action.metavar
    if isinstance(metavar, tuple):
        return " ".join(metavar)
    name = metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    match action.nargs:
        case 0:
            return ""
        case "*":
            return f"[{name} ...]"
        case "+":
            return f"{name} [{name} ...]"
        case "?":
            return f"[{name}]"
        case argparse.PARSER:
            return f"{name} ..."
        case _:
            return name


def _invocation(action: argparse.Action) -> str:
    if isinstance(action, argparse.BooleanOptionalAction):
        return ", ".join(action.option_strings)
    return " ".join(part for part in (", ".join(action.option_strings), _values(action)) if part)


def _in_usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return _values(action)
    if isinstance(action, argparse.BooleanOptionalAction):
        return f"[{' | '.join(action.option_strings)}]"
    said = f"{action.option_strings[0]} {_values(action)}".strip()
    return said if action.required else f"[{said}]"


def parsers() -> list[argparse.ArgumentParser]:
    """Return the parsers of both programs."""
    return [echorator.cli.main.parser(), echorator.cli.options.kollama.parser()]


def below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of all its commands, in the order of its help."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                yield from below(command)


def help_of(parser: argparse.ArgumentParser) -> str:
    """Return what `--help` prints at a width of 80 characters."""
    was = parser.formatter_class, parser.usage
    parser.formatter_class, parser.usage = _Formatter, _usage(parser).replace("%", "%%")
    try:
        return parser.format_help()
    finally:
        parser.formatter_class, parser.usage = was


def _usage(parser: argparse.ArgumentParser) -> str:
    lines = [parser.prog]
    room = WIDTH - len(USAGE)
    for action in parser._actions:
        if action.help is argparse.SUPPRESS:
            continue
        word = _in_usage(action)
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return f"\n{' ' * len(USAGE)}".join(lines)


def tree() -> list[str]:
    """Return a line for each command, argument, option and exit code: what scripts of users rely on."""
    lines = []
    for top in parsers():
        for parser in below(top):
            lines.append(parser.prog)
            for action in parser._actions:
                if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
                    hidden = " (not in --help)" if action.help is argparse.SUPPRESS else ""
                    lines.append(f"{parser.prog}: {_with_choices(action)}{hidden}")
    lines += [f"exit code {code.value}: {code.name}" for code in echorator.host.exits.Exit]
    return lines


def _with_choices(action: argparse.Action) -> str:
    said = _invocation(action)
    return f"{said} of {', '.join(map(str, action.choices))}" if action.choices and action.metavar else said


def page() -> str:
    """Return `cli.md`."""
    meanings = comments_of(echorator.host.exits.Exit)
    lines = ["## Exit codes", ""]
    lines += table(("Code", "Meaning"), [(str(code.value), prose(meanings[code.name])) for code in echorator.host.exits.Exit])
    for top in parsers():
        for parser in below(top):
            level = 2 + (parser is not top)
            lines += [f"{'#' * level} {parser.prog}", "", "```text", help_of(parser).rstrip(), "```", ""]
    return document("Commands", INTRODUCTION, lines)
