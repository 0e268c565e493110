"""What this gateway knows of the mesh: agents and models, as the controller tells them, kept where the controller goes away.

After a break the controller's first word is taken as news, not as truth: an agent it does not name yet has some time to come back to
it, for it may have been started anew itself. Fed by two watches; feeds `dispatcher` through its listener, and the controller with what that
holds.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from grpc import aio

from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 2.0
RETURN_S = 5.0  # for agents that a controller does not name after a break
REPORT_S = 0.5  # the controller is told of what waits here at most this often
CHANNEL_OPTIONS = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.keepalive_time_ms", 30_000)]


class Listener(Protocol):
    """Told of every change, and asked for what the controller is to know."""

    def held(self) -> dict[str, int]:
        """Requests that wait here, by model."""
        ...

    def agent_changed(self, agent: pb.Agent) -> None:
        """It is new or another one now."""
        ...

    def agent_removed(self, agent_id: str) -> None:
        """It is no more."""
        ...

    def model_changed(self, model: pb.MeshModel) -> None:
        """It is new or another one now."""
        ...

    def model_removed(self, name: str) -> None:
        """It is asked for no more."""
        ...


class FleetView:
    """`start`, then `close`. `synced` is set once the controller has told all it knows, and stays so."""

    def __init__(self, controller: str, gateway_id: str, listener: Listener) -> None:
        self.controller = controller
        self.connected = False
        self.synced = asyncio.Event()
        self._id = gateway_id
        self._address = ""
        self._listener = listener
        self._agents: set[str] = set()
        self._models: set[str] = set()
        self._models_synced = asyncio.Event()
        self._agents_synced = asyncio.Event()
        self._channel: aio.Channel | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, address: str) -> None:
        """Watch from now on; `address` is where this gateway serves, "" for one that others are not to be sent to."""
        self._address = address
        self._channel = aio.insecure_channel(self.controller, options=CHANNEL_OPTIONS)
        stub = ControllerServiceStub(self._channel)
        streams = (lambda: self._watch_agents(stub), lambda: self._watch_models(stub), lambda: self._report(stub))
        self._tasks = [asyncio.create_task(self._forever(stream)) for stream in streams]
        self._tasks.append(asyncio.create_task(self._note_sync()))

    async def _note_sync(self) -> None:
        await self._agents_synced.wait()
        await self._models_synced.wait()
        self.synced.set()

    async def scale_from_zero(self, model: str) -> None:
        """Ask for one agent; raises aio.AioRpcError."""
        assert self._channel is not None
        await ControllerServiceStub(self._channel).ScaleModel(pb.ScaleModelRequest(name=model, replicas=1, at_least=True))

    async def _report(self, stub: ControllerServiceStub) -> None:
        call = stub.ReportGateway()
        told: dict[str, int] = {}
        try:
            while not call.done():
                held = self._listener.held()
                if held != told:
                    await call.write(pb.GatewayReport(waiting=held))
                    told = held
                await asyncio.sleep(REPORT_S)
            await call
        finally:
            call.cancel()

    async def _forever(self, stream: Callable[[], Awaitable[None]]) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await stream()
                wait_s = FIRST_RETRY_S
            except aio.AioRpcError as error:
                if self.connected:
                    wait_s = FIRST_RETRY_S
                    _log.warning("the controller is gone; going on with what is known", extra={"error": error.details()})
                self.connected = False
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(LONGEST_RETRY_S, wait_s * 2.0)

    async def _watch_agents(self, stub: ControllerServiceStub) -> None:
        unnamed: asyncio.TimerHandle | None = None
        try:
            async for event in stub.WatchAgents(pb.WatchAgentsRequest(gateway_id=self._id, gateway_address=self._address)):
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
        """Watch no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()
