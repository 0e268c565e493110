"""Decides what an erasure takes along: what may quote an erased memory must go with it. Pure; feeds `erase` of all stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from echorator.cognition.memory import Experience


def doomed_by(ids: Iterable[int], derived: Mapping[int, Iterable[int]]) -> set[int]:
    """Return the memories that an erasure of `ids` erases: those among `derived`, what was made of them, and what was merged into them.

    `derived` has for every memory of the namespace the ids of those that it was made of.
    """
    made: dict[int, set[int]] = {}
    for memory, parts in derived.items():
        for part in parts:
            made.setdefault(part, set()).add(memory)
    doomed: set[int] = set()
    left = [i for i in ids if i in derived]
    while left:
        memory = left.pop()
        if memory not in doomed:
            doomed.add(memory)
            left += made.get(memory, ())
            left += (part for part in derived[memory] if part in derived)
    return doomed


def quotes(experience: Experience, doomed: set[int]) -> bool:
    """Return whether a turn recalled or taught any of the doomed memories, so that its texts may quote them."""
    return not doomed.isdisjoint(experience.recalled) or not doomed.isdisjoint(experience.learned)
