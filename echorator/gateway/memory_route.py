"""Finds the CognitionService that a gateway passes calls on to: a configured address, or the one memory that the agents use.

Memories that share a store count as one. With several stores it is ambiguous which memory a call means, so the call is refused. Fed by the
fleet's list of agents; feeds `passthrough`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from grpc import aio

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.gateway.balancing.agents import CHANNEL_OPTIONS
from echorator.rpc.v1 import controller_pb2 as pb


class NoMemoryError(EchoratorError):
    """No memory address is configured, and no ready agent has a memory."""


class MemoryRoute:
    """The address of the memory, and a cached channel for each address used so far."""

    def __init__(self, address: str, agents: Callable[[], Iterable[pb.Agent]]) -> None:
        """Create a route to `address`; "" means the memory that the ready ones of `agents` report."""
        self._address = address
        self._agents = agents
        self._channels: dict[str, aio.Channel] = {}

    def address(self) -> str:
        """Return the address of the memory.

        Raises:
            NoMemoryError: no address is configured, and no ready agent has a memory.
            InvalidRequestError: the agents use several stores.
        """
        if self._address:
            return self._address
        ready = [a for a in self._agents() if a.state == pb.AGENT_STATE_READY and a.memory.address]
        stores = sorted({agent.memory.store for agent in ready})
        if not stores:
            raise NoMemoryError("no agent has a memory; start one with --with-memory, or this gateway with --memory-server")
        if len(stores) > 1:
            raise InvalidRequestError(
                f"the agents have {len(stores)} memories that know nothing of each other; let them share one (--memory "
                "postgresql://… or redis://…, or --memory-server), or start this gateway with --memory-server"
            )
        return min(agent.memory.address for agent in ready)

    def channel(self) -> Any:
        """Return the channel to `address()`, with the same exceptions."""
        address = self.address()
        if address not in self._channels:
            self._channels[address] = aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        return self._channels[address]

    async def close(self) -> None:
        """Close the channels to all memories."""
        for channel in self._channels.values():
            await channel.close()
