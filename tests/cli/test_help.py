"""`--help` of every command of both programs at the widths of terminals."""

from __future__ import annotations

import re
import shlex

import pytest

from docs.generators.commands import below
from echorator.cli.main import parser
from echorator.cli.options import kollama
from echorator.cli.parsing import Parser
from tests.support.commands import COMMAND, in_process

PROGRAMS = {"echorator": parser, "kollama": kollama.parser}
NAMES = {"echorator": "echorator", "kollama": "kollama", "kubectl-echorator": "kubectl echorator"}


def texts(called: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the help of each command by its name, of the program as it was called."""
    monkeypatch.setattr("sys.argv", [called])
    top: Parser = PROGRAMS["echorator" if called == "echorator" else "kollama"]()
    return {made.prog: made.format_help() for made in below(top)}


@pytest.mark.parametrize("called", NAMES)
def test_no_line_is_wider_than_80_columns(called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = texts(called, monkeypatch)
    assert len(found) > 10
    assert all(name.startswith(NAMES[called]) for name in found)
    assert [(name, line) for name, text in found.items() for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("columns", [10, 40, 60, 79, 200])
@pytest.mark.parametrize("called", NAMES)
def test_narrow_and_wide_terminals(called: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name, text in texts(called, monkeypatch).items():
        assert text.startswith("usage: ")
        assert name in " ".join(text.split())


@pytest.mark.parametrize("called", NAMES)
def test_a_folded_example_is_the_same_command(called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = {}
    for columns in (60, 1000):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = re.sub(r" \\\n +", " ", "".join(texts(called, monkeypatch).values())).splitlines()
        examples = [
            line.strip().partition("   ")[0] for line in lines if line.startswith(f"  {NAMES[called]} ") and "  " not in line.strip()
        ]
        commands[columns] = {tuple(shlex.split(example)) for example in examples}
    folded = {words for words in commands[1000] if len(" ".join(words)) > 60}
    assert folded
    assert folded <= commands[60]


@pytest.mark.parametrize("called", NAMES)
def test_every_example_is_a_command_line(called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    top = PROGRAMS["echorator" if called == "echorator" else "kollama"]()
    read = 0
    for text in texts(called, monkeypatch).values():
        for line in text.splitlines():
            if not line.startswith("  ") or NAMES[called] not in line.partition("   ")[0]:
                continue
            for part in re.split(r" (?:\||&&|&|>|<) |<\(|\)|\| *|; ", re.split(r" {2,}", line.strip())[0]):
                if not part.strip().startswith(f"{NAMES[called]} "):
                    continue
                words = shlex.split(re.split(r" [<>&]", part.strip())[0])[len(NAMES[called].split()) :]
                if "..." not in words:
                    top.parse_args(words)
                    read += 1
    assert read > 10


def test_the_command_prints_it() -> None:
    done = in_process(COMMAND, "scale", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: echorator scale [-h]")
