"""Consistent hashing: where on a ring of agents a key begins. Pure.

Karger et al., "Consistent Hashing and Random Trees" (1997): when an agent comes or goes, only the keys of its own arcs move.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

POINTS = 64  # of an agent of mean weight; more of them make the arcs more even
LEAST_POINTS = 8


def hash64(data: bytes) -> int:
    """The same on every machine and in every process."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


@lru_cache(maxsize=1 << 17)
def _point(name: str, i: int) -> int:
    return hash64(f"{name}#{i}".encode())


class HashRing:
    """Members by name with weights above 0: twice the weight is twice the share of the keys."""

    def __init__(self, members: Iterable[tuple[str, float]]) -> None:
        weights = dict(members)
        mean = sum(weights.values()) / max(1, len(weights))
        counts = {name: max(LEAST_POINTS, round(POINTS * weight / mean)) for name, weight in weights.items()}
        points = sorted((_point(name, i), name) for name, count in counts.items() for i in range(count))
        self._points = [point for point, _ in points]
        self._names = [name for _, name in points]

    def walk(self, key: int) -> Iterator[str]:
        """Every member once, from the one that owns `key` (64 bits) around the ring."""
        count = len(self._names)
        start = bisect_right(self._points, key)
        seen: set[str] = set()
        for i in range(count):
            name = self._names[(start + i) % count]
            if name not in seen:
                seen.add(name)
                yield name
