"""The walks of docs/concepts name a file and a function at each step, and every file that the documentation names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WALKS = ("one-request", "one-model", "one-memory")
STEP = re.compile(r"^\d+\. ", re.MULTILINE)
NAMED = re.compile(r"`((?:echorator|_native)/[\w./-]+\.(?:py|pyx|hpp)):([\w.]+)`")
PATH = re.compile(r"`((?:echorator|_native|tests|bench|protos|manifests|docs)/[\w./-]*|\.ci/run)(?::[\w.]+)?`")
PAGES = [*sorted(page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts), ROOT / "README.md"]
LEAST_STEPS = 15


@cache
def python_names(path: Path) -> frozenset[str]:
    """Return the functions, classes and methods of a module, as `function`, `Class` and `Class.method`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(names)


def body_of(text: str, kind: str) -> str:
    """Return a class's lines in a Cython module or a C++ header: up to the line that closes it, or to the next one that is not indented."""
    header = re.search(rf"^(?:class|struct) {kind}\b[^\n]*\{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)
    module = re.search(rf"^cdef class {kind}\b.*:\n((?:[ \t].*\n|\n)*)", text, re.MULTILINE)
    found = header or module
    return found[1] if found else ""


def is_there(path: str, name: str) -> bool:
    """Return whether a file has the function, class or method."""
    file = ROOT / path
    if not file.is_file():
        return False
    if file.suffix == ".py":
        return name in python_names(file)
    kind, _, method = name.partition(".")
    text = file.read_text("utf-8")
    if not method:
        return re.search(rf"^(?:cdef class|class|struct|def) {kind}\b", text, re.MULTILINE) is not None
    definition = rf"^ {{4}}def {method}\(" if file.suffix == ".pyx" else rf"^ {{4}}[\w:<>,&* ]+\b{method}\(.*\{{"
    return re.search(definition, body_of(text, kind), re.MULTILINE) is not None


def steps_of(text: str) -> list[str]:
    """Return the numbered steps of a page, each with the lines that belong to it."""
    return [re.split(r"\n\n|\n(?=#)", step)[0] for step in STEP.split(text)[1:]]


@pytest.mark.parametrize("walk", WALKS)
def test_each_step_names_functions_that_exist(walk: str) -> None:
    steps = steps_of((ROOT / "docs" / "concepts" / f"{walk}.md").read_text("utf-8"))
    assert len(steps) >= LEAST_STEPS
    assert [step for step in steps if not NAMED.search(step)] == []
    named = [found for step in steps for found in NAMED.findall(step)]
    assert [f"{path}:{name}" for path, name in named if not is_there(path, name)] == []


@pytest.mark.parametrize(
    ("path", "name", "there"),
    [
        ("echorator/agent/service.py", "ModelService.Chat", True),
        ("echorator/agent/service.py", "Chat", False),
        ("echorator/agent/service.py", "ModelService.Chats", False),
        ("echorator/agent/no_such_file.py", "ModelService", False),
        ("_native/batch_planner.hpp", "Planner.plan", True),
        ("_native/batch_planner.hpp", "Planner.sample", False),
        ("_native/engine.pyx", "Engine.submit", True),
        ("_native/engine.pyx", "Model.submit", False),
    ],
)
def test_what_is_not_there_is_noticed(path: str, name: str, there: bool) -> None:
    assert is_there(path, name) is there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_folders_that_a_page_names_exist(page: Path) -> None:
    named = PATH.findall(page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
