"""Which agent gets which request. Pure: what waits and what is free, to assignments.

1. Only agents that take calls and have a free slot: a request never waits at an agent while another one is idle.
2. Among them the one whose prefix cache is warm for the request: the first on the hash ring from the request's key whose load is
   within `load_factor` of the mean ("Consistent Hashing with Bounded Loads", Mirrokni, Thorup, Zadimoghaddam 2017).
3. Without a key the least busy one, by the share of its slots that are taken.

Fed by `dispatcher`; a decision takes a walk on the ring, or one pass over the agents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from echorator.gateway.hash_ring import HashRing


class AgentLoad(Protocol):
    """What is looked at of an agent."""

    name: str
    slots: int
    taken: int  # of them, by anyone
    open: bool  # takes calls: ready, not draining, its circuit breaker lets one through

    def take(self) -> None:
        """One more slot is taken."""
        ...


def choose(
    agents: Mapping[str, AgentLoad], ring: HashRing, key: int | None, load_factor: float, without: Collection[str] = ()
) -> str | None:
    """The agent for one request; None where no slot is free.

    Args:
        agents: by name.
        ring: of the same names.
        key: 64 bits that requests with the same prefix have in common, or None.
        load_factor: 1 or more.
        without: agents that failed this request already; they are taken where no other is left.
    """
    if key is None:
        return _least_busy(agents, without) or (_least_busy(agents, ()) if without else None)
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


def assign(
    waiting: Sequence[tuple[int | None, Collection[str]]], agents: Mapping[str, AgentLoad], ring: HashRing, load_factor: float
) -> list[str]:
    """Agents for the first of the waiting requests, in their order, until no slot is free.

    `waiting` has the key of each and the agents that failed it. A slot of each agent is taken as it is assigned.
    """
    chosen: list[str] = []
    for key, without in waiting:
        name = choose(agents, ring, key, load_factor, without)
        if name is None:
            break
        agents[name].take()
        chosen.append(name)
    return chosen
