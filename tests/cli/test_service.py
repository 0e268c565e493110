"""`echorator service`: the unit of systemd that it writes, and what systemd would make of its command."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cli.echorator.machine.service import unit_text
from tests.support.commands import COMMAND, TIMEOUT_S


def service(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "XDG_CONFIG_HOME": str(home), "PATH": str(home)}  # no systemctl is on this PATH
    return subprocess.run((*COMMAND, "service", *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=settings)


def split_by_systemd(line: str) -> list[str]:
    """Split a command as systemd.service(5) describes it: quotes, backslashes, %% and $$."""
    words: list[str] = []
    word: str | None = None
    quoted, at = False, 0
    while at < len(line):
        sign = line[at]
        if sign == "\\":
            at += 1
            word = (word or "") + line[at]
        elif sign == '"':
            quoted, word = not quoted, word or ""
        elif sign == " " and not quoted:
            words, word = [*words, *([word] if word is not None else [])], None
        else:
            at += sign in "%$" and line[at : at + 2] == sign * 2
            word = (word or "") + sign
        at += 1
    return [*words, *([word] if word is not None else [])]


def command_of(text: str) -> list[str]:
    parsed = configparser.RawConfigParser()
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # names of systemd have capitals
    parsed.read_string(text)
    return split_by_systemd(parsed["Service"]["ExecStart"])


@given(st.lists(st.text(alphabet="ab %$\"'\\-=/", max_size=12), max_size=4))
def test_the_command_that_systemd_runs(options: list[str]) -> None:
    words = command_of(unit_text(options))
    assert words[-len(options) - 3 :] == ["up", "--view", "lines", *options]
    assert Path(words[0]).is_absolute()


def test_installed_shown_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "systemd" / "user" / "echorator.service"
    shown = service(tmp_path, "show", "--", "--http-port", "8081")
    assert command_of(shown.stdout)[-2:] == ["--http-port", "8081"]
    assert not path.exists()
    done = service(tmp_path, "install", "--", "--http-port", "8081")
    assert done.returncode == 0, done.stderr
    assert "later: systemctl --user enable --now echorator.service" in done.stdout
    assert path.read_text() == shown.stdout
    assert service(tmp_path, "remove").returncode == 0
    assert not path.exists()
    again = service(tmp_path, "remove")
    assert again.returncode == 1
    assert "nothing was installed" in again.stderr


@pytest.mark.parametrize("options", [("--http-prt", "1"), ("--http-port", "x"), ("--hepl",)])
def test_a_wrong_option_of_up_is_refused_before_it_is_written(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = service(tmp_path, "install", "--", *options)
    assert done.returncode == 2
    assert "see `echorator up --help`" in done.stderr
    assert not (tmp_path / "systemd").exists()
