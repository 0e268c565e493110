"""`echorator doctor`: what it finds on a machine that is right, and each thing that it is to find where it is not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from echorator.host.diagnosis import NOTE, OK, WRONG, findings
from tests.support.commands import COMMAND, TIMEOUT_S
from tests.support.processes import Process


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, "doctor", *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env={**os.environ, **environment}
    )


def found(**environment: str) -> dict[str, Any]:
    return {each["what"]: each for each in json.loads(doctor("-o", "json", **environment).stdout)["findings"]}


def test_a_machine_that_is_right(tmp_path: Path) -> None:
    done = doctor(XDG_DATA_HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "llama-cpp-python" in done.stdout
    assert "server: echorator up, or echorator run MODEL" in done.stdout
    assert not list(tmp_path.iterdir())  # looking changes nothing


def test_the_server_that_runs(tmp_path: Path) -> None:
    serve = Process(tmp_path / "log", "serve", "--port", "0", env={"XDG_DATA_HOME": str(tmp_path)}).start()
    try:
        says = found(XDG_DATA_HOME=str(tmp_path))["server"]
        assert says["state"] == OK
        assert says["says"].startswith(f"`serve` runs as process {serve.popen.pid}: 127.0.0.1:" if serve.popen else "")
    finally:
        serve.terminate()
    assert found(XDG_DATA_HOME=str(tmp_path))["server"]["state"] == NOTE


def test_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "echorator").mkdir(mode=0o755)
    (tmp_path / "echorator" / "config.toml").write_text("[chat]\ntemprature = 1\n")
    says = found(XDG_DATA_HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path), http_proxy="http://proxy:3128", no_proxy="")
    assert says["configuration"]["state"] == WRONG
    assert "did you mean temperature?" in says["configuration"]["says"]
    assert says["proxy"]["todo"] == "export no_proxy=localhost,127.0.0.1"
    assert says["permissions"]["state"] in (NOTE, OK)
    assert doctor(XDG_DATA_HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path)).returncode == 1
    assert "proxy" not in found(XDG_DATA_HOME=str(tmp_path), http_proxy="http://proxy:3128", no_proxy="localhost,127.0.0.1")


def test_ports_of_other_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr("echorator.host.diagnosis.HTTP_PORT", taken.getsockname()[1])
        (ports,) = [each for each in findings({}) if each.what == "ports"]
    assert ports.state == NOTE
    assert "(HTTP of up)" in ports.says
    assert "--http-port" in ports.todo
