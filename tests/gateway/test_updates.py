"""Models that are changed while they are asked: what serves goes on until what takes its place is here, and no call is lost."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.load import Load, answer, chat, client
from tests.support.mesh import Mesh, xds_client
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def model(mesh: Mesh) -> Any:
    return json.loads(mesh.command("models", "--output", "json"))["models"][0]


@pytest.mark.slow
async def test_new_options_reach_one_agent_after_the_other(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b", "c"):
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 3, "--slots", "4")
        _, address = mesh.gateway()
        least = 3

        async def count() -> None:
            nonlocal least
            while True:
                least = min(least, (await asyncio.to_thread(model, mesh))["status"]["ready"])

        async with client(address) as stub:
            with xds_client(mesh, "xds:///echo") as direct:
                load = Load(lambda: answer(chat(stub)), 4)
                await load.more(20)
                counting = asyncio.create_task(count())
                await asyncio.to_thread(mesh.command, "apply", "echo", "--slots", "6", "--wait", "60")
                await load.more(20)
                await load.stop()
                counting.cancel()
                told, _ = await asyncio.to_thread(direct.communicate, "")
        assert load.failures == []
        assert json.loads(told)["failures"] == []
        status = model(mesh)["status"]
        assert (status["ready"], status["updated"], status["slots"]) == (3, 3, 18)
        assert least >= 2, "more than one agent loaded at the same time"


@pytest.mark.slow
async def test_a_model_that_is_not_there_does_not_take_the_place_of_one_that_serves(tmp_path: Path) -> None:
    absent = tmp_path / "later.gguf"
    with Mesh(tmp_path) as mesh:
        mesh.agent("a")
        mesh.apply("echo", "echo-nano", 1)
        _, address = mesh.gateway()
        async with client(address) as stub:
            load = Load(lambda: answer(chat(stub)), 2)
            await load.more(10)
            await asyncio.to_thread(mesh.command, "apply", "echo", "--source", str(absent))
            await eventually(lambda: "later.gguf: no such file" in str(model(mesh)["status"].get("lastError")), "the error is shown")
            await load.more(10)
            status = model(mesh)["status"]
            assert (status["ready"], status.get("updated", 0)) == (1, 0)
            shutil.copy(embedded_model(), absent)
            await asyncio.to_thread(mesh.command, "apply", "echo", "--slots", "3", "--wait", "60")  # a mistake waits for a change
            await load.more(10)
            await load.stop()
        assert load.failures == []
        assert model(mesh)["status"]["updated"] == 1
