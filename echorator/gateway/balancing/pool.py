"""The state of one model at a gateway: the agents that serve it, the hash ring of the ready ones, and the requests that wait for it.

`fleet` owns the pools and keeps their places up to date; `dispatcher` takes slots; `balancer` reads their candidates and ring.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from echorator.gateway.balancing.agents import Place
from echorator.gateway.balancing.balancer import Want, assign
from echorator.gateway.balancing.buffer import RequestBuffer, Room
from echorator.gateway.balancing.hash_ring import HashRing
from echorator.gateway.balancing.quarantine import Quarantine
from echorator.gateway.balancing.warm_keys import WarmKeys
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import controller_pb2 as pb


class Pool:
    """One model's places (by agent id), warm keys, hash ring, buffer and quarantine."""

    def __init__(self, name: str, room: Room, settings: GatewaySettings) -> None:
        self.name = name
        self.places: dict[str, Place] = {}  # Invariant: places[id].name == id, and the place is on the fleet's connection of that id
        self.warm = WarmKeys()
        # Whoever changes `ready`, `slots` or `failover` of a place, or takes a ready one away, calls `turn_ring`; therefore:
        self._ring: HashRing | None = None  # Invariant: None, or built of exactly the places that are ready, with their slots
        self._graded = False  # Invariant: True exactly where ready places have different failover numbers
        self.buffer = RequestBuffer(room, settings.priority_wait_s)
        self.quarantine = Quarantine(self.places, settings.last_agent_wait_s)
        self.light: list[asyncio.Future[None]] = []  # calls without a slot that wait for any agent; emptied whenever a place opens
        self.wanted: pb.MeshModel | None = None  # the model's spec and status at the controller; None for a model that only agents know
        self.woken_s = float("-inf")  # when the controller was last asked to scale it from zero; only `waking` changes it
        self._load_factor = settings.load_factor

    @property
    def awaited(self) -> bool:
        """Whether a request waits for an agent: one for a slot, or one that takes none."""
        return bool(len(self.buffer) or self.light)

    @property
    def adapters(self) -> list[str]:
        """The names of the adapters that the model's spec has; none where only agents know the model."""
        return [lora.name for lora in self.wanted.spec.options.lora if lora.name] if self.wanted is not None else []

    @property
    def any_open(self) -> bool:
        """Whether at least one agent takes calls for the model."""
        return any(place.open for place in self.places.values())

    def turn_ring(self) -> None:
        """Invalidate the hash ring: the set of ready agents, their slots or their failover numbers changed."""
        self._ring = None
        self._graded = len({p.failover for p in self.places.values() if p.ready}) > 1

    def others(self, agent_id: str) -> int:
        """Return how many living agents besides `agent_id` are ready for the model."""
        return sum(p.ready and not p.connection.dead and name != agent_id for name, p in self.places.items())

    @property
    def candidates(self) -> dict[str, Place]:
        """The places that may take calls, by agent id: those with the lowest failover number that any open place has."""
        if not self._graded:
            return self.places
        lowest = min((p.failover for p in self.places.values() if p.open), default=0)
        return {name: place for name, place in self.places.items() if place.failover == lowest}

    def pump(self) -> None:
        """Assign waiting requests to free slots: calls without a slot first, then the quarantine, then the buffer."""
        for future in self.light:
            if not future.done():
                future.set_result(None)
        self.light.clear()
        self.quarantine.offer()
        while len(self.buffer):
            agents = self.candidates
            free = sum(p.slots - p.taken for p in agents.values() if p.open and p.taken < p.slots)
            batch = self.buffer.take(free, time.monotonic())
            keys = Counter(w.key for w in batch)  # a key that several have is a shared prompt beginning, not one conversation: spread it
            wants = [Want(w.key, w.without, self.warm.where(w.key) if keys[w.key] == 1 else None) for w in batch]
            chosen = assign(wants, agents, self.ring, self._load_factor)
            for waiting, name in zip(batch, chosen, strict=False):
                self.buffer.give(waiting, self.places[name])
            self.buffer.put_back(batch[len(chosen) :])
            if len(chosen) < free or not chosen:
                break

    @property
    def ring(self) -> HashRing:
        """The hash ring of the ready agents, built on demand, so that many agents that arrive at once cost one build."""
        if self._ring is None:
            self._ring = HashRing((p.name, p.slots) for p in self.places.values() if p.ready)
        return self._ring
