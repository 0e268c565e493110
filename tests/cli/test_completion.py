"""Completion of command lines, in a real bash, and the scripts of the other shells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import COMMAND, failed, in_process

ASK = """\
source <(echorator completion bash)
COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p echorator | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p') echorator "${COMP_WORDS[-1]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("echorator me", {"memory", "mesh"}),
        ("echorator chat --temp", {"--temperature"}),
        ("echorator up --view li", {"live", "lines"}),
        ("echorator memory sea", {"search"}),
        ("echorator completion f", {"fish"}),
    ],
)
def test_bash_completes(line: str, choices: set[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ("bash", "-c", ASK, "bash", line), capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "PATH": path}
    )
    assert {word.strip() for word in done.stdout.split()} == choices


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    done = in_process(COMMAND, "completion", shell)
    assert done.returncode == 0
    assert "echorator" in done.stdout


def test_an_unknown_shell_is_refused() -> None:
    failed(in_process(COMMAND, "completion", "tcsh"), 2, "invalid choice: 'tcsh'")
