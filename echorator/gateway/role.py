"""The gateway as a role of a server: wires its modules together and gives them one life cycle.

A `Server` hosts it and calls `start` once the server's own address is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid

from grpc import aio

from echorator.gateway import stopwatch
from echorator.gateway.balancing.suspects import Standing
from echorator.gateway.dispatcher import Dispatcher
from echorator.gateway.fleet import Fleet
from echorator.gateway.fleet_view import FleetView
from echorator.gateway.forwarding import Forwarding
from echorator.gateway.front_end import FrontEnd
from echorator.gateway.memory_route import MemoryRoute
from echorator.gateway.model_health import ModelHealth
from echorator.gateway.passthrough import NAMES, Passthrough
from echorator.gateway.settings import GatewaySettings
from echorator.gateway.waking import Waking
from echorator.serving.health import Health
from echorator.serving.loops import kept_up
from echorator.telemetry import gateway_metrics as metrics
from echorator.telemetry.exposition import shared

_log = logging.getLogger(__name__)

OBSERVE_S = 1.0


class GatewayRole:
    """The role that offers ModelService and CognitionService to clients without xDS."""

    names = NAMES

    def __init__(self, controller: str, settings: GatewaySettings, memory_server: str = "") -> None:
        self.id = uuid.uuid4().hex
        self._waking = Waking()
        self.fleet = Fleet(settings, self.id, self._waking)
        self.dispatcher = Dispatcher(settings, self.fleet, self._waking)
        self._models = ModelHealth(self.fleet)
        self.view = FleetView(controller, self._models)
        self._waking.scale_from_zero = self.view.scale_from_zero
        self.forwarding = Forwarding(self.fleet, self.dispatcher, settings, self.id, self.view.synced)
        suspects = self.forwarding.suspects
        self.view.convicted = lambda: suspects.convicted(time.monotonic())
        self.view.on_convicted = self._convict
        self.forwarding.on_convicted = self.view.tell
        self._memory = MemoryRoute(memory_server, self.fleet.agents)
        self.calls = FrontEnd(self.forwarding, self.fleet, self._memory)
        self._observing: asyncio.Task[None] | None = None

    def _convict(self, digest: bytes, for_s: float) -> None:
        suspects, now_s = self.forwarding.suspects, time.monotonic()
        if suspects.standing(digest, now_s) is not Standing.CONVICTED:
            suspects.convict(digest, for_s, now_s)
            _log.warning("another gateway found that a request ends agents; it is refused here too", extra={"digest": digest.hex()})

    def start(self, address: str, health: Health) -> None:
        """Start to watch the mesh.

        Args:
            address: where this gateway serves; "" where no client is to be sent to it.
            health: the health service, which gets an entry for each model.
        """
        self._models.start(health)
        self.view.start(address)
        if shared():
            self._observing = asyncio.create_task(kept_up("gauges", self._keep_observed))

    async def _keep_observed(self) -> None:
        """Set the gauges every `OBSERVE_S`: where processes share metrics, a scrape of one reads only the last values of the others."""
        while True:
            self.observe()
            await asyncio.sleep(OBSERVE_S)

    async def ready(self, within_s: float) -> bool:
        """Wait for the controller's first snapshot; return False where it did not arrive within `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self.view.synced.wait()
        except TimeoutError:
            return False
        return True

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers of ModelService and CognitionService."""
        server.add_generic_rpc_handlers((Passthrough(self.calls),))

    async def leave(self) -> None:
        """Do nothing: the clients of a gateway learn of its end from its health service."""

    def observe(self) -> None:
        """Set all gauges of the gateway to their current values."""
        self.fleet.observe()
        stopwatch.observe()
        metrics.connected.set(self.view.connected)

    def stop_admission(self) -> None:
        """Do nothing: `FrontEnd` refuses new calls itself, and calls that wait may still get an agent."""

    def cancel_all(self) -> int:
        """Fail the requests that wait for an agent, and refuse new ones; return how many waited."""
        self.dispatcher.stop_admission()
        return self.dispatcher.cancel_waiting()

    async def close(self) -> None:
        """Close the connections to the controller, the agents and the memories."""
        self.dispatcher.stop_admission()
        if self._observing is not None:
            self._observing.cancel()
        await self.view.close()
        self.dispatcher.stop()
        self._waking.stop()
        await self.fleet.close()
        await self._memory.close()
