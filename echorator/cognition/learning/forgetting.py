"""Selective forgetting: decides which active memories have faded enough to be archived, and which archived ones are purged.

Strength A = B + importance, with ACT-R's base level B (`_native/activation.hpp`, by which the index ranks, too; Anderson and Schooler 1991:
need for a memory falls with the power of its age and rises with its use). A memory with more uses never fades faster, and a pinned one
never fades. The module is pure; `upkeep` passes it memories and applies what it decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from echorator._native.recall_index import base_level, retrieval_probability
from echorator.cognition.memory import Lifecycle, Memory
from echorator.cognition.settings import Forgetting

Floats = npt.NDArray[np.float64]


def strengths(memories: Sequence[Memory], now_s: float) -> Floats:
    """Return the strength A of each memory at `now_s`, shape (n,)."""
    if not memories:
        return np.zeros(0)
    columns = np.array([(m.uses, m.created_s, m.last_used_s or m.created_s, m.importance) for m in memories], np.float64)
    return base_level(columns[:, 0], columns[:, 1], columns[:, 2], now_s) + columns[:, 3]


def faded(memories: Sequence[Memory], now_s: float, settings: Forgetting, bound: int | None = None) -> list[int]:
    """Return the ids of the active memories to archive.

    These are the unpinned memories older than `grace_s` whose probability of retrieval is below `archive_below`, then as many more
    unpinned ones as exceed `bound`: superseded memories first, then the weakest.
    """
    if not memories:
        return []
    strength = strengths(memories, now_s)
    probability = retrieval_probability(strength)
    gone = [
        m.id
        for m, p in zip(memories, probability, strict=True)
        if not m.pinned and p < settings.archive_below and now_s - m.created_s > settings.grace_s
    ]
    if bound is None or len(memories) - len(gone) <= bound:
        return gone
    already = set(gone)
    open_ = [i for i, m in enumerate(memories) if m.id not in already and not m.pinned]
    rest = sorted(open_, key=lambda i: (memories[i].holds, strength[i], memories[i].id))
    return [*gone, *(memories[i].id for i in rest[: len(memories) - len(gone) - bound])]


def purgeable(memories: Sequence[Memory], now_s: float, settings: Forgetting) -> list[int]:
    """Return the ids of the unpinned memories that were archived more than `purge_after_s` ago; none where that is 0."""
    if not settings.purge_after_s:
        return []
    return [m.id for m in memories if m.lifecycle is Lifecycle.ARCHIVED and not m.pinned and now_s - m.changed_s > settings.purge_after_s]
