"""The health of models at the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.model_health import ModelHealth
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.health import Health, model_service
from tests.gateway.serving import Gateway, gatewaying
from tests.support.waiting import eventually

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class _Deaf:
    """Listens to nothing."""

    def held(self) -> dict[str, int]:
        return {}

    def agent_changed(self, agent: pb.Agent) -> None: ...

    def agent_removed(self, agent_id: str) -> None: ...

    def model_changed(self, model: pb.MeshModel) -> None: ...

    def model_removed(self, name: str) -> None: ...


def agent(name: str, up: bool, models: dict[str, bool]) -> pb.Agent:
    """As the controller tells of one: its models, and whether each is ready."""
    states = {True: pb.AGENT_MODEL_STATE_READY, False: pb.AGENT_MODEL_STATE_LOADING}
    listed = [pb.AgentModel(name=model, state=states[ready], slots=4) for model, ready in models.items()]
    return pb.Agent(id=name, state=pb.AGENT_STATE_READY if up else pb.AGENT_STATE_LOST, models=listed)


AGENTS, MODELS = st.sampled_from("xyz"), st.sampled_from("mno")
EVENTS = st.one_of(
    st.tuples(st.just("agent"), AGENTS, st.booleans(), st.dictionaries(MODELS, st.booleans())),
    st.tuples(st.just("no agent"), AGENTS),
    st.tuples(st.just("model"), MODELS),
    st.tuples(st.just("no model"), MODELS),
)


@given(st.lists(EVENTS), st.integers(0, 5))
def test_after_any_news_health_is_what_the_mesh_is(events: list[Any], started: int) -> None:
    told, health = ModelHealth(_Deaf()), Health()
    agents: dict[str, tuple[bool, dict[str, bool]]] = {}
    wanted: set[str] = set()
    for number, event in enumerate([*events, None]):
        if number == min(started, len(events)):
            told.start(health)
        match event:
            case ("agent", name, up, models):
                agents[name] = (up, models)
                told.agent_changed(agent(name, up, models))
            case ("no agent", name):
                agents.pop(name, None)
                told.agent_removed(name)
            case ("model", name):
                wanted.add(name)
                told.model_changed(pb.MeshModel(spec=pb.ModelSpec(name=name)))
            case ("no model", name):
                wanted.discard(name)
                told.model_removed(name)
    for name in "mno":
        held = [up and models[name] for up, models in agents.values() if name in models]
        expected = None if not held and name not in wanted else any(held)
        assert health.serving(model_service(name)) is expected


async def health_of(gateway: Gateway, model: str) -> int | None:
    """Its status; None for NOT_FOUND."""
    stub: Any = health_pb2_grpc.HealthStub(gateway.channel)
    call = stub.Check(health_pb2.HealthCheckRequest(service=f"echorator.v1.ModelService/{model}"))
    if await call.code() is grpc.StatusCode.NOT_FOUND:
        assert "a model's is echorator.v1.ModelService/NAME" in await call.details()
        return None
    return int((await call).status)


async def becomes(gateway: Gateway, model: str, status: int | None) -> None:
    async def holds() -> bool:
        return await health_of(gateway, model) == status

    await eventually(holds, f"the health of {model} is {status}")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_health_of_a_model_by_name(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        assert await health_of(gateway, "m") is None
        stub: Any = health_pb2_grpc.HealthStub(gateway.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="echorator.v1.ModelService/m"))
        assert (await watch.read()).status == SERVICE_UNKNOWN
        first = await gateway.back_end("x", model="m")
        assert (await watch.read()).status == SERVING
        second = await gateway.back_end("y", model="m")
        assert first.agent is not None
        assert second.agent is not None
        await first.agent.leave()
        await gateway.controller.apply("zero", replicas=0)
        await becomes(gateway, "zero", NOT_SERVING)
        assert await health_of(gateway, "m") == SERVING
        second.agent.own[0].state = pb.AGENT_MODEL_STATE_DRAINING
        second.agent.report()
        assert (await watch.read()).status == NOT_SERVING
        await gateway.controller.stub.DeleteModel(pb.DeleteModelRequest(name="zero"))
        await becomes(gateway, "zero", None)
        watch.cancel()
