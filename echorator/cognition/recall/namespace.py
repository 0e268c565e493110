"""A namespace whose index is in memory: opened from the store, kept equal to it, its graph built and saved beside it.

`refresh` is the one way by which the index takes on changed rows: it reads them again. So a replay after a start, a change of
another replica and a change of this one end in the same index.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from echorator._native.recall_index import RecallIndex
from echorator.cognition.memory import Batch, Memory, Namespace, Patch, Vector
from echorator.cognition.recall.confidence import DEFAULT_CURVE, SAMPLES, fit
from echorator.cognition.recall.indexing import add_to_index, columns_of, reworded, speaker_hash
from echorator.cognition.recall.observations import SOURCE as OBSERVATION
from echorator.cognition.recall.prototypes import Patterns
from echorator.cognition.recall.session import SessionState
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.store import Store
from echorator.errors import EchoratorError

_log = logging.getLogger(__name__)

_CHUNK = 2000
_ENTITY_IDS = 8  # ids of memories kept for each entity
MOST_SPEAKERS = 200  # whose names are looked for in a query
MAX_SAMPLES = 2000  # samples of feedback that the confidence is fitted to
MAX_SESSIONS = 1000  # sessions whose state stays in memory; others are read again
LEAST_SAMPLES = 50  # with fewer samples DEFAULT_CURVE is better


@dataclass(slots=True)
class Unstored:
    """What is known of a namespace's conversations beyond what the store has."""

    sessions: dict[str, SessionState] = field(default_factory=dict)  # by name, kept last at the end. Invariant: at most MAX_SESSIONS
    fits: dict[int, float] = field(
        default_factory=dict
    )  # how well memories put into contexts lately fitted. Invariant: at most MAX_SAMPLES


