"""Polls whether a CognitionService serves, by its gRPC health service, for every address that a Model uses. Feeds `reconciler`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

LOOK_S = 2.0


class MemoryHealth:
    """The health of all memories in use. Run `run` as a task; `ready` answers at once with the last result."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._serving: dict[str, bool] = {}
        self._wanted = asyncio.Event()

    def ready(self, address: str) -> bool:
        """Return whether the memory at `address` served at the last poll; a new address counts as not serving and is polled next."""
        if address not in self._serving:
            self._serving[address] = False
            self._wanted.set()
        return self._serving[address]

    async def run(self) -> None:
        """Poll all addresses every LOOK_S until cancelled, and call `on_change` after a change."""
        while True:
            self._wanted.clear()
            addresses = list(self._serving)
            seen = await asyncio.gather(*(_serves(address) for address in addresses))
            before, self._serving = self._serving, {**self._serving, **dict(zip(addresses, seen, strict=True))}
            if before != self._serving:
                self._on_change()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wanted.wait()


async def _serves(address: str) -> bool:
    async with aio.insecure_channel(address) as channel:
        with suppress(grpc.RpcError):
            reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=LOOK_S)
            return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
    return False
