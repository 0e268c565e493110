"""Tables on terminals of any width, and where there is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from echorator.cli.output.rendering import PIPE_WIDTH
from echorator.cli.output.tables import Column, Table

LONG = "a-model-with-a-very-long-name-of-which-the-end-says-which-one-it-is-7"
COLUMNS = ("NAME", Column("SLOTS", right=True), Column("SPARE", spare=True), Column("DIGEST", wide=True), "SAYS")
ROWS = ((LONG, 3, "more", "sha256:0", "it waits for an agent that has room for it, " * 3), ("日本語のモデル", 12, "", "", ""))


def shown(width: int, wide: bool = False) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, soft_wrap=True, markup=False, highlight=False).print(Table(COLUMNS, ROWS, wide))
    return out.getvalue().splitlines()


def test_without_a_terminal_nothing_is_cut_or_folded() -> None:
    head, first, second = shown(PIPE_WIDTH)
    assert head.split() == ["NAME", "SLOTS", "SPARE", "SAYS"]
    assert first.startswith(LONG)
    assert first.count("it waits") == 3
    assert second.split() == ["日本語のモデル", "12"]
    assert shown(40, wide=True)[0].split() == ["NAME", "SLOTS", "SPARE", "DIGEST", "SAYS"]
    assert shown(40, wide=True)[1].startswith(LONG)


@pytest.mark.parametrize("width", [50, 80, 100])
def test_a_terminal_has_no_longer_line(width: int) -> None:
    lines = shown(width)
    assert max(Text(line).cell_len for line in lines) <= width
    assert lines[0].split() == ["NAME", "SLOTS", "SAYS"], "what may be missing gives way first"
    name = lines[1].split()[0]
    assert name[0] == "a"
    assert name.endswith("-7"), "names differ at their ends"
    assert "…" in name
    assert " ".join(" ".join(lines[1:-1]).split()).count("agent") == 3, "the last column is folded"


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    out = io.StringIO()
    Console(file=out, width=80, soft_wrap=True).print(Table(("NAME", "SAYS"), [("\x1b[31mred", "two\nlines")]))
    assert out.getvalue().splitlines()[1] == " [31mred  two lines"
