"""Selective forgetting: decides which active memories have faded enough to be archived, and which archived ones are purged.

Strength A = B + importance, with ACT-R's base level B (`recall_index.hpp`); the probability of retrieval is
P = 1 / (1 + e^-((A - threshold) / noise)) (Anderson and Schooler 1991: need for a memory falls with the power of its age and rises with its
use). A memory with more uses never fades faster, and a pinned one never fades. The module is pure; `upkeep` passes it memories and applies
what it decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from echorator.cognition.memory import Lifecycle, Memory
from echorator.cognition.settings import Forgetting

THRESHOLD = -2.0
NOISE = 1.0

Floats = npt.NDArray[np.float64]


def base_level(uses: npt.ArrayLike, created_s: npt.ArrayLike, last_used_s: npt.ArrayLike, now_s: float) -> Floats:
    """Return ln of the sum of t^-0.5 over all uses of each memory, t in hours since the use, at least one second.

    By Petrov's approximation (2006): the last use is exact, the others are spread evenly between the creation and the last use.
    """
    n = np.asarray(uses, np.float64)
    last = np.maximum(now_s - np.asarray(last_used_s, np.float64), 1.0) / 3600.0
    first = np.maximum(np.maximum(now_s - np.asarray(created_s, np.float64), 1.0) / 3600.0, last)
    spread = 2.0 / (np.sqrt(first) + np.sqrt(last))  # the mean of t^-0.5 from `last` to `first`
    level: Floats = np.log(1.0 / np.sqrt(last) + np.maximum(n - 1.0, 0.0) * spread)
    return level


def retrieval_probability(strength: npt.ArrayLike) -> Floats:
    """Return the probability of retrieval P, 0..1, of each strength A."""
    return 1.0 / (1.0 + np.exp(-np.clip((np.asarray(strength, np.float64) - THRESHOLD) / NOISE, -60, 60)))


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
