"""A change of what is loaded reaches a few agents at a time, and goes on only while those serve it: the others answer meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1 import model_pb2
from tests.support.controllers import Controller, StreamAgent, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controlling(tmp_path) as running:
        yield running


class PatientAgent(StreamAgent):
    """Goes on with the generation that it has until `load`."""

    def __init__(self, controller: Controller, name: str, **register: Any) -> None:
        super().__init__(controller, name, **register)
        self.has = 0
        self.fails_next: dict[int, pb.MeshError] = {}

    def told_of(self) -> int:
        return next((model.generation for model in self.desired.models), 0)

    def load(self) -> None:
        self.has = self.told_of()
        self.report()

    def report(self, **more: Any) -> None:
        self.has = self.has or self.told_of()
        state = pb.AGENT_MODEL_STATE_FAILED if self.fails else pb.AGENT_MODEL_STATE_READY
        model = pb.AgentModel(name="m", generation=self.has, slots=4, state=state, error=self.fails.get("m"))
        for model.next_generation, error in self.fails_next.items():
            model.next_error.CopyFrom(error)
        models = [model] if self.has and self.desired.models else []
        self.say(mesh_pb2.AgentMessage(report=mesh_pb2.Report(models=models, desired_revision=self.desired.revision, **more)))


async def fleet(controller: Controller, count: int, **register: Any) -> list[PatientAgent]:
    agents = [PatientAgent(controller, f"a{i}", **register) for i in range(count)]
    for agent in agents:
        await agent.join()
    return agents


async def changed(controller: Controller, slots: int, replicas: int) -> int:
    """The generation of a change of engine options."""
    applied = await controller.apply("m", replicas, options=model_pb2.EngineOptions(slots=slots))
    return applied.generation


async def told(agents: list[PatientAgent], generation: int, count: int) -> list[PatientAgent]:
    """Those that are told of it, once they are so many."""

    async def holds() -> bool:
        return sum(agent.told_of() == generation for agent in agents) == count

    await eventually(holds, f"{count} agents are told of the change")
    return [agent for agent in agents if agent.told_of() == generation]


async def status(controller: Controller, generation: int, updated: int) -> dict[str, pb.Condition]:
    """Conditions, once so many agents serve that generation."""

    async def holds() -> bool:
        found = (await controller.model("m")).status
        return found.observed_generation == generation and found.updated == updated

    await eventually(holds, f"{updated} agents are updated")
    return {c.type: c for c in (await controller.model("m")).status.conditions}


async def test_a_quarter_of_the_agents_at_a_time(controller: Controller) -> None:
    agents = await fleet(controller, 8)
    await controller.apply("m", 8)
    await controller.ready("m", 8)
    generation = await changed(controller, 2, 8)
    for done in (0, 2, 4, 6):
        now = await told(agents, generation, done + 2)
        conditions = await status(controller, generation, done)
        assert (await controller.model("m")).status.ready == 8
        assert (conditions["Ready"].reason, conditions["Available"].reason) == ("Updating", "AgentsReady")
        assert conditions["Ready"].message == f"{done} of 8 agents serve it as it was changed last"
        for agent in now:
            agent.load()
    assert (await status(controller, generation, 8))["Ready"].reason == "AsAskedFor"


async def test_a_change_that_fails_stays_with_the_first_agent(controller: Controller) -> None:
    agents = await fleet(controller, 3)
    await controller.apply("m", 3)
    await controller.ready("m", 3)
    generation = await changed(controller, 2, 3)
    (first,) = await told(agents, generation, 1)
    first.fails["m"] = pb.MeshError(kind=pb.ERROR_CLASS_CONFIGURATION, message="no such option", attempts=1)
    first.load()
    await controller.ready("m", 2)
    assert "no such option" in (await status(controller, generation, 0))["Degraded"].message
    mended = await changed(controller, 3, 3)
    (again,) = await told(agents, mended, 1)
    assert again is first, "the others still serve"
    first.fails.clear()
    for count in (2, 3):
        first.load()
        first = next(agent for agent in await told(agents, mended, count) if agent.has != mended)
    first.load()
    assert (await status(controller, mended, 3))["Degraded"].reason == "NoError"


async def test_an_agent_that_goes_on_says_why(controller: Controller) -> None:
    agents = await fleet(controller, 2)
    await controller.apply("m", 2)
    await controller.ready("m", 2)
    generation = await changed(controller, 2, 2)
    (first,) = await told(agents, generation, 1)
    first.fails_next[generation] = pb.MeshError(kind=pb.ERROR_CLASS_TRANSIENT, message="the registry is away", attempts=3)
    first.report()

    async def holds() -> bool:
        return "the registry is away" in (await controller.model("m")).status.last_error.message

    await eventually(holds, "the error is shown")
    assert (await status(controller, generation, 0))["Available"].status == pb.CONDITION_STATUS_TRUE
    assert sum(agent.told_of() == generation for agent in agents) == 1
    mended = await changed(controller, 3, 2)
    assert (await status(controller, mended, 0))["Degraded"].reason == "NoError", "that was of the change before"


async def test_agents_that_were_started_for_a_model_come_with_its_change(controller: Controller) -> None:
    """As when Kubernetes replaces pods one after the other: the new ones are told at once, the old ones go."""
    old = await fleet(controller, 2, for_model="m")
    await controller.apply("m", 2)
    await controller.ready("m", 2)
    generation = await changed(controller, 2, 2)
    await told(old, generation, 1)  # which has not the files, and goes on
    fresh = PatientAgent(controller, "new", for_model="m")
    await fresh.join()
    await told([fresh], generation, 1)
    assert (await status(controller, generation, 1))["Ready"].reason == "Updating"
    for agent in old:
        await agent.leave()
    await PatientAgent(controller, "newer", for_model="m").join()
    assert (await status(controller, generation, 2))["Ready"].reason == "AsAskedFor"


async def test_a_controller_that_starts_again_goes_on_where_it_was(tmp_path: Path) -> None:
    async with controlling(tmp_path) as controller:
        agents = await fleet(controller, 2)
        await controller.apply("m", 2)
        await controller.ready("m", 2)
        generation = await changed(controller, 2, 2)
        await told(agents, generation, 1)
        has = {agent.name: agent.has for agent in agents}
        await status(controller, generation, 0)
    async with controlling(tmp_path) as controller:
        again = [PatientAgent(controller, name) for name in has]
        for agent in again:
            agent.has = has[agent.name]
            await agent.join()
        (told_now,) = await told(again, generation, 1)
        other = next(agent for agent in again if agent is not told_now)
        assert other.told_of() == has[other.name], "it goes on with what it has"
        told_now.load()
        await told(again, generation, 2)
