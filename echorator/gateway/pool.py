"""One model at a gateway: where it is served, and what waits for it."""

from __future__ import annotations

import asyncio

from echorator.gateway.agents import Place
from echorator.gateway.buffer import RequestBuffer, Room
from echorator.gateway.hash_ring import HashRing
from echorator.gateway.warm_keys import WarmKeys
from echorator.rpc.v1 import controller_pb2 as pb


class Pool:
    """One model: its places, its ring, its buffer."""

    def __init__(self, name: str, room: Room) -> None:
        self.name = name
        self.places: dict[str, Place] = {}
        self.warm = WarmKeys()
        self._ring: HashRing | None = None
        self._graded = False  # ready agents have different failover numbers
        self.buffer = RequestBuffer(room)
        self.light: list[asyncio.Future[None]] = []  # calls without a slot that wait for any agent
        self.wanted: pb.MeshModel | None = None  # as the controller was asked to serve it
        self.woken_s = float("-inf")

    @property
    def any_open(self) -> bool:
        """Whether an agent takes calls."""
        return any(place.open for place in self.places.values())

    def turn_ring(self) -> None:
        """The ready agents are others now."""
        self._ring = None
        self._graded = len({p.failover for p in self.places.values() if p.ready}) > 1

    @property
    def candidates(self) -> dict[str, Place]:
        """The agents that may take calls: those of the lowest failover number that one of them has."""
        if not self._graded:
            return self.places
        lowest = min((p.failover for p in self.places.values() if p.open), default=0)
        return {name: place for name, place in self.places.items() if place.failover == lowest}

    @property
    def ring(self) -> HashRing:
        """Of the ready agents; made when it is asked for, so that many agents at once cost one ring."""
        if self._ring is None:
            self._ring = HashRing((p.name, p.slots) for p in self.places.values() if p.ready)
        return self._ring
