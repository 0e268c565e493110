"""Prints tables for commands; without a terminal, lines are not folded."""

from __future__ import annotations

import sys
from collections.abc import Sequence

FILE_WIDTH = 400  # columns of a table where there is no terminal, so that no cell is folded


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to stdout.

    A terminal folds long cells; without one the table may be FILE_WIDTH columns wide.
    """
    from rich.table import Table

    from echorator.cli.output.consoles import Console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    width = None if sys.stdout.isatty() else FILE_WIDTH
    Console(soft_wrap=True, markup=False, highlight=False, width=width).print(table)
