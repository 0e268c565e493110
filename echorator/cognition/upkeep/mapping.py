"""Draw a namespace's memories as points on two axes that stay the same between calls. Fed by `api`; `spatial` fits the axes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from echorator._native.recall_index import retrieval_probability
from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.forgetting import strengths
from echorator.cognition.learning.spatial import Basis, fit, project
from echorator.cognition.memory import Batch, Memory
from echorator.cognition.recall.namespace import OpenNamespace

REFIT_AT = 1.5  # growth of the namespace since the last fit at which the map's axes are fitted again


@dataclass(frozen=True, slots=True)
class Point:
    """A memory on the map, with its probability of retrieval, 0..1."""

    memory: Memory
    x: float
    y: float
    activation: float


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The points of a map, and the share of the variance that its axes explain, 0..1."""

    points: list[Point]
    explained: float
    version: int  # changes when the axes were fitted anew


async def map_of(cognition: Cognition, opened: OpenNamespace, limit: int) -> MemoryMap:
    """Return the latest `limit` memories as points in two dimensions; refit the axes when the namespace has grown by `REFIT_AT`."""
    store = cognition.store
    labels = (await asyncio.to_thread(opened.index.labels))[-limit:]
    vectors = await asyncio.to_thread(opened.vectors, labels.tolist())
    with cognition.stages.timed("map"):
        known = Basis.loaded(await asyncio.to_thread(store.document, opened.namespace, "map"), opened.index.dim)
        if known is None or len(labels) > REFIT_AT * known.fitted:
            known = await asyncio.to_thread(fit, vectors, known)
            await asyncio.wrap_future(store.write(opened.namespace, Batch(documents={"map": known.dumped()}), time.time()))
        points = project(known, vectors)
    memories = await asyncio.to_thread(store.memories, opened.namespace, labels.tolist())
    places = dict(zip(labels.tolist(), points.tolist(), strict=True))
    probabilities = retrieval_probability(strengths(memories, time.time())).tolist()
    drawn = [Point(m, places[m.id][0], places[m.id][1], p) for m, p in zip(memories, probabilities, strict=True)]
    return MemoryMap(drawn, known.explained, known.version)
