"""Draws Markdown as it streams in, without ever drawing anything twice. Pure but for the width that it asks for.

What was printed is never moved or erased: so nothing flickers over a slow line, a resized terminal shows no remains, and all that scrolled
away is still there. A word is printed when it is whole, a span such as **bold** once it is closed, a line of code when it ends, a table
when its last row has come. Markers that turn out to be none are printed as they stand; so are links and all HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rich.cells import cell_len
from rich.syntax import Syntax
from rich.text import Text

HELD = 240  # characters of a span that are held back until it is closed; then it is none
HIGHLIGHTED_LINES = 200  # of a block of code that the colours of its next line may depend on
TAB = "    "

_WIDE = "\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
_UNITS = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")  # between two of them a line may be broken
_WIDE_ONE = re.compile(f"[{_WIDE}]")
_FENCE = re.compile(r"\s{0,3}(`{3,}(?=[^`]*\Z)|~{3,})\s*([\w+#.-]*)")
_HEADING = re.compile(r"#{1,6}\s+")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])(\s+)")
_QUOTE = re.compile(r"\s{0,3}>\s?")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*\Z")
_UNDECIDED = re.compile(r"\s*(?:#{1,6}\s*|\d{1,9}(?:[.)]\s*)?|[`~]{1,2}|>|[-*_+\s]*)\Z")  # may yet begin anything but running text
_WHOLE = ("|", "```", "~~~")  # a line that begins so is read when it has ended
_OPENING = re.compile(rf"`+|(?<![^\W{_WIDE}])(?<!\*)\*{{1,3}}(?=[^\s*])|(?<!\w)_{{1,2}}(?=[^\s_])|~~(?=[^\s~])")
_SEPARATOR = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*\Z")
_STYLES = {"*": "italic", "**": "bold", "***": "bold italic", "_": "italic", "__": "bold", "~~": "strike"}


class MarkdownStream:
    """Turns parts of a text into pieces to print one behind the other; each piece has its own line ends.

    Args:
        width: the columns of the terminal, asked for again whenever a line begins.
        unicode: whether the terminal shows more than ASCII.
    """

    def __init__(self, width: Callable[[], int], unicode: bool = True) -> None:
        self._width_now = width
        self._width = max(8, width())
        self._bullet, self._bar, self._rule = ("•", "│", "─") if unicode else ("*", "|", "-")
        self._line = ""  # what has come of the current line and is not read yet
        self._in_line = False  # its kind is known, and what follows is running text
        self._style = ""  # of the running text of this line
        self._fence = ""  # the marker that closes the block of code; "" outside of one
        self._language = ""
        self._code: list[str] = []
        self._table: list[str] = []
        self._word: list[tuple[str, str]] = []  # parts of the word that is not placed yet, with their styles
        self._blank = ""  # before it
        self._column = 0
        self._indent = 0  # of the lines after the first one of an item or a quote
        self._out = Text()

    def feed(self, text: str) -> Text:
        """Return what can be printed now that `text` has come."""
        self._line += text.expandtabs(len(TAB)) if "\t" in text else text
        while "\n" in self._line:
            line, _, rest = self._line.partition("\n")
            self._end_line(line)
            self._line = rest
        if not self._fence and self._line.strip() and not self._line.lstrip().startswith("|"):
            self._end_table()
            self._read_ahead()
        return self._taken()

    def end(self) -> Text:
        """Return the rest, which ends with a line end unless nothing was printed on its line."""
        if self._line or self._in_line:
            self._end_line(self._line)
        self._line = ""
        self._end_table()
        return self._taken()

    def _taken(self) -> Text:
        out, self._out = self._out, Text()
        return out

    def _read_ahead(self) -> None:
        """Print of an unfinished line what is certain."""
        if not self._in_line:
            if _UNDECIDED.match(self._line) or self._line.lstrip().startswith(_WHOLE):
                return
            self._begin_line()
        cut = max(self._line.rfind(" ") + 1, self._behind_last_wide())
        if cut > 0:
            held = self._spans(self._line[:cut], whole=False)
            self._line = held + self._line[cut:]

    def _behind_last_wide(self) -> int:
        found = [*_WIDE_ONE.finditer(self._line)]
        return found[-1].end() if found else 0

    def _begin_line(self) -> None:
        """Find out what kind of line it is, print its marker and take that from the line."""
        self._width = max(8, self._width_now())
        self._in_line, self._style, self._indent, self._column = True, "", 0, 0
        if found := _HEADING.match(self._line):
            self._style = "bold underline" if found[0].strip() == "#" else "bold"
        elif found := _QUOTE.match(self._line):
            self._marker(f"{self._bar} ", "dim")
        elif found := _ITEM.match(self._line):
            mark = self._bullet if found[2] in "-*+" else found[2]
            self._marker(f"{found[1]}{mark} ", "")
        if found:
            self._line = self._line[found.end() :]

    def _marker(self, text: str, style: str) -> None:
        self._out.append(text, style)
        self._column = cell_len(text)
        self._indent = min(self._column, self._width // 2)

    def _end_line(self, line: str) -> None:
        if self._fence:
            self._code_line(line)
            return
        if not self._in_line and line.lstrip().startswith("|"):
            self._table.append(line)
            return
        self._end_table()
        self._line = line
        if not self._in_line:
            if fence := _FENCE.match(line):
                self._fence, self._language, self._code = fence[1], fence[2], []
                self._out.append(f"{line}\n", "dim")
                return
            if _RULE.match(line):
                self._out.append(f"{self._rule * min(self._width, 40)}\n", "dim")
                return
            self._begin_line()
        self._spans(self._line, whole=True)
        self._place()
        self._blank = ""
        self._out.append("\n")
        self._in_line = False

    def _code_line(self, line: str) -> None:
        if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self._fence = ""
            self._out.append(f"{line}\n", "dim")
            return
        self._code = [*self._code[-HIGHLIGHTED_LINES:], line]
        self._out.append_text(_highlighted(self._code, self._language)).append("\n")

    def _end_table(self) -> None:
        rows, self._table = self._table, []
        if rows:
            self._width = max(8, self._width_now())
            self._out.append_text(_drawn_table(rows, self._width, self._rule))

    def _spans(self, text: str, *, whole: bool) -> str:
        """Print running text with its spans; return what is held back because a span may yet be closed, "" where the line is whole."""
        for piece, style, rest in _pieces(text, self._style, whole):
            if style is None:
                return rest
            self._words(piece, style)
        return ""

    def _words(self, text: str, style: str) -> None:
        for unit in _UNITS.findall(text):
            if unit.isspace():
                self._place()
                self._blank += unit
            elif _WIDE_ONE.match(unit):
                self._place()
                self._word.append((unit, style))
                self._place()
            else:
                self._word.append((unit, style))

    def _place(self) -> None:
        """Print the word, on a new line where it would not fit into this one."""
        size = sum(cell_len(part) for part, _ in self._word)
        if not self._word:
            return
        if self._column > self._indent and self._column + len(self._blank) + size > self._width:
            self._out.append("\n" + " " * self._indent)
            self._column = self._indent
        else:
            self._out.append(self._blank)
            self._column += len(self._blank)
        for part, style in self._word:
            self._out.append(part, style)
        self._column += size
        self._column = self._column % self._width if self._column > self._width else self._column
        self._word, self._blank = [], ""


def _pieces(text: str, style: str, whole: bool) -> Iterator[tuple[str, str | None, str]]:
    """Yield pieces with their styles; a last one without a style has what is to be held back as its rest."""
    at = 0
    while at < len(text):
        opening = _OPENING.search(text, at)
        if opening is None:
            yield text[at:], style, ""
            return
        if opening.start() > at:
            yield text[at : opening.start()], style, ""
        mark = opening[0]
        inner, end = _closed(text, opening.end(), mark)
        if end:
            if mark[0] == "`":
                yield inner, f"{style} cyan".strip(), ""
            else:
                yield from _pieces(inner, f"{style} {_STYLES[mark]}".strip(), True)
            at = end
        elif whole or len(text) - opening.end() > HELD:
            yield mark, style, ""
            at = opening.end()
        else:
            yield "", None, text[opening.start() :]
            return


def _closed(text: str, begin: int, mark: str) -> tuple[str, int]:
    """Return what stands before the marker that closes a span, and the place behind that marker; 0 where none does."""
    escaped = re.escape(mark)
    after = r"(?!\w)" if mark[0] == "_" else ""
    before = "" if mark[0] == "`" else r"(?<=\S)"
    found = re.compile(rf"{before}(?<!{re.escape(mark[0])}){escaped}(?!{re.escape(mark[0])}){after}").search(text, begin)
    if found is None or found.start() == begin or found.end() - begin > HELD:
        return "", 0
    return text[begin : found.start()], found.end()


def _highlighted(lines: list[str], language: str) -> Text:
    """Return the last of the lines of code in its colours."""
    if not language:
        return Text(lines[-1])
    syntax = Syntax("", language, theme="ansi_dark", background_color="default")
    text = syntax.highlight("\n".join(lines))
    last = text.split("\n", allow_blank=True)[len(lines) - 1 : len(lines)]
    return last[0] if last and last[0].plain == lines[-1] else Text(lines[-1])


def _drawn_table(rows: list[str], width: int, rule: str) -> Text:
    """Return a table with its columns under each other; as it stands where it is none or too wide."""
    as_it_stands = Text("".join(f"{row}\n" for row in rows))
    if len(rows) < 2 or not _SEPARATOR.match(rows[1].strip()):
        return as_it_stands
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows if row is not rows[1]]
    columns = max(map(len, cells))
    cells = [row + [""] * (columns - len(row)) for row in cells]
    sizes = [max(_shown(row[i]) for row in cells) for i in range(columns)]
    if sum(sizes) + 2 * (columns - 1) > width:
        return as_it_stands
    out = Text()
    for number, row in enumerate(cells):
        line = Text()
        for cell, size in zip(row, sizes, strict=True):
            for piece, style, _ in _pieces(cell, "bold" if number == 0 else "", True):
                line.append(piece, style or "")
            line.append(" " * (size - _shown(cell) + 2))
        line.rstrip()
        out.append_text(line).append("\n")
        if number == 0:
            out.append("  ".join(rule * size for size in sizes) + "\n", "dim")
    return out


def _shown(cell: str) -> int:
    """Return the columns of a cell without its markers."""
    return sum(cell_len(piece) for piece, _, _ in _pieces(cell, "", True))
