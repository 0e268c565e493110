"""Who has a say in what an agent of a mesh loads: of one that is for one model, the controller alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from echorator.agent.mesh.mesh_session import MeshSettings
from echorator.rpc.v1 import controller_pb2
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, Agent, collected, refused, serving, user
from tests.support.controllers import Controller, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def joined(controller: Controller, echo_nano: Path, for_model: str) -> AsyncIterator[Agent]:
    async with serving({"own": echo_nano}) as agent:
        session = agent.server.join(MeshSettings(controller.address, "a", agent.address, for_model=for_model))
        await session.joined.wait()
        yield agent


async def names(agent: Agent) -> list[str]:
    return [model.name for model in (await agent.stub.ListModels(pb.ListModelsRequest())).models]


async def test_nobody_but_the_controller_loads_and_unloads_on_an_agent_for_one_model(echo_nano: Path, tmp_path: Path) -> None:
    async with controlling(tmp_path) as controller, joined(controller, echo_nano, "m") as agent:
        for call in (
            agent.stub.LoadModel(pb.LoadModelRequest(name="other", path=str(echo_nano))),
            agent.stub.UnloadModel(pb.UnloadModelRequest(model="own")),
            agent.stub.PullModel(pb.PullModelRequest(source="echo-nano")),
        ):
            await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "this agent serves 'm' for a mesh", "change the Model instead")
        assert await names(agent) == ["own"]

        await controller.apply("m", source=str(echo_nano))
        await controller.ready("m", 1)
        request = pb.ChatRequest(model="m", messages=user("Hello!"), sampling=GREEDY)
        assert (await collected(agent.stub.Chat(request)))[0]
        await controller.stub.DeleteModel(controller_pb2.DeleteModelRequest(name="m"))

        async def unloaded() -> bool:
            return await names(agent) == ["own"]

        await eventually(unloaded, "only its own model")


async def test_an_agent_for_any_model_loads_what_it_is_asked_to(echo_nano: Path, tmp_path: Path) -> None:
    async with controlling(tmp_path) as controller, joined(controller, echo_nano, "") as agent:
        replies = [reply async for reply in agent.stub.LoadModel(pb.LoadModelRequest(name="other", path=str(echo_nano)))]
        assert replies[-1].model.name == "other"
        await agent.stub.UnloadModel(pb.UnloadModelRequest(model="other"))
