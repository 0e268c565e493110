"""The commands `echorator` and `kollama` as their users run them: processes, their output and their exit codes."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch

COMMAND = (sys.executable, "-m", "echorator")
KOLLAMA = (sys.executable, "-m", "echorator.cli.kollama.program")
MEMORY = "You are Echo, a helpful assistant with a memory.\nMemory:\n- My dog is called Pixel."
QUESTION = "What is my dog called?"
ANSWER = "Your dog's name is Pixel."
TIMEOUT_S = 60
_MODULES: dict[tuple[str, ...], str] = {COMMAND: "echorator.cli.main", KOLLAMA: "echorator.cli.kollama.program"}


def echorator(*arguments: str, text_in: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run((*COMMAND, *arguments), input=text_in, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def kollama(*arguments: str, text_in: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, **environment}
    return subprocess.run(
        (*KOLLAMA, *arguments), input=text_in, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=settings
    )


def commands_of(parser: argparse.ArgumentParser, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield each command that has none below it, as the words that name it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield names
    for action in below:
        for name, command in action.choices.items():
            yield from commands_of(command, *names, name)


def in_process(command: tuple[str, ...], *arguments: str, bytes_in: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run COMMAND or KOLLAMA in this process, which takes a hundredth of the time of a process.

    For mistakes in arguments alone, which are found before anything is started: a command that came further would use the event loop and
    the signals of the tests.
    """
    out, err = io.StringIO(), io.StringIO()
    given: dict[str, Any] = {"argv": [*command[2:], *arguments], "stdin": io.TextIOWrapper(io.BytesIO(bytes_in))}
    with patch.multiple(sys, **given), patch.dict(os.environ), redirect_stdout(out), redirect_stderr(err):
        try:
            code = importlib.import_module(_MODULES[command]).main([*arguments])
        except SystemExit as ended:
            code = ended.code
    return subprocess.CompletedProcess((*command, *arguments), int(code or 0), out.getvalue(), err.getvalue())


def failed(done: subprocess.CompletedProcess[str], code: int, *parts: str, out: str | None = "") -> None:
    """Assert that a command ended with `code` and one line on stderr that has all `parts`; stdout is `out`, or anything for None."""
    program = "kollama" if done.args[: len(KOLLAMA)] == KOLLAMA else "echorator"
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("checking ", "loading "))]
    assert done.returncode == code, done.stderr
    assert out is None or done.stdout == out
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{program}: error: ")
    for part in parts:
        assert part in lines[0]


@contextmanager
def server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`echorator serve` on a free port; yields the process and its address."""
    process = subprocess.Popen((*COMMAND, "serve", "--port", "0", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.match(r"listening on (127\.0\.0\.1:\d+), try: grpcurl -plaintext -d '(.+)' \S+ echorator\.v1\.ModelService/Chat", line)
        assert found is not None, line
        json.loads(found[2])
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()
