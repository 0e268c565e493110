"""Decides which agents keep serving a model's older generation, so that a change is rolled out to a part of them at a time. Pure.

Fed by `placer`, which tells all other agents to load the new generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHANGING_PART = 4  # one in this many of a model's agents, and at least one, may reload it at the same time


@dataclass(frozen=True)
class Holder:
    """An agent that is to serve a model.

    `has` is the generation that it serves (0: a model of its own command line, None: none), `told` the generation that it was told last.
    """

    agent_id: str
    has: int | None
    told: int


def going_on(holders: Sequence[Holder], generation: int) -> frozenset[str]:
    """Return the ids of agents that serve an older generation and are not told of `generation` yet; the first in order are told first."""
    waiting = [h.agent_id for h in holders if h.has not in (None, 0, generation) and h.told != generation]
    current = sum(h.has in (0, generation) for h in holders)
    changing = len(holders) - len(waiting) - current
    room = max(1, len(holders) // CHANGING_PART) - changing
    return frozenset(waiting[max(0, room) :])
