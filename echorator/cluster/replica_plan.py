"""Decides which containers a replica set creates and deletes now. Pure; feeds `replica_sets`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Replica:
    """A container of the replica set. `current` says whether its spec is the template's spec."""

    name: str
    index: int
    ready: bool
    current: bool = True
    deleting: bool = False


def plan_replicas(name: str, replicas: int, there: Sequence[Replica], taken: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the names of the containers to create and of those to delete.

    Surplus containers are deleted in this order: not ready, then of an older template, then by the highest index. If the number is right
    and all are ready, one container of an older template is deleted at a time; the next pass creates its successor.

    Args:
        name: the name of the replica set; its containers are NAME-0, NAME-1, ...
        replicas: the wanted number of containers.
        there: the existing containers.
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
    """Return the number at the end of a container's name; -1 for none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else -1
