"""`cli.md`: what `--help` of each command of `echorator` and `kollama` says, and the exit codes.

The texts come from the parsers themselves, at a width of 80 columns.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator

import echorator.cli.main
import echorator.cli.options.kollama
import echorator.host.exits
from docs.generators.comments import comments_of
from docs.generators.markdown import document, prose, table
from echorator.cli.help_text import HelpFormatter, invocation

WIDTH = 80
INTRODUCTION = """
Every command prints the text below with `--help`. Square brackets hold the value of an option that is not given.
`kubectl echorator` is `kollama` under another name. Options may be shortened as long as they stay unambiguous.
Arguments are UTF-8; texts on standard input are UTF-8 or in the encoding of the locale.
"""


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
    """Return what `--help` prints at a width of 80 columns."""
    was = parser.formatter_class
    parser.formatter_class = functools.partial(HelpFormatter, width=WIDTH)
    try:
        return parser.format_help()
    finally:
        parser.formatter_class = was


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
    said = invocation(action)
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
