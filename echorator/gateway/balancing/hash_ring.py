"""Consistent hashing: maps a key to an order of agents, so that equal prefixes find the same prefix cache. Pure.

Karger et al., "Consistent Hashing and Random Trees" (1997): when an agent comes or goes, only the keys of its own arcs move. `pool` builds
the ring of a model's ready agents, `balancer` walks it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

POINTS = 64  # on the ring for an agent of mean weight; more points make the arcs more even
LEAST_POINTS = 8


def hash64(data: bytes) -> int:
    """Return a 64-bit digest of `data` that is the same on every machine and in every process."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


@lru_cache(maxsize=1 << 17)
def _point(name: str, i: int) -> int:
    return hash64(f"{name}#{i}".encode())


class HashRing:
    """A ring of members with weights above 0: a member of twice the weight owns twice the share of the keys."""

    def __init__(self, members: Iterable[tuple[str, float]]) -> None:
        weights = dict(members)
        mean = sum(weights.values()) / max(1, len(weights))
        counts = {name: max(LEAST_POINTS, round(POINTS * weight / mean)) for name, weight in weights.items()}
        points = sorted((_point(name, i), name) for name, count in counts.items() for i in range(count))
        self._points = [point for point, _ in points]
        self._names = [name for _, name in points]

    def walk(self, key: int) -> Iterator[str]:
        """Yield every member once, in ring order from the member that owns `key` (64 bits)."""
        count = len(self._names)
        start = bisect_right(self._points, key)
        seen: set[str] = set()
        for i in range(count):
            name = self._names[(start + i) % count]
            if name not in seen:
                seen.add(name)
                yield name
