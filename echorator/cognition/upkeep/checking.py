"""Check the store, and every index in memory against it. Fed by `api`."""

from __future__ import annotations

import asyncio

import numpy as np

from echorator.cognition.cognition import Cognition
from echorator.cognition.memory import Finding
from echorator.cognition.recall.namespace import OpenNamespace


async def check(cognition: Cognition, repair: bool) -> tuple[list[Finding], int]:
    """Verify the store, and every open index against it; return the findings and the number of memories."""
    findings, count = await asyncio.to_thread(cognition.store.check, repair)
    for opened in cognition.all_opened():
        async with opened.lock:
            wrong = await asyncio.to_thread(_differences, cognition, opened)
            if wrong and repair:
                cognition.drop(opened)
        findings += [Finding(text, repaired=repair) for text in wrong]
    return findings, count


def _differences(cognition: Cognition, opened: OpenNamespace) -> list[str]:
    rows = {m.id: m for m in cognition.store.scan(opened.namespace)}
    labels = set(opened.index.labels().tolist())
    wrong = [f"memory {i} is not in the index" for i in sorted(set(rows) - labels)]
    wrong += [f"memory {i} is in the index and not in the store" for i in sorted(labels - set(rows))]
    both = sorted(labels & set(rows))
    vectors = opened.vectors(both)
    for i, vector in zip(both, vectors, strict=True):
        row = rows[i]
        if row.embedder == cognition.embedder_id and np.abs(row.embedding - vector).max(initial=0.0) > 2e-3:
            wrong.append(f"memory {i} has another vector in the index")
    return wrong
