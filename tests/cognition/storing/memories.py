"""A memory with every field that a store needs."""

from __future__ import annotations

import numpy as np

from echorator.cognition.memory import Kind, Memory


def memory(text: str, **more: object) -> Memory:
    values: dict[str, object] = {"embedder": 1, "embedding": np.full(4, 0.5, np.float32), "terms": np.array([1, 2], np.uint64)} | more
    return Memory(text, Kind.EPISODIC, 100.0, 100.0, **values)  # type: ignore[arg-type]
