"""`echorator.v1.ControllerService` for users, and `echorator.mesh.v1.MeshService` for agents and gateways, on grpc.aio.

The only place of the controller that chooses gRPC status codes (`xds.refusals` does for the xDS control plane). Feeds `store`,
`placer`, `fleet` and `sessions`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import ClassVar

import grpc

from echorator.controller.fleet import AgentExistsError, AgentNotFoundError, AgentRecord, Fleet
from echorator.controller.placement.placer import ModelEntry, Placer
from echorator.controller.requests import ProtocolError, check_replicas, check_spec, loads_again
from echorator.controller.sessions import Sessions
from echorator.controller.settings import ControllerSettings
from echorator.controller.store import StateDamagedError, Store, StoredModel
from echorator.controller.watching import Watch, Watchers
from echorator.errors import DrainingError, EchoratorError, InvalidRequestError, ModelNotFoundError, ResourceError
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceServicer
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceServicer
from echorator.serving.calls import Calls, Codes, Context, rpc

_log = logging.getLogger(__name__)

NAMES: tuple[str, str] = (
    pb.DESCRIPTOR.services_by_name["ControllerService"].full_name,
    mesh_pb2.DESCRIPTOR.services_by_name["MeshService"].full_name,
)


class ChangedError(EchoratorError):
    """A model was changed by another client since the caller read it."""


class ControllerService(Calls, ControllerServiceServicer, MeshServiceServicer):
    """The handlers of all methods of ControllerService and MeshService: they share the models, the statuses and the drain."""

    services = NAMES
    codes: ClassVar[Codes] = (
        (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
        (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
        (AgentNotFoundError, grpc.StatusCode.NOT_FOUND),
        (AgentExistsError, grpc.StatusCode.ALREADY_EXISTS),
        (ProtocolError, grpc.StatusCode.FAILED_PRECONDITION),
        (ChangedError, grpc.StatusCode.ABORTED),
        (DrainingError, grpc.StatusCode.UNAVAILABLE),
        (ResourceError, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (StateDamagedError, grpc.StatusCode.DATA_LOSS),
    )

    def __init__(self, store: Store, fleet: Fleet, placer: Placer, sessions: Sessions, settings: ControllerSettings) -> None:
        super().__init__()
        self._store = store
        self._fleet = fleet
        self._placer = placer
        self._sessions = sessions
        self._settings = settings
        self._agent_changes = Watchers()
        self._changing = asyncio.Lock()
        self.closing = asyncio.Event()
        fleet.listen(self._agent_changes.notify)

    # Models

    @rpc
    async def ApplyModel(self, request: pb.ApplyModelRequest, _context: Context) -> pb.MeshModel:
        """Store a model's spec, creating the model where it is new; has no effect where the spec is unchanged."""
        check_spec(request.spec)
        async with self._changing:
            known = self._placer.find(request.spec.name)
            generation = known.stored.generation if known is not None else 0
            if request.generation and request.generation != generation:
                raise ChangedError(f"{request.spec.name} has generation {generation}, not {request.generation}: read it again")
            if known is not None and known.stored.spec == request.spec:
                return known.message
            return await self._put(request.spec, known.stored if known is not None else None)

    async def _put(self, spec: pb.ModelSpec, before: StoredModel | None) -> pb.MeshModel:
        again = before is None or loads_again(before.spec, spec)
        stored = await asyncio.to_thread(self._store.put_model, spec, again, time.time())
        _log.info("model applied", extra={"model": spec.name, "generation": stored.generation, "replicas": spec.replicas})
        return self._placer.adopt(stored)

    @rpc
    async def GetModel(self, request: pb.GetMeshModelRequest, _context: Context) -> pb.MeshModel:
        """Return a model with its status; NOT_FOUND for an unknown name."""
        return self._placer.get(request.name).message

    @rpc
    async def ListModels(self, _request: pb.ListMeshModelsRequest, _context: Context) -> pb.ListMeshModelsResponse:
        """Return all models with their status, sorted by name."""
        return pb.ListMeshModelsResponse(models=self._placer.models())

    @rpc
    async def DeleteModel(self, request: pb.DeleteModelRequest, _context: Context) -> pb.DeleteModelResponse:
        """Delete a model; its agents unload it once their running requests have ended."""
        async with self._changing:
            self._placer.get(request.name)
            await asyncio.to_thread(self._store.delete_model, request.name)
            self._placer.drop(request.name)
        _log.info("model deleted", extra={"model": request.name})
        return pb.DeleteModelResponse()

    @rpc
    async def ScaleModel(self, request: pb.ScaleModelRequest, _context: Context) -> pb.MeshModel:
        """Set how many replicas a model has, and return the model. Raises ModelNotFoundError, InvalidRequestError."""
        check_replicas(request.replicas)
        async with self._changing:
            return await self._scale(self._placer.get(request.name), request.replicas)

    async def _scale(self, model: ModelEntry, replicas: int) -> pb.MeshModel:
        if model.stored.spec.replicas == replicas:
            return model.message
        spec = pb.ModelSpec()
        spec.CopyFrom(model.stored.spec)
        spec.replicas = replicas
        return await self._put(spec, model.stored)

    @rpc
    async def WatchModels(self, _request: pb.WatchModelsRequest, context: Context) -> None:
        """Send all models, then `synced`, then each model that changes or is deleted."""
        with self._placer.model_changes.watch() as watch:
            for model in self._placer.models():
                await context.write(pb.ModelEvent(changed=model))
            await context.write(pb.ModelEvent(synced=True))
            async for names in self._changes(watch, 0.0):
                for name in names:
                    entry = self._placer.find(name)
                    await context.write(pb.ModelEvent(changed=entry.message) if entry is not None else pb.ModelEvent(deleted=name))

    async def _changes(self, watch: Watch, gather_s: float) -> AsyncIterator[list[str]]:
        """Yield the changed keys of a watch; raises DrainingError when the controller shuts down."""
        closing = asyncio.create_task(self.closing.wait())
        try:
            while True:
                changed = asyncio.create_task(watch.next(gather_s))
                try:
                    await asyncio.wait((changed, closing), return_when=asyncio.FIRST_COMPLETED)
                    if not changed.done():
                        raise DrainingError("the controller is shutting down; connect again")
                    yield changed.result()
                finally:
                    changed.cancel()
        finally:
            closing.cancel()

    # Agents

    @rpc
    async def ListAgents(self, _request: pb.ListAgentsRequest, _context: Context) -> pb.ListAgentsResponse:
        """Return all agents, in the order of their first registration."""
        return pb.ListAgentsResponse(agents=[record.agent for record in self._fleet.records()])

    @rpc
    async def WatchAgents(self, _request: pb.WatchAgentsRequest, context: Context) -> None:
        """Send all agents, then those that change or are removed."""
        with self._agent_changes.watch() as watch:
            await context.write(pb.AgentsEvent(changed=[record.agent for record in self._fleet.records()], synced=True))
            async for names in self._changes(watch, self._settings.load_push_s):
                records = [(name, self._fleet.record(name)) for name in names]
                changed = [r.agent for _, r in records if r is not None]
                await context.write(pb.AgentsEvent(changed=changed, removed=[n for n, r in records if r is None]))

    @rpc
    async def DrainAgent(self, request: pb.DrainAgentRequest, _context: Context) -> pb.Agent:
        """Drain an agent, or undo that; the drain survives restarts of agent and controller until the agent is forgotten."""
        record: AgentRecord = self._fleet.drain(request.id, not request.undo)
        await self._placer.save_agents()
        return record.agent

    # MeshService

    @rpc
    async def AgentSession(self, request: AsyncIterator[mesh_pb2.AgentMessage], context: Context) -> None:
        """Serve the session of one agent, see `sessions`."""
        await self._sessions.of_agent(request, context.write)

    @rpc
    async def GatewaySession(self, request: AsyncIterator[mesh_pb2.GatewayReport], context: Context) -> None:
        """Serve the session of one gateway, see `sessions`."""
        await self._sessions.of_gateway(request, context.write)

    @rpc
    async def WakeModel(self, request: mesh_pb2.WakeModelRequest, _context: Context) -> mesh_pb2.WakeModelResponse:
        """Give a model at zero one replica; NOT_FOUND for an unknown name."""
        async with self._changing:
            model = self._placer.get(request.name)
            if not model.stored.spec.replicas:
                await self._scale(model, 1)
        return mesh_pb2.WakeModelResponse()
