"""`echorator.v1.ControllerService` on grpc.aio, for operators, agents and gateways.

The only place of the controller that chooses gRPC status codes (`xds.refusals` does for the xDS control plane). Feeds `store`,
`placer`, `fleet` and `gateways`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import ClassVar

import grpc

from echorator.controller.fleet import AgentExistsError, AgentNotFoundError, AgentRecord, Fleet
from echorator.controller.gateways import Gateways
from echorator.controller.placement.placer import Placer
from echorator.controller.requests import ProtocolError, check_replicas, check_spec, loads_again
from echorator.controller.sessions import Sessions
from echorator.controller.settings import ControllerSettings
from echorator.controller.store import StateDamagedError, Store, StoredModel
from echorator.controller.watching import Watch, Watchers
from echorator.errors import DrainingError, EchoratorError, InvalidRequestError, ModelNotFoundError, ResourceError
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceServicer
from echorator.serving.address import host_port
from echorator.serving.calls import Calls, Codes, Context, rpc

_log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["ControllerService"].full_name


CONVICTED = ""  # key under which watchers of agents hear of convicted requests; never the id of an agent


class ChangedError(EchoratorError):
    """A model was changed by another client since the caller read it."""


class ControllerService(Calls, ControllerServiceServicer):
    """The handlers of all methods of ControllerService."""

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

    def __init__(
        self, store: Store, fleet: Fleet, placer: Placer, sessions: Sessions, gateways: Gateways, settings: ControllerSettings
    ) -> None:
        super().__init__()
        self._store = store
        self._fleet = fleet
        self._placer = placer
        self._sessions = sessions
        self._gateways = gateways
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
        """Change a model's replicas; with `at_least` only upwards."""
        check_replicas(request.replicas)
        async with self._changing:
            entry = self._placer.get(request.name)
            if entry.stored.spec.replicas == request.replicas or (request.at_least and entry.stored.spec.replicas > request.replicas):
                return entry.message
            spec = pb.ModelSpec()
            spec.CopyFrom(entry.stored.spec)
            spec.replicas = request.replicas
            return await self._put(spec, entry.stored)

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
    async def WatchAgents(self, request: pb.WatchAgentsRequest, context: Context) -> None:
        """Send all agents, then those that change or are removed, and convicted requests; a gateway counts as connected meanwhile."""
        if request.gateway_address:
            host_port(request.gateway_address, "gateway_address")
        with self._gateways.connected(request.gateway_id, request.gateway_address), self._agent_changes.watch() as watch:
            known = [record.agent for record in self._fleet.records()]
            await context.write(pb.AgentsEvent(changed=known, synced=True, convicted=self._gateways.convictions()))
            async for names in self._changes(watch, self._settings.load_push_s):
                records = [(name, self._fleet.record(name)) for name in names if name != CONVICTED]
                changed = [r.agent for _, r in records if r is not None]
                convicted = self._gateways.convictions() if CONVICTED in names else []
                await context.write(pb.AgentsEvent(changed=changed, removed=[n for n, r in records if r is None], convicted=convicted))

    @rpc
    async def DrainAgent(self, request: pb.DrainAgentRequest, _context: Context) -> pb.Agent:
        """Drain an agent, or undo that; the drain survives restarts of agent and controller until the agent is forgotten."""
        record: AgentRecord = self._fleet.drain(request.id, not request.undo)
        await self._placer.save_agents()
        return record.agent

    @rpc
    async def Session(self, request: AsyncIterator[pb.AgentMessage], context: Context) -> None:
        """Serve the session of one agent, see `sessions`."""
        await self._sessions.run(request, context.write)

    # Gateways

    @rpc
    async def ReportGateway(self, request: AsyncIterator[pb.GatewayReport], _context: Context) -> pb.ReportGatewayResponse:
        """Read a gateway's reports of waiting and convicted requests, until its stream ends or the controller shuts down."""
        with self._gateways.holding() as tell:
            reading = asyncio.create_task(self._read(request, tell))
            closing = asyncio.create_task(self.closing.wait())
            try:
                await asyncio.wait((reading, closing), return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    raise DrainingError("the controller is shutting down; connect again")
                reading.result()
            finally:
                for task in (reading, closing):
                    task.cancel()
                await asyncio.gather(reading, closing, return_exceptions=True)
        return pb.ReportGatewayResponse()

    async def _read(self, reports: AsyncIterator[pb.GatewayReport], tell: Callable[[Mapping[str, int]], None]) -> None:
        async for report in reports:
            tell(report.waiting)
            if self._gateways.convict(report.convicted):
                self._agent_changes.notify(CONVICTED)
