"""What the README of an example says: the commands to set it up, the commands to run it, and what these print.

Fed by examples/*/README.md; feeds the tests here and tests/kube/test_example.py, which run the commands word for word.
"""

from __future__ import annotations

import difflib
import doctest
import re
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Page:
    """The code blocks of one README. `set_up` is "" where nothing needs to be set up."""

    set_up: str
    run: str
    prints: str

    def differs(self, printed: str) -> str:
        """Return a diff of what the page says to what was printed; "" where both agree. `...` of the page stands for any text."""
        if doctest.OutputChecker().check_output(self.prints, printed, doctest.ELLIPSIS):
            return ""
        return "\n".join(difflib.unified_diff(self.prints.splitlines(), printed.splitlines(), "README", "printed", lineterm=""))


def names() -> list[str]:
    """Return the names of all examples, each of which is a folder."""
    return sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def page(name: str) -> Page:
    """Read the README of one example. Raises AssertionError where it lacks a section that every example has."""
    text = (EXAMPLES / name / "README.md").read_text("utf-8")
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    found = {title: re.search(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL) for title, section in sections.items()}
    blocks = {title: block[1] for title, block in found.items() if block is not None}
    assert {"Run it", "What it prints"} <= blocks.keys() <= {"Set it up", "Run it", "What it prints"}, blocks.keys()
    return Page(blocks.get("Set it up", ""), blocks["Run it"], blocks["What it prints"])
