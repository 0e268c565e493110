"""`echorator.1` and `kollama.1`: the manual pages, from the same parsers as the pages of commands. Source of the macros: man(7)."""

from __future__ import annotations

import argparse
import re

import echorator.host.exits
from docs.generators.commands import below
from docs.generators.comments import comments_of
from echorator import __version__
from echorator.cli.help_text import in_usage, invocation


def page(top: argparse.ArgumentParser) -> str:
    """Return the manual page of a program in roff."""
    name = top.prog
    lines = ['.\\" Written by docs/generate.py.', f'.TH {name.upper()} 1 "" "{name} {__version__}" "Echorator"']
    lines += [".SH NAME", f"{name} \\- {_text(str(top.description)).rstrip('.')}"]
    lines += [".SH SYNOPSIS", f".B {name}", _text("[OPTION ...] COMMAND [ARGUMENT ...]")]
    lines += [".SH OPTIONS", *_options(top), ".SH COMMANDS"]
    for command in below(top):
        if command is not top:
            lines += [f".SS {_text(command.prog)}", _text(str(command.description)), *_options(command), *_examples(command)]
    lines += _examples(top, ".SH EXAMPLES") + _exits()
    if name == "echorator":
        lines += [
            ".SH ENVIRONMENT",
            _text("An option --NAME of a command that is left out is taken from ECHORATOR_COMMAND_NAME or ECHORATOR_NAME."),
            ".SH FILES",
            ".TP",
            _text("~/.config/echorator/config.toml"),
            "The same for good, by sections named after commands.",
            ".TP",
            _text("~/.local/share/echorator"),
            "Models, memories, logs and the state of `up`.",
        ]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> list[str]:
    lines = []
    for action in parser._actions:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        said = invocation(action) if action.option_strings else in_usage(action)
        lines += [".TP", f".B {_text(said)}", _text(str(action.help or "").replace("%%", "%"))]
    return lines


def _examples(parser: argparse.ArgumentParser, title: str = ".PP") -> list[str]:
    if not parser.epilog:
        return []
    first, *rest = parser.epilog.strip().splitlines()
    return [title, *([] if first == "examples:" else [_text(first)]), ".nf", *map(_text, rest), ".fi"]


def _exits() -> list[str]:
    meanings = comments_of(echorator.host.exits.Exit)
    lines = [".SH EXIT STATUS"]
    for code in echorator.host.exits.Exit:
        lines += [".TP", f".B {code.value}", _text(meanings[code.name])]
    return lines


def _text(text: str) -> str:
    """Return a text in which nothing is a request or an escape of roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)
