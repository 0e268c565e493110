"""The agent as a server: a registry of models behind ModelService, on a port of its own or beside other roles.

Fed by the command line, which chooses the exit codes.
"""

from __future__ import annotations

from grpc import aio

from echorator.agent.loading.pulls import Pulls
from echorator.agent.loading.registry import Registry, State
from echorator.agent.memory import ChatMemory
from echorator.agent.mesh.mesh_session import MeshSession, MeshSettings
from echorator.agent.service import NAME, ModelService
from echorator.model_files.puller import Puller
from echorator.rpc.v1.model_pb2_grpc import add_ModelServiceServicer_to_server
from echorator.serving.health import model_service
from echorator.serving.server import Server, ServerSettings
from echorator.settings import EngineSettings
from echorator.telemetry.agent_metrics import EngineReading

VET_TIMEOUT_S = 120.0
LEAVE_S = 1.0  # time for the controller to learn that this agent leaves


class AgentServer(Server):
    """A server whose first role is the agent's."""

    def __init__(self, settings: ServerSettings, defaults: EngineSettings, puller: Puller, vet_timeout_s: float = VET_TIMEOUT_S) -> None:
        """Make the agent's parts. `defaults` are the engine options of LoadModel, without a path; `puller` finds or pulls model files."""
        super().__init__(settings)
        self._defaults = defaults
        self.registry = Registry(vet_timeout_s, self._model_state)
        self.memory = ChatMemory()
        self._pulls = Pulls(puller)
        self.service = ModelService(self.registry, defaults, self.memory, self._pulls)
        self._agent = _Agent(self.service, self.registry, self.memory)
        self.host(self._agent)

    def join(self, settings: MeshSettings) -> MeshSession:
        """Become an agent of a mesh; call it after `start`, since the address must be known."""
        session = MeshSession(settings, self.registry, self._defaults, self.service.callers, self._pulls.find)
        self._agent.session = session
        self.service.for_model = settings.for_model
        session.start()
        return session

    def engines(self) -> list[EngineReading]:
        """Return the counters of every engine, for the metrics."""
        served = [entry.served for entry in self.registry.entries() if entry.served is not None]
        return [EngineReading(s.name, s.engine.slots, s.engine.stats()) for s in served if s.engine is not None and not s.closing.is_set()]

    async def _model_state(self, name: str, state: State | None) -> None:
        if state is None:
            self.health.forget(model_service(name))
        else:
            self.health.set(model_service(name), state is State.READY)
        self.hinder(any(entry.state is State.STALLED for entry in self.registry.entries()))
        if self._agent.session is not None:
            self._agent.session.changed()


class _Agent:
    names = (NAME,)

    def __init__(self, service: ModelService, registry: Registry, memory: ChatMemory) -> None:
        self.calls = service
        self.session: MeshSession | None = None
        self._memory = memory
        self._service = service
        self._registry = registry

    def add_to(self, server: aio.Server) -> None:
        add_ModelServiceServicer_to_server(self._service, server)

    async def leave(self) -> None:
        if self.session is not None:
            await self.session.leave(LEAVE_S)

    def stop_admission(self) -> None:
        self._registry.stop_admission()

    def cancel_all(self) -> int:
        return self._registry.cancel_all()

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()
        await self._memory.close()
        await self._registry.close()
