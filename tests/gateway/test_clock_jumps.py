"""The wall clock of every process of a mesh jumps by a day, forward and back, under load."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway.load import Load, answer, chat, client
from tests.support.mesh import Mesh

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("faketime"),
]


@pytest.mark.slow
async def test_a_day_forward_and_back(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    faked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    mesh = Mesh(tmp_path, faked)
    mesh.controller.arguments = (*mesh.controller.arguments, "--lost-after", "10")  # a day is more, a busy machine's pause is not
    with mesh:
        for name in ("a", "b"):
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 2)
        _, address = mesh.gateway()
        async with client(address) as stub:
            load = Load(lambda: answer(chat(stub)), 4)
            await load.more(20)
            for i, jump in enumerate(("+1d", "-1d", "+0")):
                offset.write_text(jump)
                mesh.command("apply", f"other-{i}", "--source", "echo-nano", "--replicas", "0")  # the controller logs it
                await load.more(40)
                agents = json.loads(mesh.command("agents", "--output", "json"))["agents"]
                assert [(agent["id"], agent["state"]) for agent in agents] == [("a", "AGENT_STATE_READY"), ("b", "AGENT_STATE_READY")]
            await load.stop()
            assert load.failures == []
        mesh.command("scale", "echo", "1", "--wait", "20")
        assert json.loads(mesh.command("models", "--output", "json"))["models"][0]["status"]["ready"] == 1
        said = mesh.controller.log.read_text()
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert f"{tomorrow:%Y-%m-%d}" in said, "the clock did jump"
        assert "agent lost" not in said
