"""A memory with every field that a store needs."""

from __future__ import annotations

import numpy as np

from echorator.cognition.memory import Kind, Memory
from echorator.cognition.text import terms_of


def memory(text: str, **more: object) -> Memory:
    values: dict[str, object] = {"kind": Kind.EPISODIC, "said_s": 100.0, "created_s": 100.0, "embedder": 1}
    values |= {"embedding": np.full(4, 0.5, np.float32), "terms": terms_of(text, str(more.get("speaker", "")), 100.0)} | more
    return Memory(text, **values)  # type: ignore[arg-type]
