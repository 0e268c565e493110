"""A newcomer's first five minutes, word for word from the README, after its installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.written_commands import commands_in, marked, typed

PORTS = (50050, 50052, 8080)


@pytest.mark.slow
@pytest.mark.needs("grpcurl", "free ports")
def test_told_killed_started_again_and_remembered(tmp_path: Path) -> None:
    step = marked("README.md", r"<!-- five minutes: (\w+) -->")
    assert step.keys() == {"up", "tell", "kill", "grpcurl", "openai", "xds"}
    commands_in(tmp_path)
    (tmp_path / "openai_client.py").write_text(step["openai"])
    (tmp_path / "ask.py").write_text(step["xds"])
    code, output = typed(
        tmp_path,
        f"{step['up']}{step['tell']}{step['kill']}"
        f"{step['grpcurl'].rstrip()} > grpcurl.txt\n"
        ".venv/bin/python openai_client.py > openai.txt\n"
        ".venv/bin/echorator bootstrap > xds.json\n"
        "GRPC_XDS_BOOTSTRAP=xds.json .venv/bin/python ask.py > xds.txt\n"
        "kill $!\nwait $!\n",
        PORTS,
    )
    assert code == 0, output + (tmp_path / "up.log").read_text()
    assert "Pixel" in output, "the fact is acknowledged"
    for name in ("grpcurl", "openai", "xds"):
        assert "Pixel" in (tmp_path / f"{name}.txt").read_text(), name
    assert "stopped" in (tmp_path / "up.log").read_text() or "stopped" in output
