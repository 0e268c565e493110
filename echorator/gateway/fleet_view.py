"""The gateway's informer: the agents and models that the controller reports, kept while the controller is away.

After a reconnect the first snapshot may be incomplete, for the controller may have restarted and its agents may not have registered again:
agents missing from the snapshot are kept for `RETURN_S`. Fed by the controller's WatchAgents and WatchModels streams; feeds `fleet`
through a listener (`model_health`). A third stream, GatewaySession, reports the waiting and the convicted requests to the controller, and
brings what other gateways have convicted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from grpc import aio

from echorator.backoff import Backoff
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceStub
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.serving.loops import kept_up

_log = logging.getLogger(__name__)

RETRY = Backoff(first_s=0.1, longest_s=2.0, jitter=(0.5, 1.0))
RETURN_S = 5.0  # agents missing from the first snapshot after a reconnect are kept for this long
REPORT_S = 0.5  # waiting requests are reported to the controller at most this often
CHANNEL_OPTIONS = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.keepalive_time_ms", 30_000)]


class Listener(Protocol):
    """A consumer of the fleet's changes, which also supplies the numbers that are reported to the controller."""

    def held(self) -> dict[str, int]:
        """Return the number of requests that wait for a slot, by model."""
        ...

    def agent_changed(self, agent: pb.Agent) -> None:
        """Handle an agent that is new or whose report has changed."""
        ...

    def agent_removed(self, agent_id: str) -> None:
        """Handle an agent that has left the mesh."""
        ...

    def model_changed(self, model: pb.MeshModel) -> None:
        """Handle a model that is new or whose spec or status has changed."""
        ...

    def model_removed(self, name: str) -> None:
        """Handle a model that was deleted from the mesh."""
        ...


class FleetView:
    """The streams of one gateway: `start`, then `close`. `synced` is set for good once the first snapshot of each has arrived."""

    def __init__(self, controller: str, listener: Listener) -> None:
        self.controller = controller
        self.connected = False
        self.synced = asyncio.Event()
        self._address = ""
        self._listener = listener
        self._agents: set[str] = set()
        self._models: set[str] = set()
        self._models_synced = asyncio.Event()
        self._agents_synced = asyncio.Event()
        self._convictions_synced = asyncio.Event()
        self._told = asyncio.Event()
        self.convicted: Callable[[], dict[bytes, float]] = dict  # digests refused here, with the seconds left; see `suspects`
        self.on_convicted: Callable[[bytes, float], None] = lambda _digest, _for_s: None  # another gateway convicted a request
        self._channel: aio.Channel | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, address: str) -> None:
        """Start the streams; `address` is where this gateway serves, "" where no client is to be sent to it."""
        self._address = address
        self._channel = aio.insecure_channel(self.controller, options=CHANNEL_OPTIONS)
        stub, private = ControllerServiceStub(self._channel), MeshServiceStub(self._channel)
        streams: dict[str, Callable[[], Awaitable[None]]] = {
            "watch of agents": lambda: self._watch_agents(stub),
            "watch of models": lambda: self._watch_models(stub),
            "session": lambda: self._session(private),
        }
        self._tasks = [asyncio.create_task(kept_up(name, partial(self._forever, stream))) for name, stream in streams.items()]
        self._tasks.append(asyncio.create_task(self._note_sync()))

    async def _note_sync(self) -> None:
        for synced in (self._agents_synced, self._models_synced, self._convictions_synced):
            await synced.wait()
        self.synced.set()

    async def scale_from_zero(self, model: str) -> None:
        """Ask the controller for at least one agent of `model`; raises aio.AioRpcError."""
        assert self._channel is not None
        await MeshServiceStub(self._channel).WakeModel(mesh_pb2.WakeModelRequest(name=model))

    def tell(self) -> None:
        """Report newly convicted requests to the controller at once, without waiting for `REPORT_S`."""
        self._told.set()

    async def _session(self, stub: MeshServiceStub) -> None:
        call = stub.GatewaySession()
        halves = [asyncio.create_task(half) for half in (self._hear(call), self._report(call))]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            call.cancel()
            for half in halves:
                half.cancel()
            results = await asyncio.gather(*halves, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                raise error

    async def _hear(self, call: Any) -> None:
        async for heard in call:
            for conviction in heard.convicted:
                self.on_convicted(conviction.digest, conviction.for_s)
            self._convictions_synced.set()

    async def _report(self, call: Any) -> None:
        told: dict[str, int] | None = None
        convicts: set[bytes] = set()
        while not call.done():
            held, convicted = self._listener.held(), self.convicted()
            fresh = [mesh_pb2.Conviction(digest=digest, for_s=for_s) for digest, for_s in convicted.items() if digest not in convicts]
            if held != told or fresh:
                await call.write(mesh_pb2.GatewayReport(address=self._address, waiting=held, convicted=fresh))
                told, convicts = held, set(convicted)
            self._told.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_S):
                    await self._told.wait()

    async def _forever(self, stream: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await stream()
                failures = 0
            except aio.AioRpcError as error:
                if self.connected:
                    failures = 0
                    _log.warning("the controller is gone; going on with what is known", extra={"error": error.details()})
                self.connected = False
            failures += 1
            await asyncio.sleep(RETRY.jittered_s(failures, random.random()))

    async def _watch_agents(self, stub: ControllerServiceStub) -> None:
        unnamed: asyncio.TimerHandle | None = None
        try:
            async for event in stub.WatchAgents(pb.WatchAgentsRequest()):
                if event.synced:
                    self.connected = True
                    missing = self._agents - {agent.id for agent in event.changed}
                    if missing:
                        unnamed = asyncio.get_running_loop().call_later(RETURN_S, self._remove_unnamed, missing)
                for agent in event.changed:
                    self._agents.add(agent.id)
                    self._listener.agent_changed(agent)
                    if unnamed is not None:
                        missing.discard(agent.id)
                for name in event.removed:
                    self._remove(name)
                if event.synced:
                    self._agents_synced.set()
        finally:
            if unnamed is not None:
                unnamed.cancel()

    def _remove_unnamed(self, missing: set[str]) -> None:
        for name in missing:
            self._remove(name)

    def _remove(self, name: str) -> None:
        if name in self._agents:
            self._agents.discard(name)
            self._listener.agent_removed(name)

    async def _watch_models(self, stub: ControllerServiceStub) -> None:
        named: set[str] | None = set()
        async for event in stub.WatchModels(pb.WatchModelsRequest()):
            kind = event.WhichOneof("event")
            if kind == "changed":
                self._models.add(event.changed.spec.name)
                if named is not None:
                    named.add(event.changed.spec.name)
                self._listener.model_changed(event.changed)
            elif kind == "deleted":
                self._models.discard(event.deleted)
                self._listener.model_removed(event.deleted)
            elif kind == "synced" and named is not None:
                for name in self._models - named:
                    self._listener.model_removed(name)
                self._models, named = named, None
                self._models_synced.set()

    async def close(self) -> None:
        """End the streams and close the channel to the controller."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()
