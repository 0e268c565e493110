"""Decides which agent gets which request. Pure functions from waiting requests and free slots to assignments.

1. Only agents that take calls and have a free slot are considered: a request never waits at an agent while another agent is idle.
2. Among them, the agent that is known to be warm for the request's key wins, see `warm_keys`.
3. Else the agent whose prefix cache should be warm: the first on the hash ring from the key whose load is within `load_factor` of the mean
   ("Consistent Hashing with Bounded Loads", Mirrokni, Thorup, Zadimoghaddam 2017).
4. A request without a key goes to the least busy agent, by the share of its slots that are taken.

Fed by `dispatcher`; a decision costs one walk on the ring, or one pass over the agents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from echorator.gateway.balancing.hash_ring import HashRing


class AgentLoad(Protocol):
    """The fields of an agent that a decision reads (see `agents.Place`)."""

    name: str
    slots: int
    taken: int  # of the slots, by the requests of all clients
    open: bool  # takes calls: ready, not draining, its circuit breaker lets one through

    def take(self) -> None:
        """Count one more slot as taken."""
        ...


class Want(NamedTuple):
    """The fields of a request that a decision reads."""

    key: int | None  # 64 bits that requests with the same prefix have in common
    without: Collection[str] = ()  # agents that failed the request already; chosen only where no other agent is left
    warm: str | None = None  # the agent whose prefix cache holds the request's prefix


def choose(agents: Mapping[str, AgentLoad], ring: HashRing, want: Want, load_factor: float) -> str | None:
    """Return the name of the agent for one request; None where no slot is free.

    Args:
        agents: all agents of the model, by name.
        ring: the hash ring of the same names.
        want: the request.
        load_factor: how far above the mean load an agent may be and still be chosen for its prefix; 1 or more.
    """
    key, without, warm = want
    if key is None:
        return _least_busy(agents, without) or (_least_busy(agents, ()) if without else None)
    known = agents.get(warm) if warm is not None and warm not in without else None
    if known is not None and known.open and known.taken < known.slots:
        return warm
    slots = sum(a.slots for a in agents.values() if a.open)
    taken = sum(a.taken for a in agents.values() if a.open)
    mean = (taken + 1) / slots if slots else 0.0
    fallback = None
    for name in ring.walk(key):
        agent = agents.get(name)
        if agent is None or not agent.open or agent.taken >= agent.slots:
            continue
        if name in without:
            fallback = fallback or name
        elif agent.taken + 1 <= max(1.0, load_factor * mean * agent.slots):
            return name
    return _least_busy(agents, without) or fallback


def _least_busy(agents: Mapping[str, AgentLoad], without: Collection[str]) -> str | None:
    best, least = None, 2.0
    for name, agent in agents.items():
        if agent.open and agent.taken < agent.slots and name not in without:
            share = agent.taken / agent.slots
            if share < least:
                best, least = name, share
                if not agent.taken:
                    break
    return best


def assign(waiting: Iterable[Want], agents: Mapping[str, AgentLoad], ring: HashRing, load_factor: float) -> list[str]:
    """Return agents for the first of the waiting requests, in their order, until no slot is free; takes each slot as it assigns it."""
    chosen: list[str] = []
    for want in waiting:
        name = choose(agents, ring, want, load_factor)
        if name is None:
            break
        agents[name].take()
        chosen.append(name)
    return chosen
