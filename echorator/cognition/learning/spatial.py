"""Spatial mapping: two stable dimensions of a namespace's memories, for neighbourhoods and for drawing.

Principal components of the vectors (Pearson 1901). The axes are kept between calls; when they are fitted anew they are turned
back onto the old ones (orthogonal Procrustes, Schoenemann 1966), so the map grows but does not spin or flip. Pure.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np

from echorator.cognition.memory import Vector

MAX_FIT = 4096  # rows that the axes are fitted to


@dataclass(frozen=True)
class Basis:
    """The axes of a map. `version` changes with every fit."""

    mean: Vector  # (d,)
    axes: Vector  # (2, d)
    explained: float  # share of the variance, 0..1
    fitted: int  # number of memories when the axes were fitted
    version: int

    def dumped(self) -> bytes:
        """Return the basis as JSON, which `loaded` reads."""
        body = base64.b64encode(np.vstack([self.mean, self.axes]).astype("<f4").tobytes()).decode()
        return json.dumps({"body": body, "explained": self.explained, "fitted": self.fitted, "version": self.version}).encode()

    @classmethod
    def loaded(cls, body: bytes, dimension: int) -> Basis | None:
        """Return the basis that `dumped` wrote; None where the bytes are none for vectors of this dimension."""
        try:
            said = json.loads(body)
            rows = np.frombuffer(base64.b64decode(said["body"]), "<f4").astype(np.float32).reshape(3, dimension)
            return cls(rows[0], rows[1:], float(said["explained"]), int(said["fitted"]), int(said["version"]))
        except (ValueError, KeyError, TypeError):
            return None


def fit(vectors: Vector, previous: Basis | None = None) -> Basis:
    """Fit the axes to vectors of shape (n, d), n >= 0, and turn them to those of `previous`."""
    n, dimension = vectors.shape
    version = previous.version + 1 if previous else 1
    rows = vectors[np.linspace(0, n - 1, MAX_FIT).round().astype(int)] if n > MAX_FIT else vectors
    mean = rows.mean(axis=0, dtype=np.float64) if n else np.zeros(dimension, np.float32)
    axes = np.zeros((2, dimension), np.float32)
    explained = 0.0
    if n > 1:
        _, values, found = np.linalg.svd((rows - mean).astype(np.float64), full_matrices=False)
        total = float((values**2).sum())
        if total > 1e-12:
            axes[: min(2, len(found))] = found[:2]
            explained = float((values[:2] ** 2).sum() / total)
    if previous is not None and previous.axes.any() and axes.any():
        left, _, right = np.linalg.svd(previous.axes @ axes.T)
        axes = (left @ right @ axes).astype(np.float32)
    else:  # a fixed sign: the largest component of each axis is positive
        for axis in axes:
            if axis.any() and axis[np.abs(axis).argmax()] < 0:
                axis *= -1
    return Basis(mean.astype(np.float32), axes, explained, n, version)


def project(basis: Basis, vectors: Vector) -> Vector:
    """Return the points of (n, d) vectors on the map, shape (n, 2)."""
    return ((vectors - basis.mean) @ basis.axes.T).astype(np.float32)
