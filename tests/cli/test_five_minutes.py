"""A newcomer's first five minutes, word for word from the README, after its installation."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
PORTS = (50050, 50052, 8080)
ALONE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")  # where nobody else has a port
TIMEOUT_S = 120


def blocks() -> dict[str, str]:
    """The README's steps, by name."""
    found = re.findall(r"<!-- five minutes: (\w+) -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    return dict(found)


def taken() -> list[int]:
    found = []
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                found.append(port)
    return found


@pytest.mark.skipif(
    shutil.which("grpcurl") is None, reason="grpcurl is absent: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
)
def test_told_killed_started_again_and_remembered(tmp_path: Path) -> None:
    alone = ALONE if subprocess.run((*ALONE, "true"), capture_output=True, check=False).returncode == 0 else ()
    if not alone and (busy := taken()):
        pytest.skip(f"port {busy[0]} of this machine is in use; stop what listens there")
    step = blocks()
    assert step.keys() == {"up", "tell", "kill", "grpcurl", "openai", "xds"}
    installed = tmp_path / ".venv" / "bin"
    installed.mkdir(parents=True)
    for name, words in (("echorator", f"{sys.executable} -P -m echorator"), ("python", f"{sys.executable} -P")):
        (installed / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (installed / name).chmod(0o755)
    (tmp_path / "echorator").mkdir()
    (tmp_path / "echorator" / "__init__.py").write_text('raise ImportError("the folder of a clone, where nothing is built")\n')
    (tmp_path / "openai_client.py").write_text(step["openai"])
    (tmp_path / "ask.py").write_text(step["xds"])
    (instructions := tmp_path / "instructions.sh").write_text(
        f"{step['up']}{step['tell']}{step['kill']}"
        f"{step['grpcurl'].rstrip()} > grpcurl.txt\n"
        ".venv/bin/python openai_client.py > openai.txt\n"
        ".venv/bin/echorator bootstrap > xds.json\n"
        "GRPC_XDS_BOOTSTRAP=xds.json .venv/bin/python ask.py > xds.txt\n"
        "kill $!\nwait $!\n"
    )
    home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "share")}
    with subprocess.Popen(
        (*alone, "bash", "-eu", str(instructions)),
        cwd=tmp_path,
        env=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as bash:
        try:
            output, _ = bash.communicate(timeout=TIMEOUT_S)
        finally:
            if bash.poll() is None or (tmp_path / "share" / "echorator" / "up.json").exists():
                os.killpg(bash.pid, signal.SIGKILL)
    assert bash.returncode == 0, output + (tmp_path / "up.log").read_text()
    assert "Pixel" in output, "the fact is acknowledged"
    for name in ("grpcurl", "openai", "xds"):
        assert "Pixel" in (tmp_path / f"{name}.txt").read_text(), name
    assert "stopped" in (tmp_path / "up.log").read_text() or "stopped" in output
