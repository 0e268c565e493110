"""A model's observations lend their scores to the passages that they were made of. Pure; `searching` calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from echorator.cognition.memory import Memory
from echorator.cognition.recall.recalling import Recalled

SOURCE = "observation"  # `Memory.source` of an observation
OBSERVED = "observed"  # name of the document that holds the id of the last observed turn


def credited(found: Sequence[Recalled], memories_of: Callable[[Sequence[int]], Sequence[Memory]]) -> list[Recalled]:
    """Return what was found, best first, with the passages of each observation in its place; a passage keeps its best score.

    `memories_of` returns those of the memories with the given ids that may be recalled.
    """
    observations = [r for r in found if r.memory.source == SOURCE]
    if not observations:
        return list(found)
    best: dict[int, Recalled] = {r.memory.id: r for r in found if r.memory.source != SOURCE}
    missing = dict.fromkeys(i for r in observations for i in r.memory.derived_from if i not in best)
    memories = {m.id: m for m in memories_of(list(missing))}
    for r in observations:
        for i in r.memory.derived_from:
            if i in best:
                own = best[i]
                best[i] = replace(own, score=max(own.score, r.score), confidence=max(own.confidence, r.confidence))
            elif i in memories:
                best[i] = replace(r, memory=memories[i])
    return sorted(best.values(), key=lambda r: -r.score)
