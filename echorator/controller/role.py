"""The controller as a role of a server: opens its state, runs its loops, and serves its services and the refusals.

Start order: state first, then the loops, then the services answer. A `Server` hosts it; `open` comes before the server's `start`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from pathlib import Path

from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.status.v3 import csds_pb2_grpc
from grpc import aio

from echorator.controller.fleet import TICK_S, Fleet
from echorator.controller.gateways import Gateways
from echorator.controller.placement.placer import Placer
from echorator.controller.service import NAMES, ControllerService
from echorator.controller.sessions import Sessions
from echorator.controller.settings import ControllerSettings
from echorator.controller.store import Store
from echorator.controller.xds import ads, csds
from echorator.controller.xds.mesh_view import view_of
from echorator.controller.xds.refusals import Refusals
from echorator.controller.xds.snapshot import Snapshot
from echorator.errors import EchoratorError
from echorator.rpc.mesh.v1.mesh_pb2_grpc import add_MeshServiceServicer_to_server
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import add_ControllerServiceServicer_to_server
from echorator.serving.loops import kept_up
from echorator.telemetry import controller_metrics as metrics

_log = logging.getLogger(__name__)


class ControllerRole:
    """The role of one controller process; create it with `open`, on a running event loop."""

    names = (*NAMES, ads.NAME, csds.NAME)

    def __init__(self, store: Store, settings: ControllerSettings) -> None:
        self._store = store
        self._settings = settings
        self.fleet = Fleet(settings)
        self.gateways = Gateways(lambda: self.discovery.changed())
        self.placer = Placer(store, self.fleet, self.gateways, settings)
        self._sessions = Sessions(self.fleet, self.placer, self.gateways, settings, uuid.uuid4().hex)
        self.calls = ControllerService(store, self.fleet, self.placer, self._sessions, settings)
        view = Snapshot(lambda: view_of(self.fleet.records(), self.placer.models(), self.gateways.addresses()))
        self.discovery = ads.DiscoveryService(view)
        self._refusals = Refusals(view.names)
        self._status = csds.ClientStatus(self.discovery)
        self._tasks: list[asyncio.Task[None]] = []
        self.placer.on_pass = metrics.reconcile.observe
        self.fleet.on_report = metrics.reports.inc
        self.discovery.on_push = lambda url: metrics.xds_pushes.labels(_short(url)).inc()
        self.discovery.on_nack = lambda url: metrics.xds_nacks.labels(_short(url)).inc()
        self.fleet.listen(self._fleet_changed)

    @classmethod
    async def open(cls, folder: Path, settings: ControllerSettings) -> ControllerRole:
        """Open the store in `folder`, recover models and agents, and start the loops. Raises what `Store` raises."""
        store = await asyncio.to_thread(Store, folder)
        role = cls(store, settings)
        try:
            await role._recover()
        except BaseException:
            store.close()
            raise
        return role

    async def _recover(self) -> None:
        for stored in await asyncio.to_thread(self._store.models):
            self.placer.adopt(stored)
        for agent, drain_asked in await asyncio.to_thread(self._store.agents):
            if agent.state != pb.AGENT_STATE_LOST or drain_asked:  # one that is drained is to come back drained
                self.fleet.recover(agent, drain_asked)
        loops = {"placement": self.placer.run, "silence": self._tick, "rebuild": self._end_rebuild, "models": self._push_models}
        self._tasks = [asyncio.create_task(kept_up(name, loop)) for name, loop in loops.items()]

    def _fleet_changed(self, _agent_id: str, urgent: bool) -> None:
        if urgent:
            self.discovery.changed()

    async def _push_models(self) -> None:
        """Push xDS resources whenever a model is added, changed or removed."""
        with self.placer.model_changes.watch() as watch:
            self.discovery.changed()  # what changed before the watch, or between two of them
            while True:
                await watch.next(0.0)
                self.discovery.changed()

    async def _tick(self) -> None:
        last_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            self.fleet.tick(now_s - last_s)
            last_s = now_s

    async def _end_rebuild(self) -> None:
        await asyncio.sleep(self._settings.rebuild_s)
        self.fleet.forget_absent()
        self.discovery.settle()

    def observe(self) -> None:
        """Set all gauges of the controller to their current values."""
        for state, name in ((pb.AGENT_STATE_READY, "ready"), (pb.AGENT_STATE_DRAINING, "draining"), (pb.AGENT_STATE_LOST, "lost")):
            metrics.agents.labels(name).set(sum(record.state == state for record in self.fleet.records()))
        metrics.xds_clients.set(len(self.discovery.clients))
        known = self.placer.models()
        metrics.models.set(len(known))
        for gauge in (metrics.replicas, metrics.ready_replicas):
            gauge.clear()
        for model in known:
            metrics.replicas.labels(model.spec.name).set(model.spec.replicas)
            metrics.ready_replicas.labels(model.spec.name).set(model.status.ready)

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers of the services, and those that refuse ModelService calls."""
        add_ControllerServiceServicer_to_server(self.calls, server)
        add_MeshServiceServicer_to_server(self.calls, server)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(self.discovery, server)
        csds_pb2_grpc.add_ClientStatusDiscoveryServiceServicer_to_server(self._status, server)
        server.add_generic_rpc_handlers((self._refusals,))

    async def leave(self) -> None:
        """Do nothing: clients reconnect by themselves."""

    def stop_admission(self) -> None:
        """End the sessions, watches and xDS streams, which would otherwise last for ever and hold the drain up."""
        self._sessions.close()
        for service in (self.calls, self.discovery):
            service.closing.set()

    def cancel_all(self) -> int:
        """Return 0: the controller has no requests that outlive their streams."""
        return 0

    async def close(self) -> None:
        """Stop the loops, save the agents that changed, and close the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.placer.save_agents()
        except EchoratorError as error:
            _log.error("the known agents cannot be saved", extra={"error": str(error)})
        self._store.close()


def _short(type_url: str) -> str:
    return type_url.rpartition(".")[2]
