"""The fenced code blocks of the documentation, with the mark before each, which says what runs it.

    <!-- run: NAME -->         the test runs it that has NAME, or what NAME begins with, in its source; `.ci/run` counts as a test
    <!-- GROUP: NAME -->       the test runs it that reads blocks of this GROUP
    <!-- not run: REASON -->   no test can

A block of shell commands needs a mark. Blocks in `docs/reference/` are generated and have none.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHELLS = ("sh", "bash", "shell", "console")
_FENCE = re.compile(r"^(\s*)(```+|~~~+)[ \t]*(\w*)")
_MARK = re.compile(r"^\s*<!-- (.+?) -->\s*$")


@dataclass(frozen=True)
class Block:
    """A block of a page; `line` is that of its fence, from 1, and `mark` what stands in the comment before it, "" for none."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def shell(self) -> bool:
        """Whether it holds commands."""
        return self.language in SHELLS

    @property
    def kind(self) -> str:
        """The mark's first part: "run", "not run", or the group of a test."""
        return self.mark.partition(":")[0]

    @property
    def name(self) -> str:
        """The mark's second part: a name, or the reason why it is not run; "" where the mark has one part only."""
        return self.mark.partition(": ")[2]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def claim(block: Block) -> re.Pattern[str]:
    """Return what the source of a test that runs a block has: its mark, its name as a text, or the beginning of marks of its group."""
    alternatives = [re.escape(f"<!-- {block.mark} -->")]
    if block.kind == "run":
        alternatives.append(f'"{re.escape(block.name)}"')
        group, dash, _ = block.name.partition("-")
        if dash:
            alternatives.append(re.escape(f"<!-- run: {group}-("))
    elif block.name:
        alternatives.append(re.escape(f"<!-- {block.kind}: ("))
    return re.compile("|".join(alternatives))


@cache
def claimants() -> tuple[str, ...]:
    """Return the sources of everything that may run a block, but for the tests of this folder."""
    tests = (path for path in (ROOT / "tests").rglob("*.py") if path.parent != Path(__file__).parent)
    return (*(path.read_text("utf-8") for path in tests), (ROOT / ".ci/run").read_text("utf-8"))


def blocks_in(text: str, page: str) -> list[Block]:
    """Return the blocks of a page's text. Raises ValueError for a mark that no block follows, and for a block without an end."""
    found = []
    mark, begun = "", 0
    lines = text.splitlines()
    fence: re.Match[str] | None = None
    for number, line in enumerate(lines, 1):
        if fence is not None:
            if line.strip() == fence[2]:
                body = textwrap.dedent("\n".join(lines[begun : number - 1])) + "\n"
                found.append(Block(page, begun, fence[3], mark, body))
                fence, mark = None, ""
        elif opened := _FENCE.match(line):
            fence, begun = opened, number
        elif marked := _MARK.match(line):
            mark = marked[1]
        elif mark and line.strip():
            if mark.startswith(("run:", "not run:")):
                raise ValueError(f"{page}:{number}: no block follows the mark {mark!r}")
            mark = ""
    if fence is not None:
        raise ValueError(f"{page}:{begun}: the block has no end")
    return found


def pages() -> list[Path]:
    """Return the pages that people write, the README first."""
    return [README, *sorted(p for p in (ROOT / "docs").rglob("*.md") if "reference" not in p.relative_to(ROOT / "docs").parts)]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page of this repository."""
    return blocks_in(page.read_text("utf-8"), str(page.relative_to(ROOT)))
