"""Which containers a replica set makes and deletes now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Replica:
    """A container of the set. `current`: it is what the template says now."""

    name: str
    index: int
    ready: bool
    current: bool = True
    deleting: bool = False


def plan_replicas(name: str, replicas: int, there: Sequence[Replica], taken: Collection[str]) -> tuple[list[str], list[str]]:
    """Names to create and names to delete.

    Of too many, those go first that are not ready, then those of an older template, then the highest numbers. Where their number is
    right and all are ready, one of an older template goes at a time; the next pass makes its successor.

    Args:
        name: of the set; its containers are NAME-0, NAME-1, ...
        replicas: how many there are to be.
        there: its containers.
        taken: names that cannot be used, those of `there` included.
    """
    kept = [r for r in there if not r.deleting]
    surplus = len(kept) - replicas
    if surplus > 0:
        kept.sort(key=lambda r: (r.ready, r.current, -r.index))
        return [], [r.name for r in kept[:surplus]]
    if surplus < 0:
        free = (f"{name}-{index}" for index in range(len(taken) - surplus))
        return [n for n in free if n not in taken][:-surplus], []
    outdated = [r for r in kept if not r.current]
    unready = [r for r in outdated if not r.ready]
    if not unready and not all(r.ready for r in kept):
        return [], []
    return [], [r.name for r in (unready or outdated)[:1]]


def index_of(name: str) -> int:
    """The number at its end; -1 for none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else -1
