"""How loaded a model is, as the controller adds it up: of the agents that serve it, and of the gateways that hold requests for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.mesh.mesh_session import MeshSettings
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1 import model_pb2
from tests.support.agents import GREEDY, collected, serving
from tests.support.controllers import Controller, StreamAgent, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
READY, LOADING = pb.AGENT_MODEL_STATE_READY, pb.AGENT_MODEL_STATE_LOADING


@pytest_asyncio.fixture(loop_scope="session")
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controlling(tmp_path) as running:
        yield running


async def load(controller: Controller) -> tuple[int, int, float]:
    """Queued requests, bytes, seconds to the first token."""
    status = (await controller.model("m")).status
    return status.queued, status.size_bytes, status.first_token_p95_s


async def becomes(controller: Controller, queued: int, size_bytes: int, first_token_p95_s: float) -> None:
    async def holds() -> bool:
        return await load(controller) == (queued, size_bytes, first_token_p95_s)

    await eventually(holds, f"the load is {queued}, {size_bytes}, {first_token_p95_s}")


def model(state: pb.AgentModelState, queued: int, size_bytes: int, first_token_p95_s: float) -> pb.AgentModel:
    return pb.AgentModel(name="m", state=state, slots=1, queued=queued, size_bytes=size_bytes, first_token_p95_s=first_token_p95_s)


async def test_of_ready_agents_the_queues_add_up_and_the_slowest_counts(controller: Controller) -> None:
    await controller.apply("m", 0)
    agents = [StreamAgent(controller, name) for name in "abc"]
    for agent, own in zip(agents, (model(READY, 2, 700, 0.5), model(READY, 3, 800, 4.0), model(LOADING, 9, 900, 9.0)), strict=True):
        agent.own = [own]
        await agent.join()
    await becomes(controller, 5, 800, 4.0)
    await agents[1].leave()
    await becomes(controller, 2, 700, 0.5)


async def test_what_gateways_hold_waits_too_until_their_stream_ends(controller: Controller) -> None:
    await controller.apply("m", 0)
    first, second = controller.private.GatewaySession(), controller.private.GatewaySession()
    await first.write(mesh_pb2.GatewayReport(waiting={"m": 4, "other": 7}))
    await second.write(mesh_pb2.GatewayReport(waiting={"m": 4}))
    await becomes(controller, 8, 0, 0.0)
    await first.write(mesh_pb2.GatewayReport(waiting={"other": 7}))
    await becomes(controller, 4, 0, 0.0)
    await second.write(mesh_pb2.GatewayReport(waiting={"m": -4}))
    await first.write(mesh_pb2.GatewayReport(waiting={"m": 3}))
    await becomes(controller, 3, 0, 0.0)
    first.cancel()
    await becomes(controller, 0, 0, 0.0)
    await second.done_writing()
    while await second.read() is not aio.EOF:
        pass
    assert await second.code() is grpc.StatusCode.OK


async def test_an_agent_says_how_large_its_model_is_and_how_long_first_tokens_took(controller: Controller) -> None:
    await controller.apply("m", 0)
    async with serving({"m": embedded_model()}) as agent:
        session = agent.server.join(MeshSettings(controller.address, "a", agent.address))
        await controller.ready("m", 1)
        size_bytes = agent.server.registry.get("m").info.size_bytes
        await becomes(controller, 0, size_bytes, 0.0)
        await collected(agent.stub.Generate(model_pb2.GenerateRequest(prompt="Hello", sampling=GREEDY)))

        async def measured() -> bool:
            return (await load(controller))[2] > 0.0

        await eventually(measured, "the time to the first token")
        await session.close()
