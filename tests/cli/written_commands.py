"""Runs commands as the README and the guides write them: in a folder of their own, alone on their ports, with `echorator` on the PATH."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import programs

ROOT = Path(__file__).parents[2]
ALONE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")  # where nobody else has a port
TIMEOUT_S = 240
UNTIL_LISTENING = 'listening() { until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 0.05; done; }\n'


def marked(page: str, mark: str) -> dict[str, str]:
    """Return the code blocks of a page before which a mark stands, by what the mark's pattern has in its group, in their order."""
    found = re.findall(rf"{mark}\n```\w+\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert len(dict(found)) == len(found), "two blocks of one name"
    return dict(found)


def taken(ports: Sequence[int]) -> list[int]:
    """Return the ports on which something listens."""
    found = []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                found.append(port)
    return found


def commands_in(folder: Path) -> None:
    """Write `echorator` and `python` of this environment into `.venv/bin` below a folder, beside a package that must not be imported."""
    installed = folder / ".venv" / "bin"
    installed.mkdir(parents=True)
    for name, words in (("echorator", f"{sys.executable} -P -m echorator"), ("python", f"{sys.executable} -P")):
        (installed / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (installed / name).chmod(0o755)
    (folder / "echorator").mkdir()
    (folder / "echorator" / "__init__.py").write_text('raise ImportError("the folder of a clone, where nothing is built")\n')


def typed(folder: Path, script: str, ports: Sequence[int]) -> tuple[int, str]:
    """Run a script of bash in the folder and return its exit code and its output. Skips the test where one of the ports is not free.

    The script has the function `listening PORT`, which returns once something listens there. Processes that it leaves are killed.
    """
    alone = ALONE if subprocess.run((*ALONE, "true"), capture_output=True, check=False).returncode == 0 else ()
    if not alone and (busy := taken(ports)):
        pytest.skip(f"port {busy[0]} is in use; {programs.reason('free ports')}")
    (instructions := folder / "instructions.sh").write_text(UNTIL_LISTENING + script)
    home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder / "share")}
    home["PATH"] = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
    with (
        (folder / "output.txt").open("w+") as output,
        subprocess.Popen(
            (*alone, "bash", "-eu", str(instructions)), cwd=folder, env=home, stdout=output, stderr=output, start_new_session=True
        ) as bash,
    ):
        try:
            code = bash.wait(TIMEOUT_S)
        finally:
            if bash.poll() is None or bash.returncode or (folder / "share" / "echorator" / "up.json").exists():
                os.killpg(bash.pid, signal.SIGKILL)
    return code, (folder / "output.txt").read_text()
