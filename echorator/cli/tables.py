"""Tables of commands: plain columns, never folded where nobody can see it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

FILE_WIDTH = 400  # of a line that no terminal has to show: a cell stays on it


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """To stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    width = None if sys.stdout.isatty() else FILE_WIDTH
    Console(soft_wrap=True, markup=False, highlight=False, width=width).print(table)
