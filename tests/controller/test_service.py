"""The controller's services over gRPC: what is applied reaches the agents, what they report reaches everyone, nothing bad gets in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from echorator.controller.gateways import MOST_CONVICTIONS
from echorator.controller.settings import ControllerSettings
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1 import model_pb2
from tests.support.agents import read, refused
from tests.support.controllers import Controller, StreamAgent, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controlling(tmp_path) as running:
        yield running


async def gets(agent: StreamAgent, *names: str) -> None:
    async def holds() -> bool:
        return agent.names() == set(names)

    await eventually(holds, f"the agent is told to serve {names}")


def conditions(model: pb.MeshModel) -> dict[str, pb.Condition]:
    return {c.type: c for c in model.status.conditions}


async def test_a_model_reaches_its_agents_and_they_are_seen(controller: Controller) -> None:
    a, b = await StreamAgent(controller, "a").join(), await StreamAgent(controller, "b").join()
    assert (a.welcome.protocol, a.names()) == (1, set())
    options = model_pb2.EngineOptions(slots=4, kv_type_k="q8_0")
    applied = await controller.apply("m", 2, "/models/m.gguf", options=options)
    assert applied.generation >= 1
    await controller.ready("m", 2)
    for agent in (a, b):
        (wanted,) = agent.desired.models
        assert (wanted.source, wanted.options) == ("/models/m.gguf", options)
    status = (await controller.model("m")).status
    assert (status.placed, status.slots, status.observed_generation) == (2, 8, applied.generation)
    assert conditions(await controller.model("m"))["Ready"].status == pb.CONDITION_STATUS_TRUE
    agents = (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents
    assert [(agent.id, [m.name for m in agent.models]) for agent in agents] == [("a", ["m"]), ("b", ["m"])]


async def test_scaling_and_deleting(controller: Controller) -> None:
    agents = [await StreamAgent(controller, name).join() for name in "abc"]
    first = await controller.apply("m", 1)
    await controller.ready("m", 1)
    loaded = next(agent for agent in agents if agent.names()).desired.models[0].generation
    scaled = await controller.stub.ScaleModel(pb.ScaleModelRequest(name="m", replicas=3))
    assert scaled.generation > first.generation
    await controller.ready("m", 3)
    assert {agent.desired.models[0].generation for agent in agents} == {loaded}, "scaling loaded the model again"
    await controller.stub.ScaleModel(pb.ScaleModelRequest(name="m", replicas=0))
    for agent in agents:
        await gets(agent)
    await controller.ready("m", 0)
    assert conditions(await controller.model("m"))["Available"].reason == "ScaledToZero"
    await controller.stub.DeleteModel(pb.DeleteModelRequest(name="m"))
    await refused(controller.stub.GetModel(pb.GetMeshModelRequest(name="m")), grpc.StatusCode.NOT_FOUND, "known: none")


async def test_waking_raises_a_model_from_zero_and_changes_no_other(controller: Controller) -> None:
    asked = mesh_pb2.WakeModelRequest(name="m")
    await refused(controller.private.WakeModel(asked), grpc.StatusCode.NOT_FOUND, "known: none")
    slept = await controller.apply("m", 0)
    await controller.private.WakeModel(asked)
    woken = await controller.model("m")
    assert (woken.spec.replicas, woken.generation > slept.generation) == (1, True)
    scaled = await controller.stub.ScaleModel(pb.ScaleModelRequest(name="m", replicas=3))
    await controller.private.WakeModel(asked)
    same = await controller.model("m")
    assert (same.spec.replicas, same.generation) == (3, scaled.generation)


async def test_a_conviction_of_one_gateway_reaches_all_of_them_and_those_that_come_later(controller: Controller) -> None:
    first, second = controller.private.GatewaySession(), controller.private.GatewaySession()
    assert [(await read(call)).convicted[:] for call in (first, second)] == [[], []]
    await first.write(mesh_pb2.GatewayReport(convicted=[mesh_pb2.Conviction(digest=b"d", for_s=60.0)]))
    for call in (second, first):
        (told,) = (await read(call)).convicted
        assert told.digest == b"d"
        assert 0.0 < told.for_s <= 60.0
    third = controller.private.GatewaySession()
    assert [told.digest for told in (await read(third)).convicted] == [b"d"]
    for call in (first, second, third):
        call.cancel()


async def test_a_gateway_whose_address_cannot_be_is_refused(controller: Controller) -> None:
    call = controller.private.GatewaySession()
    await call.write(mesh_pb2.GatewayReport(address="nowhere"))
    await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "address 'nowhere' is not HOST:PORT")


async def test_a_change_of_what_is_loaded_has_another_generation(controller: Controller) -> None:
    agent = await StreamAgent(controller, "a").join()
    await controller.apply("m")
    await controller.ready("m", 1)
    before = agent.desired.models[0].generation
    same = await controller.apply("m")
    assert same.generation == before
    changed = await controller.apply("m", options=model_pb2.EngineOptions(slots=2))

    async def holds() -> bool:
        return agent.desired.models[0].generation == changed.generation

    await eventually(holds, "the agent is told to load it again")


async def test_a_change_of_what_someone_else_changed_is_refused(controller: Controller) -> None:
    read = await controller.apply("m")
    await controller.apply("m", 2)
    request = pb.ApplyModelRequest(spec=pb.ModelSpec(name="m", source="x", replicas=5), generation=read.generation)
    await refused(controller.stub.ApplyModel(request), grpc.StatusCode.ABORTED, "read it again")
    assert (await controller.model("m")).spec.replicas == 2


async def test_an_agent_that_comes_back_is_told_what_it_missed(controller: Controller) -> None:
    agent = await StreamAgent(controller, "a").join()
    await agent.leave()
    await controller.apply("m")
    again = await StreamAgent(controller, "a", instance="a-2").join()
    await gets(again, "m")
    await controller.ready("m", 1)


async def test_a_lost_agent_s_models_move_once_it_is_forgotten(tmp_path: Path) -> None:
    async with controlling(tmp_path, ControllerSettings(forget_after_s=0.3, reconcile_interval_s=0.05, lost_after_s=30.0)) as controller:
        a, b = await StreamAgent(controller, "a").join(), await StreamAgent(controller, "b").join()
        await controller.apply("m")
        await controller.ready("m", 1)
        serving, other = (a, b) if a.names() else (b, a)
        await serving.leave()
        await gets(other, "m")


async def test_a_drained_agent_s_models_move_and_it_may_come_back(controller: Controller) -> None:
    a, b = await StreamAgent(controller, "a").join(), await StreamAgent(controller, "b").join()
    await controller.apply("m")
    await controller.ready("m", 1)
    serving, other = (a, b) if a.names() else (b, a)
    name = "a" if serving is a else "b"
    drained = await controller.stub.DrainAgent(pb.DrainAgentRequest(id=name))
    assert drained.state == pb.AGENT_STATE_DRAINING
    await gets(other, "m")

    async def told() -> bool:
        return serving.desired.drain

    await eventually(told, "the agent is told to drain")
    undone = await controller.stub.DrainAgent(pb.DrainAgentRequest(id=name, undo=True))
    assert undone.state == pb.AGENT_STATE_READY

    async def one_serves() -> bool:
        return sorted((a.names(), b.names()), key=len) == [set(), {"m"}]

    await eventually(one_serves, "one of the two goes on, for one replica was asked for")
    await refused(controller.stub.DrainAgent(pb.DrainAgentRequest(id="nobody")), grpc.StatusCode.NOT_FOUND, "known: a, b")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "attempts", "reason", "moves"),
    [
        (pb.ERROR_CLASS_TRANSIENT, 9, "TransientError", False),
        (pb.ERROR_CLASS_CONFIGURATION, 1, "ConfigurationError", False),
        (pb.ERROR_CLASS_RESOURCE, 1, "ResourceError", True),
        (pb.ERROR_CLASS_SYSTEM, 2, "SystemError", False),
        (pb.ERROR_CLASS_SYSTEM, 3, "SystemError", True),
    ],
)
async def test_errors_of_agents(controller: Controller, kind: Any, attempts: int, reason: str, moves: bool) -> None:
    a, b = await StreamAgent(controller, "a").join(), await StreamAgent(controller, "b").join()
    a.fails["m"] = b.fails["m"] = pb.MeshError(kind=kind, message="it broke", attempts=attempts)
    await controller.apply("m")

    async def degraded() -> bool:
        return conditions(await controller.model("m")).get("Degraded", pb.Condition()).reason == reason

    await eventually(degraded, "the error is shown")
    model = await controller.model("m")
    assert (model.status.last_error.kind, model.status.last_error.message) == (kind, "it broke")
    if moves:
        del (b if a.names() else a).fails["m"]
        await controller.ready("m", 1)
    else:
        told = a.told + b.told
        await asyncio.sleep(0.3)  # six passes
        assert a.told + b.told == told, "the model was moved"


async def test_watching_models(controller: Controller) -> None:
    await controller.apply("m", 0)
    watch = controller.stub.WatchModels(pb.WatchModelsRequest())
    first = await read(watch)
    assert first.changed.spec.name == "m"
    assert (await read(watch)).synced
    await controller.apply("n", 0)
    seen = set()
    while "n" not in seen:
        event = await read(watch)
        seen.add(event.changed.spec.name)
    await controller.stub.DeleteModel(pb.DeleteModelRequest(name="n"))
    while (event := await read(watch)).WhichOneof("event") != "deleted":
        pass
    assert event.deleted == "n"
    watch.cancel()


async def test_watching_agents(controller: Controller) -> None:
    watch = controller.stub.WatchAgents(pb.WatchAgentsRequest())
    first = await read(watch)
    assert first.synced
    assert not first.changed
    agent = await StreamAgent(controller, "a", zone="z", priority=1).join()
    event = await read(watch)
    assert [(c.id, c.zone, c.priority, c.state) for c in event.changed] == [("a", "z", 1, pb.AGENT_STATE_READY)]
    await agent.leave()
    while event.changed[0].state != pb.AGENT_STATE_LOST:
        event = await read(watch)
    watch.cancel()


SPEC: dict[str, Any] = {"name": "m", "source": "m.gguf", "replicas": 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "spec.name '' is not fit"),
        ({"name": "-m"}, "is not fit"),
        ({"name": "m" * 129}, "is not fit"),
        ({"name": "a b"}, "is not fit"),
        ({"source": ""}, "spec.source is empty; name a GGUF file"),
        ({"source": "a\0b"}, "without NUL"),
        ({"replicas": -1}, "spec.replicas must be 0..1000, not -1"),
        ({"replicas": 1001}, "spec.replicas must be 0..1000, not 1001"),
        ({"routing": pb.Routing(retries=2)}, "spec.routing.retries must be 0..1, not 2"),
        ({"routing": pb.Routing(queue_per_agent=-1)}, "spec.routing.queue_per_agent must be"),
    ],
)
async def test_a_spec_that_cannot_be(controller: Controller, change: dict[str, Any], says: str) -> None:
    request = pb.ApplyModelRequest(spec=pb.ModelSpec(**(SPEC | change)))
    await refused(controller.stub.ApplyModel(request), grpc.StatusCode.INVALID_ARGUMENT, says)
    assert not (await controller.stub.ListModels(pb.ListMeshModelsRequest())).models


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"protocol": 2}, grpc.StatusCode.FAILED_PRECONDITION, "speaks version 1 of the session protocol, the agent 2"),
        ({"protocol": 0}, grpc.StatusCode.FAILED_PRECONDITION, "update the older of the two"),
        ({"id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "agent id '' is not fit"),
        ({"instance": ""}, grpc.StatusCode.INVALID_ARGUMENT, "register.instance is empty"),
        ({"address": "nowhere"}, grpc.StatusCode.INVALID_ARGUMENT, "register.address 'nowhere' is not HOST:PORT"),
        ({"address": "a:70000"}, grpc.StatusCode.INVALID_ARGUMENT, "is not HOST:PORT"),
        ({"priority": -1}, grpc.StatusCode.INVALID_ARGUMENT, "register.priority must be 0..127"),
    ],
)
async def test_an_agent_that_is_not_let_in(controller: Controller, change: dict[str, Any], code: grpc.StatusCode, says: str) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await StreamAgent(controller, "a", **change).join()
    assert caught.value.code() is code
    assert says in (caught.value.details() or "")
    assert not (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents


async def test_a_duplicate_agent_is_refused_and_the_first_one_goes_on(controller: Controller) -> None:
    first = await StreamAgent(controller, "a", address="127.0.0.1:1").join()
    with pytest.raises(aio.AioRpcError) as caught:
        await StreamAgent(controller, "a", instance="other", address="127.0.0.1:2").join()
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert "connected from 127.0.0.1:1 already" in (caught.value.details() or "")
    (agent,) = (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents
    assert (agent.address, agent.state) == ("127.0.0.1:1", pb.AGENT_STATE_READY)
    await controller.apply("m")
    await gets(first, "m")


@pytest.mark.parametrize("first", [mesh_pb2.AgentMessage(), mesh_pb2.AgentMessage(report=mesh_pb2.Report())])
async def test_a_session_begins_with_a_registration(controller: Controller, first: mesh_pb2.AgentMessage) -> None:
    async def one() -> AsyncIterator[mesh_pb2.AgentMessage]:
        yield first

    with pytest.raises(aio.AioRpcError) as caught:
        await controller.private.AgentSession(one()).read()
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "the first message of a session is `register`" in (caught.value.details() or "")


async def test_a_controller_that_shuts_down_is_taken_for_no_loss(tmp_path: Path) -> None:
    async with controlling(tmp_path) as controller:
        agent = await StreamAgent(controller, "a").join()
        await controller.apply("m")
        await controller.ready("m", 1)
        gateway = controller.private.GatewaySession()
        await read(gateway)
    assert await agent.call.code() is grpc.StatusCode.UNAVAILABLE
    assert await gateway.code() is grpc.StatusCode.UNAVAILABLE
    async with controlling(tmp_path) as controller:
        (known,) = (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents
        assert (known.id, known.state, [m.name for m in known.models]) == ("a", pb.AGENT_STATE_READY, ["m"])
        assert (await controller.model("m")).spec.replicas == 1


async def test_a_further_conviction_takes_the_place_of_the_oldest_and_is_told(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    digests = [number.to_bytes(16, "big") for number in range(MOST_CONVICTIONS + 1)]
    reports = asyncio.Queue[mesh_pb2.GatewayReport]()

    async def told() -> AsyncIterator[mesh_pb2.GatewayReport]:
        while True:
            yield await reports.get()

    heard = dict[bytes, float]()
    session = controller.private.GatewaySession(told())
    try:
        for some in (digests[:MOST_CONVICTIONS], digests[MOST_CONVICTIONS:]):
            reports.put_nowait(mesh_pb2.GatewayReport(convicted=[mesh_pb2.Conviction(digest=digest, for_s=300.0) for digest in some]))
            async with asyncio.timeout(20.0):
                while some[-1] not in heard:
                    event = await session.read()
                    assert isinstance(event, mesh_pb2.Convictions)
                    heard = {conviction.digest: conviction.for_s for conviction in event.convicted}
        assert list(heard) == digests[1:]
    finally:
        session.cancel()
    assert "convictions forgotten before their time" in caplog.text


async def test_a_refused_report_is_an_answer_also_while_the_controller_writes(controller: Controller) -> None:
    async def wrong() -> AsyncIterator[mesh_pb2.GatewayReport]:
        yield mesh_pb2.GatewayReport(address="nowhere")

    for _ in range(200):
        session = controller.private.GatewaySession(wrong())
        with pytest.raises(aio.AioRpcError) as caught:
            async for _ in session:
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_drain_survives_that_agent_and_controller_are_started_again(tmp_path: Path) -> None:
    """Also where the agent was away when the controller ended."""
    patient = ControllerSettings(forget_after_s=60.0, rebuild_s=60.0)
    async with controlling(tmp_path, patient) as controller:
        agent = await StreamAgent(controller, "a").join()
        await controller.stub.DrainAgent(pb.DrainAgentRequest(id="a"))
        await agent.leave()

        async def lost() -> bool:
            return [a.state for a in (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents] == [pb.AGENT_STATE_LOST]

        await eventually(lost, "the agent is lost")
    async with controlling(tmp_path, patient) as controller:
        await StreamAgent(controller, "a", instance="another").join()
        (known,) = (await controller.stub.ListAgents(pb.ListAgentsRequest())).agents
        assert known.state == pb.AGENT_STATE_DRAINING
