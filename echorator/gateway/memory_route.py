"""Where CognitionService is: the address that was given, or the one memory that the agents use.

Memories that share a store are one; with several stores nobody could say whose memory a call means, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from grpc import aio

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.gateway.agents import CHANNEL_OPTIONS
from echorator.rpc.v1 import controller_pb2 as pb


class NoMemoryError(EchoratorError):
    """There is no CognitionService behind this gateway."""


class MemoryRoute:
    """Addresses and their channels."""

    def __init__(self, address: str, agents: Callable[[], Iterable[pb.Agent]]) -> None:
        """`address` "" means: as the agents say."""
        self._address = address
        self._agents = agents
        self._channels: dict[str, aio.Channel] = {}

    def address(self) -> str:
        """Raises NoMemoryError, InvalidRequestError."""
        if self._address:
            return self._address
        ready = [a for a in self._agents() if a.state == pb.AGENT_STATE_READY and a.memory.address]
        stores = sorted({agent.memory.store for agent in ready})
        if not stores:
            raise NoMemoryError("no agent has a memory; start one with --with-memory, or this gateway with --memory-server")
        if len(stores) > 1:
            raise InvalidRequestError(
                f"the agents have {len(stores)} memories that know nothing of each other; let them share one (--memory redis://…, or "
                "--memory-server), or start this gateway with --memory-server"
            )
        return min(agent.memory.address for agent in ready)

    def channel(self) -> Any:
        """To it. Raises as `address`."""
        address = self.address()
        if address not in self._channels:
            self._channels[address] = aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        return self._channels[address]

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()