class OpenNamespace:
    """A namespace with its recall index. `lock` orders the writes of this process; searches need no lock."""

    def __init__(self, namespace: Namespace, store: Store, embedder: int, dimension: int, snapshots: GraphSnapshots | None) -> None:
        self.namespace = namespace
        self.index = RecallIndex(dimension)  # made from the store by `load`; `add`, `restate` and `refresh` keep it equal to it
        self.lock = asyncio.Lock()
        self.unstored = Unstored()
        self.goal_rows: Vector | None = None  # Invariant: None, or of shape (n, index.dim) with n >= 1
        self.seq = 0  # the store's number of the last change before `load`. Invariant: 0 <= seq
        self.embedder = embedder  # Invariant: vectors of memories that another embedder made are zeros in the index
        self.curve = DEFAULT_CURVE  # Invariant: DEFAULT_CURVE until there were LEAST_SAMPLES of feedback
        self.patterns: Patterns | None = None  # None: not read yet
        self.standing: set[int] = set()  # ids of the indexed memories that belong into every context
        self.expiry: dict[int, float] = {}  # when those of the indexed memories expire that do, by id
        self.observed = False  # whether there may be observations in the index
        self.dropped = False  # it is no longer kept equal to the store: who waited for `lock` looks its owner up again
        self._samples: list[tuple[float, bool]] = []  # fits and whether feedback was good, oldest first. Invariant: at most MAX_SAMPLES
        # How many memories ever named an entity, and the highest ids of those that name it, rising. Invariant: at most _ENTITY_IDS
        self._entities: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._names: dict[int, tuple[str, ...]] = {}  # the entities under which a memory is listed. Invariant: the inverse of `_entities`
        self.speakers: dict[str, None] = {}  # in the order in which they spoke first. Invariant: at most MOST_SPEAKERS
        self._store = store
        self._snapshots = snapshots
        self._graph_thread: threading.Thread | None = None
        self._ending = False  # the thread ends after the graph that it builds

    @property
    def sessions(self) -> dict[str, SessionState]:
        """Return the states of its conversations by name, see `Unstored`."""
        return self.unstored.sessions

    @property
    def fits(self) -> dict[int, float]:
        """Return how well memories that were put into contexts lately fitted, by id, see `Unstored`."""
        return self.unstored.fits

    @property
    def named(self) -> int:
        """Return how many memories are listed under entities."""
        return len(self._names)

    def load(self) -> None:
        """Read the whole namespace from the store; the graph of a large one comes from its snapshot where that is sound.

        Terms that other rules made are made anew and stored chunk by chunk: a process that is killed meanwhile goes on at the next start.
        """
        self.seq = self._store.counts(self.namespace, self.embedder).seq
        rows = self._store.scan(self.namespace)
        while chunk := list(islice(rows, _CHUNK)):
            present = reworded(chunk)
            self.add(present)
            self._keep_terms([new for old, new in zip(chunk, present, strict=True) if new is not old])
        for a, b, weight in self._store.associations(self.namespace):
            self.index.associate(a, b, weight)
        self.load_goals()
        self.load_curve()
        if self._snapshots is not None and self.index.wants_graph:
            self._snapshots.load(self.namespace, self.index, self.embedder, self._store)

    def _keep_terms(self, memories: Sequence[Memory]) -> None:
        """Store the terms of memories; where that is not possible, they are made again at the next start."""
        try:
            while memories:
                patches = tuple(Patch(m.id, {"terms": m.terms, "terms_version": m.terms_version}) for m in memories)
                self._store.write(self.namespace, Batch(patch=patches), time.time()).result()
                # Another replica may have changed a text since it was read here: its terms are those of the new text.
                texts = {m.id: (m.text, m.speaker) for m in memories}
                now = self._store.memories(self.namespace, list(texts)) if self._store.shared else []
                memories = reworded([replace(m, terms_version=0) for m in now if (m.text, m.speaker) != texts[m.id]])
        except EchoratorError as error:
            _log.warning("terms of new rules could not be stored", extra={"namespace": self.namespace.id, "error": str(error)})

    def vectors(self, ids: Sequence[int]) -> Vector:
        """Return the vectors of memories, shape (n, d), with zeros for those that are no longer in the index."""
        out = np.zeros((len(ids), self.index.dim), np.float32)
        there = [place for place, i in enumerate(ids) if i in self.index]
        if there:
            out[there] = self.index.vectors(np.array([ids[place] for place in there], np.uint64))
        return out

    def keep_session(self, name: str, state: SessionState) -> None:
        """Keep the state of a session in memory; beyond `MAX_SESSIONS` the one that was kept longest ago is dropped."""
        self.sessions.pop(name, None)
        self.sessions[name] = state
        while len(self.sessions) > MAX_SESSIONS:
            del self.sessions[next(iter(self.sessions))]

    def chose(self, fits: Iterable[tuple[int, float]]) -> None:
        """Keep the fit (id, 0..1) of each memory that was put into a context, for later feedback on it."""
        for memory_id, value in fits:
            self.fits.pop(memory_id, None)
            self.fits[memory_id] = value
        while len(self.fits) > MAX_SAMPLES:
            del self.fits[next(iter(self.fits))]

    def load_curve(self) -> None:
        """Fit the confidence curve to stored feedback; where that is damaged or too little, `DEFAULT_CURVE` stays."""
        body = self._store.document(self.namespace, SAMPLES)
        if body:
            try:
                self._samples = [(float(score), bool(good)) for score, good in json.loads(body)]
            except (ValueError, TypeError):
                self._samples = []
            self._fit_curve()

    def learn_confidence(self, samples: Sequence[tuple[float, bool]]) -> bytes:
        """Add feedback to the samples, fit the curve again, and return the document that stores the samples."""
        self._samples = [*self._samples, *samples][-MAX_SAMPLES:]
        self._fit_curve()
        return json.dumps([[round(score, 4), int(good)] for score, good in self._samples]).encode()

    def _fit_curve(self) -> None:
        if len(self._samples) >= LEAST_SAMPLES:
            self.curve = fit([s for s, _ in self._samples], [good for _, good in self._samples])

    def load_goals(self) -> None:
        """Read the goals into `goal_rows`: unit vectors times priority, or None without goals of the present dimension."""
        goals = [g for g in self._store.goals(self.namespace) if len(g.embedding) == self.index.dim]
        self.goal_rows = np.stack([g.embedding * np.float32(g.priority) for g in goals]) if goals else None

    def add(self, memories: Sequence[Memory]) -> None:
        """Add memories that were just written, with their ids, to the index and to the lists of entities."""
        add_to_index(self.index, memories, self.embedder)
        for memory in memories:
            self.name(memory.id, memory.entities)
            self._note(memory)

    def _note(self, memory: Memory) -> None:
        """List a memory among those that belong into every context or that expire; note its speaker and whether it is an observation."""
        if memory.speaker and len(self.speakers) < MOST_SPEAKERS:
            self.speakers[memory.speaker] = None
        self.observed = self.observed or memory.source == OBSERVATION
        if (memory.standing or memory.pinned) and memory.holds:
            self.standing.add(memory.id)
        else:
            self.standing.discard(memory.id)
        self.expiry.pop(memory.id, None)
        if memory.expires_s:
            self.expiry[memory.id] = memory.expires_s

    def expired(self, now_s: float) -> set[int]:
        """Return the ids of the indexed memories that have expired by `now_s`."""
        return {memory_id for memory_id, expires_s in list(self.expiry.items()) if expires_s <= now_s}

    def name(self, memory_id: int, entities: Iterable[str]) -> None:
        """List a memory under the names of these entities, and no longer under others."""
        old, new = self._names.pop(memory_id, ()), tuple(dict.fromkeys(entities))
        kept: list[str] = []
        for entity in old:
            if entity in new:
                kept.append(entity)
            else:
                count, last = self._entities[entity]
                self._entities[entity] = (count, tuple(i for i in last if i != memory_id))
        for entity in new:
            count, last = self._entities.get(entity, (0, ()))
            if memory_id in last or (len(last) == _ENTITY_IDS and memory_id < last[0]):
                continue  # the latter was listed before
            listed = sorted((*last, memory_id))
            for gone in listed[:-_ENTITY_IDS]:
                self._unname(gone, entity)
            self._entities[entity] = (count + 1, tuple(listed[-_ENTITY_IDS:]))
            kept.append(entity)
        if kept:
            self._names[memory_id] = tuple(kept)

    def _unname(self, memory_id: int, entity: str) -> None:
        """Note that a memory is no longer among the last that name an entity."""
        left = tuple(name for name in self._names[memory_id] if name != entity)
        if left:
            self._names[memory_id] = left
        else:
            del self._names[memory_id]

    def with_entity(self, entity: str, limit: int) -> tuple[list[int], int]:
        """Return the last indexed memories that name the entity, at most `limit`, and how many ever named it."""
        count, last = self._entities.get(entity, (0, ()))
        return [i for i in last if i in self.index][-limit:] if limit else [], count

    def restate(self, memories: Iterable[Memory]) -> None:
        """Update the numbers of memories whose texts did not change."""
        for memory in memories:
            self.index.update(memory.id, columns_of(memory), speaker_hash(memory.speaker))
            self._note(memory)

    def refresh(self, ids: Sequence[int]) -> None:
        """Replace the index's rows of these memories with those of the store, and list them under the entities that they name now."""
        rows = list(self._store.scan(self.namespace, ids))
        for memory_id in {*ids} - {memory.id for memory in rows}:
            self.name(memory_id, ())
        for memory_id in ids:
            self.index.remove(memory_id)
            self.standing.discard(memory_id)
            self.expiry.pop(memory_id, None)
        add_to_index(self.index, rows, self.embedder)
        for memory in rows:
            self._note(memory)
            self.name(memory.id, memory.entities)
        if rows:
            self.associate(self._store.associations(self.namespace, [m.id for m in rows]))

    def associate(self, links: Iterable[tuple[int, int, float]]) -> None:
        """Set the weights (a, b, weight) of associations in the index."""
        for a, b, weight in links:
            self.index.associate(a, b, weight)

    def grow(self, threads: int) -> None:
        """Start to build the graph in a thread where a graph would pay and none is being built.

        What is written while it is built is scanned beside it, so the thread builds again until no more than that pays.
        """
        if not self.index.wants_graph or self.building:
            return
        self._ending = False

        def build() -> None:
            while self._built(threads) and self.index.wants_graph and not self._ending:
                pass

        self._graph_thread = threading.Thread(target=build, name="memory-graph", daemon=True)
        self._graph_thread.start()

    def _built(self, threads: int) -> bool:
        """Build the graph once and save it; return whether that succeeded."""
        seq = self._store.counts(self.namespace, self.embedder).seq
        try:
            built = self.index.build_graph(threads)
            if built and not self.index.graph_size:
                _log.info("a graph finds less than a scan among these memories; scans go on", extra={"namespace": self.namespace.id})
            elif built and self._snapshots is not None:
                self._snapshots.save(self.namespace, self.index, self.embedder, seq)
        except (EchoratorError, MemoryError, RuntimeError, OSError) as error:  # searches go on without a graph
            _log.warning("the graph could not be built", extra={"namespace": self.namespace.id, "error": str(error)})
            return False
        return built

    @property
    def building(self) -> bool:
        """Whether a graph is being built now."""
        return self._graph_thread is not None and self._graph_thread.is_alive()

    def finish(self) -> None:
        """Wait for the graph that is being built; no other is begun after it."""
        self._ending = True
        if self._graph_thread is not None:
            self._graph_thread.join()
