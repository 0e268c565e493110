"""The option --output, declared once for every command that lists or shows something; imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

LISTS = ("table", "wide", "json", "yaml", "name")  # of what has names or ids
RESULTS = ("table", "json", "yaml")  # of what has none, such as counts


def add_output(
    parser: argparse._ActionsContainer,
    forms: Sequence[str] = LISTS,
    default: str = "",
    text: str = "format of the output",
    inherited: bool = False,
) -> None:
    """Add -o and --output with some of the forms. The default is the first of them, or `default`.

    `inherited` is for a command below one that has the option too: the option may stand before or after the name of such a command.
    """
    chosen = default or forms[0]
    absent = argparse.SUPPRESS if inherited else chosen
    parser.add_argument("-o", "--output", choices=tuple(forms), default=absent, help=f"{text} [{chosen}]")
