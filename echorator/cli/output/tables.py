"""A table that fits what it is printed on. Without a terminal, and where it is asked to be wide, nothing of it is cut or folded.

On a terminal that is too narrow, columns that may be missing are left out, the last one is folded, and the others are shortened in their
middle, since names differ at their ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

GAP = 2  # columns of a terminal between two cells
LEAST = 10  # columns of a terminal that a shortened cell keeps
LEAST_LAST = 24  # columns that the last cell keeps, in which it is folded
CUT = "…"
_COLOURS = {
    **dict.fromkeys(("Ready", "ready", "True", "Running"), "green"),
    **dict.fromkeys(("Failed", "failed", "Lost", "lost", "BackOff", "Warning"), "red"),
    **dict.fromkeys(("Terminating", "Draining", "draining", "stalled"), "yellow"),
}


@dataclass(frozen=True)
class Column:
    """A column: its title; `right` aligns numbers, a `spare` one is left out where there is no room, a `wide` one is of `-o wide` only."""

    title: str
    right: bool = False
    spare: bool = False
    wide: bool = False


class Table:
    """Rows under columns, for rich. `wide` shows all columns whole. A cell that is no Text is coloured by the word that it is."""

    def __init__(self, columns: Sequence[Column | str], rows: Sequence[Sequence[object]], wide: bool = False) -> None:
        made = [column if isinstance(column, Column) else Column(column) for column in columns]
        kept = [at for at, column in enumerate(made) if wide or not column.wide]
        self.columns = [made[at] for at in kept]
        self.rows = [[_cell(row[at]) for at in kept] for row in rows]
        self.wide = wide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines; rich calls this with the width that there is."""
        shown, widths = self._fitted(options.max_width)
        columns = [self.columns[at] for at in shown]
        for cells in ([Text(column.title, "bold") for column in columns], *([row[at] for at in shown] for row in self.rows)):
            whole = cells[-1]
            for part in whole.wrap(console, widths[-1]) if whole.cell_len > widths[-1] else [whole]:
                yield _line(columns, widths, [*(_shortened(*pair) for pair in zip(cells[:-1], widths, strict=False)), part])
                cells = [Text()] * len(cells)  # the other cells are not repeated beside what is folded

    def _fitted(self, room: int) -> tuple[list[int], list[int]]:
        """Return the columns that are shown, and their widths."""
        natural = [max([cell_len(column.title), *(row[at].cell_len for row in self.rows)]) for at, column in enumerate(self.columns)]
        shown = list(range(len(natural)))
        if self.wide or _total([natural[at] for at in shown]) <= room:
            return shown, natural
        least = [*natural[:-1], min(natural[-1], LEAST_LAST)]
        if _total(least) > room:
            shown = [at for at in shown if not self.columns[at].spare]
        widths = [least[at] for at in shown]
        while _total(widths) > room and max(widths[:-1], default=0) > LEAST:
            widest = widths.index(max(widths[:-1]))
            widths[widest] -= 1
        widths[-1] = min(natural[-1], max(widths[-1], room - _total([*widths[:-1], 0])))
        return shown, widths


def _line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Text]) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    for column, width, cell in zip(columns, widths, cells, strict=True):
        pad = " " * (width - cell.cell_len)
        line.append_text(Text.assemble(pad, cell) if column.right else Text.assemble(cell, pad)).append(" " * GAP)
    line.rstrip()
    return line


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    word = printable(str(value))
    return Text(word, _COLOURS.get(word, ""))


def printable(text: str) -> str:
    """Return a text as one line without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def coloured(word: str) -> Text:
    """Return a word in the colour of the state that it names, if it names one."""
    return Text(word, _COLOURS.get(word, ""))


def _shortened(cell: Text, width: int) -> Text:
    """Return the cell with what does not fit left out in its middle."""
    if cell.cell_len <= width:
        return cell
    plain = cell.plain
    tail = plain[len(plain) - (width - 1) // 2 :]
    while cell_len(tail) > (width - 1) // 2:
        tail = tail[1:]
    head = plain[: width - 1]
    while cell_len(head) + cell_len(tail) + 1 > width:
        head = head[:-1]
    return Text(f"{head}{CUT}{tail}", cell.style)
