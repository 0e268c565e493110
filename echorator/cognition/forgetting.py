"""Selective forgetting: which memories have faded so far that they are archived, and which archived ones are purged.

Strength A = B + importance, with ACT-R's base level B (`recall_index.hpp`); the probability of retrieval is
P = 1 / (1 + e^-((A - threshold) / noise)) (Anderson and Schooler 1991: need for a memory falls with the power of its age and rises with its
use). More uses never fade faster. Pinned memories never fade. Pure.
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
    """ln of the sum of t^-0.5 over all uses, t in hours, by Petrov's approximation (2006): the last one exact, the others evenly."""
    n = np.asarray(uses, np.float64)
    last = np.maximum(now_s - np.asarray(last_used_s, np.float64), 1.0) / 3600.0
    first = np.maximum(np.maximum(now_s - np.asarray(created_s, np.float64), 1.0) / 3600.0, last)
    spread = 2.0 / (np.sqrt(first) + np.sqrt(last))  # the mean of t^-0.5 between the two
    level: Floats = np.log(1.0 / np.sqrt(last) + np.maximum(n - 1.0, 0.0) * spread)
    return level


def retrieval_probability(strength: npt.ArrayLike) -> Floats:
    """0..1."""
    return 1.0 / (1.0 + np.exp(-np.clip((np.asarray(strength, np.float64) - THRESHOLD) / NOISE, -60, 60)))


def strengths(memories: Sequence[Memory], now_s: float) -> Floats:
    """A of each, shape (n,)."""
    if not memories:
        return np.zeros(0)
    columns = np.array([(m.uses, m.created_s, m.last_used_s or m.created_s, m.importance) for m in memories], np.float64)
    return base_level(columns[:, 0], columns[:, 1], columns[:, 2], now_s) + columns[:, 3]


def faded(memories: Sequence[Memory], now_s: float, settings: Forgetting, bound: int | None = None) -> list[int]:
    """Ids of the active ones to archive: those below the threshold after their grace, and the weakest above `bound`."""
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
    # What no longer holds goes first, then the weakest.
    open_ = [i for i, m in enumerate(memories) if m.id not in already and not m.pinned]
    rest = sorted(open_, key=lambda i: (memories[i].holds, strength[i], memories[i].id))
    return [*gone, *(memories[i].id for i in rest[: len(memories) - len(gone) - bound])]


def purgeable(memories: Sequence[Memory], now_s: float, settings: Forgetting) -> list[int]:
    """Ids of the archived ones to erase: archived long ago, not pinned."""
    if not settings.purge_after_s:
        return []
    return [m.id for m in memories if m.lifecycle is Lifecycle.ARCHIVED and not m.pinned and now_s - m.changed_s > settings.purge_after_s]
