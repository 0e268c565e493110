"""A real controller on a free loopback port, and agents that are nothing but their stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.host.connection import channel_to
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceStub
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.serving.server import Server, ServerSettings
from tests.support.waiting import eventually

PATIENT = ControllerSettings(lost_after_s=600.0, reconcile_interval_s=0.05)  # agents of tests report only when something changes


@dataclass
class Controller:
    """A running server and a client of its services, the users' and the private one."""

    role: ControllerRole
    address: str
    stub: ControllerServiceStub
    private: MeshServiceStub
    agents: list[StreamAgent] = field(default_factory=list)  # end with it

    async def model(self, name: str) -> pb.MeshModel:
        return await self.stub.GetModel(pb.GetMeshModelRequest(name=name))

    async def apply(self, name: str, replicas: int = 1, source: str = "m.gguf", **spec: Any) -> pb.MeshModel:
        return await self.stub.ApplyModel(pb.ApplyModelRequest(spec=pb.ModelSpec(name=name, source=source, replicas=replicas, **spec)))

    async def ready(self, name: str, agents: int) -> None:
        async def holds() -> bool:
            return (await self.model(name)).status.ready == agents

        await eventually(holds, f"{agents} agents serve {name}")


@asynccontextmanager
async def controlling(folder: Path, settings: ControllerSettings = PATIENT) -> AsyncIterator[Controller]:
    role = await ControllerRole.open(folder, settings)
    server = Server(ServerSettings(port=0))
    server.host(role)
    await server.start()
    server.serve()
    async with channel_to(server.address) as channel:
        controller = Controller(role, server.address, ControllerServiceStub(channel), MeshServiceStub(channel))
        try:
            yield controller
        finally:
            await server.close()
            for agent in controller.agents:
                await agent.leave()


class StreamAgent:
    """What a controller sees of an agent. It loads what it is told at once, unless `fails` says with what it fails."""

    def __init__(self, controller: Controller, name: str, address: str = "127.0.0.1:1", **register: Any) -> None:
        defaults: dict[str, Any] = {"protocol": 1, "id": name, "instance": f"{name}-1", "address": address}
        self.name = name
        self._register = mesh_pb2.Register(**(defaults | register))
        self._stub = controller.private
        controller.agents.append(self)
        self._out: asyncio.Queue[mesh_pb2.AgentMessage | None] = asyncio.Queue()
        self.desired = mesh_pb2.Desired()
        self.told = 0
        self.fails: dict[str, pb.MeshError] = {}
        self.own: list[pb.AgentModel] = []
        self.slots = 4
        self.welcome = mesh_pb2.Welcome()
        self._task: asyncio.Task[None] | None = None
        self.call: Any = None

    async def join(self) -> StreamAgent:
        """Returns once it was told what to serve."""
        self.call = self._stub.AgentSession(self._messages())
        self.say(mesh_pb2.AgentMessage(register=self._register))
        self._task = asyncio.create_task(self._read())

        async def holds() -> bool:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            return self.told > 0

        await eventually(holds, "the first word of the controller")
        return self

    async def _messages(self) -> AsyncIterator[mesh_pb2.AgentMessage]:
        while (message := await self._out.get()) is not None:
            yield message

    def say(self, message: mesh_pb2.AgentMessage) -> None:
        self._out.put_nowait(message)

    async def _read(self) -> None:
        async for message in self.call:
            if message.HasField("welcome"):
                self.welcome = message.welcome
            else:
                self.desired = message.desired
                self.told += 1
            self.report()

    def report(self, **more: Any) -> None:
        models = list(self.own)
        for wanted in self.desired.models:
            model = pb.AgentModel(name=wanted.name, generation=wanted.generation, slots=self.slots, state=pb.AGENT_MODEL_STATE_READY)
            if wanted.name in self.fails:
                model.state = pb.AGENT_MODEL_STATE_FAILED
                model.error.CopyFrom(self.fails[wanted.name])
            models.append(model)
        self.say(mesh_pb2.AgentMessage(report=mesh_pb2.Report(models=models, desired_revision=self.desired.revision, **more)))

    async def leave(self) -> None:
        """Break the stream."""
        self._out.put_nowait(None)
        if self.call is not None:
            self.call.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def names(self) -> set[str]:
        """Of the models it is to serve."""
        return {model.name for model in self.desired.models}
