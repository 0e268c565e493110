"""The comments of a class's fields, as they stand in its source: after a field on its line, or on the lines before it."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize


def comments_of(kind: type) -> dict[str, str]:
    """Return the comment of each field or enum member of a class, by its name; fields without a comment are left out."""
    source = textwrap.dedent(inspect.getsource(kind))
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    said = {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}
    alone = {t.start[0] for t in tokens if t.type == tokenize.COMMENT and not t.line[: t.start[1]].strip()}
    found = {}
    for node in _class_in(source).body:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(target, ast.Name):
            continue
        before: list[str] = []
        line = node.lineno - 1
        while line in alone:
            before.insert(0, said[line])
            line -= 1
        after = said.get(node.end_lineno or node.lineno, "")
        if text := " ".join([*before, after]).strip():
            found[target.id] = text
    return found


def _class_in(source: str) -> ast.ClassDef:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef)
    return node
