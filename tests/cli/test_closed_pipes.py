"""A reader that leaves ends every command of both programs quietly and with the same exit code, whatever the command prints with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from echorator.host.exits import Exit
from tests.support.commands import COMMAND, KOLLAMA, TIMEOUT_S

PRINTING = {
    "help": (*COMMAND, "--help"),
    "help of a command": (*COMMAND, "serve", "--help"),
    "version": (*COMMAND, "--version"),
    "plain lines": (*COMMAND, "bootstrap"),
    "more than a buffer": (*COMMAND, "manifests"),
    "a table": (*COMMAND, "pull", "echo-nano", "--output", "table"),
    "JSON": (*COMMAND, "models", "list", "--output", "json"),
    "bytes": (*COMMAND, "memory", "export", "--user", "ann"),
    "an answer": (*COMMAND, "chat", "Hello!"),
    "help of kollama": (*KOLLAMA, "--help"),
    "version of kollama": (*KOLLAMA, "--version"),
    "a script": (*KOLLAMA, "completion", "bash"),
    "a Model": (*KOLLAMA, "deploy", "phi", "--dry-run", "client", "-o", "yaml"),
}
FAILING = {
    "usage": (*COMMAND, "nonsense"),
    "failure": (*COMMAND, "bootstrap", "--controller", "nowhere"),
    "usage of kollama": (*KOLLAMA, "nonsense"),
}


def without_reader(command: tuple[str, ...], stream: str, folder: Path, unbuffered: bool) -> tuple[int, str]:
    """Run a command whose stdout or stderr is a pipe that nobody reads; return its exit code and what it says on the other one."""
    reading, writing = os.pipe()
    os.close(reading)
    other = "stderr" if stream == "stdout" else "stdout"
    settings = {**os.environ, "XDG_DATA_HOME": str(folder), "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    try:
        streams = {stream: writing, other: subprocess.PIPE}
        done = subprocess.run(command, **streams, text=True, timeout=TIMEOUT_S, check=False, env=settings)  # type: ignore[call-overload]
    finally:
        os.close(writing)
    return done.returncode, str(getattr(done, other))


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("name", PRINTING)
def test_output(name: str, unbuffered: bool, tmp_path: Path) -> None:
    if name == "bytes":
        add = (*COMMAND, "memory", "add", "My dog is called Pixel.", "--user", "ann", "--memory", str(tmp_path / "echorator" / "memory"))
        subprocess.run(add, capture_output=True, timeout=TIMEOUT_S, check=True)
    assert without_reader(PRINTING[name], "stdout", tmp_path, unbuffered) == (Exit.PIPE_CLOSED, "")


@pytest.mark.parametrize("name", FAILING)
def test_errors(name: str, tmp_path: Path) -> None:
    assert without_reader(FAILING[name], "stderr", tmp_path, unbuffered=False) == (Exit.PIPE_CLOSED, "")
