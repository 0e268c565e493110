"""The gateway as a role of a server. A `Server` hosts it; `start` once the server's own address is known."""

from __future__ import annotations

import asyncio
import uuid

from grpc import aio

from echorator.gateway import stopwatch
from echorator.gateway.dispatcher import Dispatcher
from echorator.gateway.fleet_view import FleetView
from echorator.gateway.forwarding import Forwarding
from echorator.gateway.memory_route import MemoryRoute
from echorator.gateway.passthrough import NAMES, Passthrough
from echorator.gateway.settings import GatewaySettings
from echorator.telemetry import gateway_metrics as metrics
from echorator.telemetry.exposition import shared

OBSERVE_S = 1.0


class GatewayRole:
    """ModelService and CognitionService for clients without xDS."""

    names = NAMES

    def __init__(self, controller: str, settings: GatewaySettings, memory_server: str = "") -> None:
        self.id = uuid.uuid4().hex
        self.dispatcher = Dispatcher(settings, self.id)
        self.view = FleetView(controller, self.id, self.dispatcher)
        self.dispatcher.scale_from_zero = self.view.scale_from_zero
        self.forwarding = Forwarding(self.dispatcher, settings, self.id, self.view.synced)
        self._memory = MemoryRoute(memory_server, self.dispatcher.agents)
        self.calls = Passthrough(self.forwarding, self.dispatcher, self._memory)
        self._observing: asyncio.Task[None] | None = None

    def start(self, address: str) -> None:
        """Watch the mesh; `address` is where this gateway serves, "" where others are not to be sent to it."""
        self.view.start(address)
        if shared():
            self._observing = asyncio.create_task(self._keep_observed())

    async def _keep_observed(self) -> None:
        """Whichever process is asked for metrics has only the last values of the others."""
        while True:
            self.observe()
            await asyncio.sleep(OBSERVE_S)

    async def ready(self, within_s: float) -> bool:
        """Wait for the controller's first word. False where it did not come."""
        try:
            async with asyncio.timeout(within_s):
                await self.view.synced.wait()
        except TimeoutError:
            return False
        return True

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers."""
        server.add_generic_rpc_handlers((self.calls,))

    async def leave(self) -> None:
        """Clients of a gateway learn of its end from its health service."""

    def observe(self) -> None:
        """Bring the gauges up to date."""
        self.dispatcher.observe()
        stopwatch.observe()
        metrics.connected.set(self.view.connected)

    def stop_admission(self) -> None:
        """New calls are refused; those that wait still get an agent."""

    def cancel_all(self) -> int:
        """Refuse what waits and break off what runs."""
        self.dispatcher.stop_admission()
        return self.dispatcher.cancel_waiting()

    async def close(self) -> None:
        """Close every connection."""
        self.dispatcher.stop_admission()
        if self._observing is not None:
            self._observing.cancel()
        await self.view.close()
        await self.dispatcher.close()
        await self._memory.close()
