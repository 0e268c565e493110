"""The text that `--help` prints, folded to the terminal's width. Also feeds `docs/generate.py`.

argparse folds neither a description nor an epilog that has examples, and fails an assertion where it folds a usage that has brackets in the
name of an argument. Its versions word options and usage differently: 3.13 writes `-o, --output NAME`, 3.12 `-o NAME, --output NAME`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterable

USAGE = "usage: "
FURTHER = " " * 6  # before what an example that is too wide has on its further lines
CONTINUED = " \\"  # at the end of such a line
_PARTS = re.compile(r" (?=--?\w|&&|[<|])")  # the places of a command where it may be folded
_EXAMPLE = re.compile(r"(\s+\S.*?)(?:\s{2,}(\S.*))?")


class HelpFormatter(argparse.HelpFormatter):
    """Formats the help of one parser; `width` is in columns and by default the terminal's."""

    def __init__(self, prog: str, indent_increment: int = 2, max_help_position: int = 24, width: int | None = None) -> None:
        super().__init__(prog, indent_increment, max_help_position, width or shutil.get_terminal_size().columns)

    def _format_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[argparse._ArgumentGroup], prefix: str | None
    ) -> str:
        del usage, groups
        start = USAGE if prefix is None else prefix
        lines = [self._prog]
        for action in actions:
            if action.help is argparse.SUPPRESS:
                continue
            word = in_usage(action)
            if len(start) + len(lines[-1]) + 1 + len(word) <= self._width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return start + f"\n{' ' * len(start)}".join(lines) + "\n\n"

    def _format_action(self, action: argparse.Action) -> str:
        """List commands by their groups, where they have some, else as argparse does."""
        groups: dict[str, tuple[str, ...]] = getattr(action, "groups", {})
        if not groups:
            return super()._format_action(action)
        listed = {made.dest: made for made in action._get_subactions()}  # type: ignore[attr-defined]  # argparse's list of commands
        parts = []
        for title, names in groups.items():
            parts.append(f"{' ' * self._current_indent}{title}:\n")
            self._indent()
            parts += [super(HelpFormatter, self)._format_action(listed[name]) for name in names]
            self._dedent()
        return "".join(parts)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return invocation(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Fold sentences; a line that begins with a space is an example, which keeps its columns if they fit."""
        made: list[str] = []
        sentences: list[str] = []
        for line in [*text.splitlines(), ""]:
            if line and not line[0].isspace():
                sentences.append(line)
                continue
            made += textwrap.wrap(" ".join(sentences), width, initial_indent=indent, subsequent_indent=indent)
            sentences = []
            made += _example(line, width) if line else [""]
        return "\n".join(made)


def _example(line: str, width: int) -> list[str]:
    """Fold a command and its explanation, so that a shell still reads the command as one."""
    found = _EXAMPLE.fullmatch(line)
    if len(line) <= width or found is None:
        return [line]
    command, explanation = found[1], found[2] or ""
    if explanation and len(command) + 2 + len(explanation) <= width:
        return [f"{command}  {explanation}"]
    first, *parts = _PARTS.split(command)
    lines = [first]
    for part in parts:
        if len(lines[-1]) + 1 + len(part) <= width - len(CONTINUED):
            lines[-1] += f" {part}"
        else:
            lines[-1] += CONTINUED
            lines.append(FURTHER + part)
    return lines + textwrap.wrap(explanation, width, initial_indent=FURTHER, subsequent_indent=FURTHER)


def values_of(action: argparse.Action) -> str:
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


def invocation(action: argparse.Action) -> str:
    """Return an option or argument with its values, as the list below the usage has it."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return ", ".join(action.option_strings)
    return " ".join(part for part in (", ".join(action.option_strings), values_of(action)) if part)


def in_usage(action: argparse.Action) -> str:
    """Return an option or argument with its values, as the usage has it."""
    if not action.option_strings:
        return values_of(action)
    if isinstance(action, argparse.BooleanOptionalAction):
        return f"[{' | '.join(action.option_strings)}]"
    said = f"{action.option_strings[0]} {values_of(action)}".strip()
    return said if action.required else f"[{said}]"
