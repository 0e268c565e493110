"""A namespace whose index is in memory: opened from the store, kept equal to it, its graph built and saved beside it.

`refresh` is the one way by which the index learns of a change: it reads the named rows again. So a replay after a start, a change of
another replica and a change of this one end in the same index.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from echorator._native.recall_index import RecallIndex
from echorator.cognition.confidence import DEFAULT_CURVE, fit
from echorator.cognition.indexing import add_to_index, columns_of, speaker_hash
from echorator.cognition.memory import Memory, Namespace, Vector
from echorator.cognition.prototypes import Patterns
from echorator.cognition.session import SessionState
from echorator.cognition.snapshots import GraphSnapshots
from echorator.cognition.store import Store
from echorator.errors import EchoratorError

_log = logging.getLogger(__name__)

_CHUNK = 2000
_ENTITY_IDS = 8  # kept of each
MAX_SAMPLES = 2000  # of feedback that the confidence is fitted to
MAX_SESSIONS = 1000  # whose state stays in memory; others are read again
LEAST_SAMPLES = 50  # below it the curve that ships is better


class OpenNamespace:
    """`lock` orders the writes of this process; searches need none."""

    def __init__(self, namespace: Namespace, store: Store, embedder: int, dimension: int, snapshots: GraphSnapshots | None) -> None:
        self.namespace = namespace
        self.index = RecallIndex(dimension)
        self.lock = asyncio.Lock()
        self.sessions: dict[str, SessionState] = {}
        self.goal_rows: Vector | None = None
        self.seq = 0
        self.embedder = embedder
        self.curve = DEFAULT_CURVE
        self.patterns: Patterns | None = None  # None: not read yet
        self.fits: dict[int, float] = {}  # of what was put into contexts lately, for the feedback on it
        self._samples: list[tuple[float, bool]] = []
        self._entities: dict[str, tuple[int, tuple[int, ...]]] = {}  # how many memories name it, and the last of them
        self._store = store
        self._snapshots = snapshots
        self._graph_thread: threading.Thread | None = None

    def load(self) -> None:
        """Read everything; the graph of a large namespace comes from its snapshot where that is sound."""
        self.seq = self._store.counts(self.namespace, self.embedder).seq
        rows = self._store.scan(self.namespace)
        while chunk := list(islice(rows, _CHUNK)):
            self.add(chunk)
        for a, b, weight in self._store.associations(self.namespace):
            self.index.associate(a, b, weight)
        self.load_goals()
        self.load_curve()
        if self._snapshots is not None and self.index.wants_graph:
            self._snapshots.load(self.namespace, self.index, self.embedder, self._store)

    def vectors(self, ids: Sequence[int]) -> Vector:
        """(n, d); zeros for those that are gone."""
        out = np.zeros((len(ids), self.index.dim), np.float32)
        there = [place for place, i in enumerate(ids) if i in self.index]
        if there:
            out[there] = self.index.vectors(np.array([ids[place] for place in there], np.uint64))
        return out

    def keep_session(self, name: str, state: SessionState) -> None:
        """As it is now; the one that was kept longest ago goes."""
        self.sessions.pop(name, None)
        self.sessions[name] = state
        while len(self.sessions) > MAX_SESSIONS:
            del self.sessions[next(iter(self.sessions))]

    def chose(self, fits: Iterable[tuple[int, float]]) -> None:
        """How well memories fitted that were put into a context now, for the feedback on it."""
        for memory_id, value in fits:
            self.fits.pop(memory_id, None)
            self.fits[memory_id] = value
        while len(self.fits) > MAX_SAMPLES:
            del self.fits[next(iter(self.fits))]

    def load_curve(self) -> None:
        """The curve that earlier feedback made."""
        body = self._store.document(self.namespace, "calibration")
        if body:
            self._samples = [(float(score), bool(good)) for score, good in json.loads(body)]
            self._fit_curve()

    def learn_confidence(self, samples: Sequence[tuple[float, bool]]) -> bytes:
        """Take on feedback; returns the document that keeps it."""
        self._samples = [*self._samples, *samples][-MAX_SAMPLES:]
        self._fit_curve()
        return json.dumps([[round(score, 4), int(good)] for score, good in self._samples]).encode()

    def _fit_curve(self) -> None:
        if len(self._samples) >= LEAST_SAMPLES:
            self.curve = fit([s for s, _ in self._samples], [good for _, good in self._samples])

    def load_goals(self) -> None:
        """Rows of unit vectors times priority, or None."""
        goals = [g for g in self._store.goals(self.namespace) if len(g.embedding) == self.index.dim]
        self.goal_rows = np.stack([g.embedding * np.float32(g.priority) for g in goals]) if goals else None

    def add(self, memories: Sequence[Memory]) -> None:
        """Memories that were just written, with their ids."""
        add_to_index(self.index, memories, self.embedder)
        for memory in memories:
            for entity in memory.entities:
                count, last = self._entities.get(entity, (0, ()))
                self._entities[entity] = (count + 1, (*last, memory.id)[-_ENTITY_IDS:])

    def with_entity(self, entity: str, limit: int) -> tuple[list[int], int]:
        """The last memories that name it, at most `limit` and those that are still there, and how many ever did."""
        count, last = self._entities.get(entity, (0, ()))
        return [i for i in last if i in self.index][-limit:] if limit else [], count

    def restate(self, memories: Iterable[Memory]) -> None:
        """Their numbers changed, their texts did not."""
        for memory in memories:
            self.index.update(memory.id, columns_of(memory), speaker_hash(memory.speaker))

    def refresh(self, ids: Sequence[int]) -> None:
        """Make the index say of these what the store says now."""
        rows = list(self._store.scan(self.namespace, ids))
        for memory_id in ids:
            self.index.remove(memory_id)
        add_to_index(self.index, rows, self.embedder)
        if rows:
            self.associate(self._store.associations(self.namespace, [m.id for m in rows]))

    def associate(self, links: Iterable[tuple[int, int, float]]) -> None:
        """Set the weights."""
        for a, b, weight in links:
            self.index.associate(a, b, weight)

    def grow(self, threads: int) -> None:
        """Start to build the graph in a thread where that would pay and none is being built."""
        if not self.index.wants_graph or self.building:
            return

        def build() -> None:
            seq = self._store.counts(self.namespace, self.embedder).seq
            try:
                built = self.index.build_graph(threads)
                if built and self._snapshots is not None:
                    self._snapshots.save(self.namespace, self.index, self.embedder, seq)
            except (EchoratorError, MemoryError, RuntimeError, OSError) as error:  # searches go on without it
                _log.warning("the graph could not be built", extra={"namespace": self.namespace.id, "error": str(error)})

        self._graph_thread = threading.Thread(target=build, name="memory-graph", daemon=True)
        self._graph_thread.start()

    @property
    def building(self) -> bool:
        """Whether a graph is being built."""
        return self._graph_thread is not None and self._graph_thread.is_alive()

    def finish(self) -> None:
        """Wait for the graph that is being built."""
        if self._graph_thread is not None:
            self._graph_thread.join()
