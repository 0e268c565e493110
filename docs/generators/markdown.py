"""Markdown that GitHub and MkDocs render alike. Pure; used by every page's module."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")


def code(text: str) -> str:
    """Return `text` as code. One with "|" becomes HTML: in a table GitHub wants "\\|" there, and MkDocs would print the backslash."""
    if "|" in text or "`" in text:
        return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"
    return f"`{text}`"


def prose(text: str) -> str:
    """Return `text` on one line with what Markdown would read as a sign of its own escaped, but for code between backticks."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(part[1:-1]) if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([*\\])", r"\\\1", html.escape(text, quote=False)).replace("|", "&#124;").replace("`", "&#96;")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table and an empty line after it; no lines for no rows. Cells are Markdown already."""
    made = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *made, ""] if made else []


def document(title: str, introduction: str, lines: Iterable[str]) -> str:
    """Return a whole page, which says on top that it is generated."""
    note = "<!-- Made by `python docs/generate.py`; change what it reads, not this file. -->"
    return "\n".join([note, "", f"# {title}", "", introduction.strip(), "", *lines]).rstrip() + "\n"
