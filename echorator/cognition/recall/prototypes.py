"""Patterns: online prototypes of what recurs in a namespace's memories (leader clustering; MacQueen 1967's moving means).

A memory joins the nearest prototype above a threshold and moves its centre by 1/count, at least 2 %, so that the centre can still drift.
Otherwise it opens a new prototype, and beyond the limit the prototype with the least weight is dropped. Weights halve with time. The
module is pure; `upkeep` stores the prototypes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import numpy as np

from echorator.cognition.memory import Vector

NEAREST = 8  # memories that a prototype remembers
LEAST_STEP = 0.02


@dataclass(frozen=True, slots=True)
class PatternSettings:
    """The settings of the clustering: the least cosine to join, the most prototypes, and their half-life in seconds."""

    threshold: float = 0.5  # least cosine to join a prototype
    limit: int = 64  # prototypes of one namespace
    half_life_s: float = 30 * 86_400.0  # time after which half of a prototype's weight is left


@dataclass(frozen=True, slots=True)
class Prototype:
    """One pattern: the centre of alike memories, and how often and how lately they occurred."""

    id: int
    centre: Vector  # (d,) of length 1
    count: int
    weight: float  # decayed to last_seen_s
    similarity: float  # mean cosine of its members to the centre
    last_seen_s: float
    memory_ids: tuple[int, ...]  # the latest of its members


@dataclass(frozen=True, slots=True)
class Patterns:
    """All prototypes of a namespace. `seen` is the id of the last memory that was learned from."""

    prototypes: tuple[Prototype, ...] = ()
    seen: int = 0
    made: int = 0  # prototypes ever opened

    def match(self, vector: Vector, settings: PatternSettings) -> tuple[int, float] | None:
        """Return the place and the cosine of the nearest prototype, or None where none reaches the threshold."""
        if not self.prototypes:
            return None
        cosines = np.stack([p.centre for p in self.prototypes]) @ vector
        best = int(cosines.argmax())
        return (best, float(cosines[best])) if cosines[best] >= settings.threshold else None

    def learned(self, vector: Vector, memory_id: int, at_s: float, settings: PatternSettings) -> Patterns:
        """Return the patterns with one more memory; a zero vector changes no prototype."""
        if not vector.any():
            return replace(self, seen=memory_id)
        found = self.match(vector, settings)
        prototypes = list(self.prototypes)
        if found is None:
            made = self.made + 1
            prototypes.append(Prototype(made, vector.astype(np.float32), 1, 1.0, 1.0, at_s, (memory_id,)))
            if len(prototypes) > settings.limit:
                prototypes.remove(min(prototypes, key=lambda p: (weight_at(p, at_s, settings), p.id)))
            return Patterns(tuple(prototypes), memory_id, made)
        place, cosine = found
        old = prototypes[place]
        count = old.count + 1
        centre = old.centre + max(1.0 / count, LEAST_STEP) * (vector - old.centre)
        prototypes[place] = Prototype(
            old.id,
            (centre / np.linalg.norm(centre)).astype(np.float32),
            count,
            weight_at(old, at_s, settings) + 1.0,
            old.similarity + (cosine - old.similarity) / count,
            max(at_s, old.last_seen_s),
            (*old.memory_ids, memory_id)[-NEAREST:],
        )
        return Patterns(tuple(prototypes), memory_id, self.made)

    def dumped(self) -> bytes:
        """Return the patterns as JSON, which `loaded` reads."""
        rows = [[p.id, _text(p.centre), p.count, p.weight, p.similarity, p.last_seen_s, p.memory_ids] for p in self.prototypes]
        return json.dumps({"seen": self.seen, "made": self.made, "prototypes": rows}).encode()

    @classmethod
    def loaded(cls, body: bytes, dimension: int) -> Patterns:
        """Return the patterns that `dumped` wrote; none, to be learned again, where they are damaged or of another embedder."""
        try:
            said = json.loads(body)
            prototypes = tuple(
                Prototype(i, _vector(centre), count, weight, similarity, last_s, tuple(ids))
                for i, centre, count, weight, similarity, last_s, ids in said["prototypes"]
            )
            whole = cls(prototypes, int(said["seen"]), int(said["made"]))
        except (ValueError, KeyError, TypeError):
            return cls()
        return whole if all(len(p.centre) == dimension for p in prototypes) else cls()


def _text(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _vector(text: str) -> Vector:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def weight_at(prototype: Prototype, now_s: float, settings: PatternSettings) -> float:
    """Return the prototype's weight at `now_s`, decayed by the half-life."""
    return float(prototype.weight * 0.5 ** (max(0.0, now_s - prototype.last_seen_s) / settings.half_life_s))
