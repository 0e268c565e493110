"""Which agents go on with a model as it was before its last change, so that the others serve while some load it anew. Pure.

Fed by `reconciler`, which tells the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHANGING_PART = 4  # of a model's agents one in so many, and at least one, may load it anew at the same time


@dataclass(frozen=True)
class Holder:
    """An agent that is to serve a model. `has` is the generation it serves (0: one of its own, None: none), `told` what it was told of."""

    agent_id: str
    has: int | None
    told: int


def going_on(holders: Sequence[Holder], generation: int) -> frozenset[str]:
    """Ids of those that serve an older generation and are not to be told of this one yet; in the order given, the first ones are."""
    waiting = [h.agent_id for h in holders if h.has not in (None, 0, generation) and h.told != generation]
    current = sum(h.has in (0, generation) for h in holders)
    changing = len(holders) - len(waiting) - current
    room = max(1, len(holders) // CHANGING_PART) - changing
    return frozenset(waiting[max(0, room) :])
