"""Rows of a recall index, how they are added and searched, and vectors that lie as those of sentences do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from echorator._native.recall_index import COLUMNS, SIGNALS, RecallIndex

NOW_S = 1.7e9


Vectors = npt.NDArray[np.float32]


@dataclass
class Row:
    label: int
    vector: Vectors
    terms: list[int]
    session: int = 0
    speaker: int = 0
    columns: dict[str, float] = field(default_factory=dict)

    def numbers(self) -> list[float]:
        defaults = {"said_s": NOW_S, "created_s": NOW_S, "last_used_s": NOW_S, "uses": 1.0, "kind": 1.0}
        return [(defaults | self.columns).get(name, 0.0) for name in COLUMNS]


def add(index: RecallIndex, rows: list[Row]) -> None:
    index.add(
        np.array([r.label for r in rows], np.uint64),
        np.stack([r.vector for r in rows]).astype(np.float32),
        np.array([r.numbers() for r in rows], np.float64),
        np.array([r.session for r in rows], np.uint64),
        np.array([r.speaker for r in rows], np.uint32),
        np.array([t for r in rows for t in r.terms], np.uint64),
        np.cumsum([len(r.terms) for r in rows], dtype=np.int64),
    )


def weights(**chosen: float) -> Vectors:
    return np.array([chosen.get(name, 0.0) for name in SIGNALS], np.float32)


def search(index: RecallIndex, vector: Vectors | None, terms: list[int], **more: Any) -> tuple[Any, ...]:
    arguments: dict[str, Any] = {"weights": weights(dense=1, lexical=1), "k": 10, "now_s": NOW_S, "as_of_s": NOW_S} | more
    return index.search(vector, np.array(terms, np.uint64), **arguments)


def like_text(n: int, dim: int, seed: int) -> Vectors:
    """Vectors of few degrees of freedom, as those of sentences are."""
    axes = np.random.default_rng(1).normal(size=(12, dim))
    rng = np.random.default_rng(seed)
    vectors = np.tanh(rng.normal(size=(n, 12)) @ axes / 3) + 0.05 * rng.normal(size=(n, dim))
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled
