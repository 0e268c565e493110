"""The core of the memory: remember, recall, update and forget, over a store, an embedder and one in-memory index per namespace.

`api`, `turns` and `upkeep` call it with plain values; `searching` finds what is recalled. A write embeds outside the namespace's lock;
then, holding the lock, it decides what supersedes what (`coherence`), writes durably, and only then changes the index. So the index never
shows a memory that was not written, and the next recall finds every acknowledged one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from echorator.cognition.embedders.embedder import Embedded, Embedder
from echorator.cognition.learning.writing import Told, check_text, embedded_text, memories_of, read, told_last, with_vectors
from echorator.cognition.memory import Action, Batch, Goal, Lifecycle, Link, Memory, Patch, Receipt, Vector
from echorator.cognition.off_loop import off_loop
from echorator.cognition.reading.salience import entities_of
from echorator.cognition.reading.standing import stands
from echorator.cognition.reading.values import Fact, Topic
from echorator.cognition.recall.affect import affect_of
from echorator.cognition.recall.coherence import decide, topics_of
from echorator.cognition.recall.confidence import SAMPLES
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Answer, Asked, Owner, unit
from echorator.cognition.recall.session import SessionState
from echorator.cognition.searching import Searching
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.stages import Stages
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.store import MemoryNotFoundError, Store
from echorator.cognition.text import TERMS_VERSION, terms_of

_log = logging.getLogger(__name__)


class Cognition:
    """The namespaces of one store, each with its index; made by `open`, ended by `close`."""

    def __init__(self, store: Store, embedder: Embedder, settings: CognitionSettings, folder: Path | None) -> None:
        """Use `open` instead. Graphs are saved in `folder`; None saves none."""
        self.store = store
        self.embedder = embedder
        self.settings = settings
        self.stages = Stages()
        self.searching = Searching(store, settings, embedder.trust, self.stages)
        self.embedder_id = 0
        self.on_erased: list[Callable[[str], None]] = []  # called with the tenant after an erasure by this process
        self.on_opened: list[Callable[[OpenNamespace], None]] = []
        self._snapshots = GraphSnapshots(folder) if folder is not None else None
        self._opened: dict[int, OpenNamespace] = {}
        self._by_key: dict[tuple[str, str, str], OpenNamespace] = {}
        self._opening: defaultdict[tuple[str, str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    async def open(cls, store: Store, embedder: Embedder, settings: CognitionSettings, folder: Path | None) -> Cognition:
        """Return a memory over an open store and follow the changes of other replicas; the memory's `close` closes the store."""
        cognition = cls(store, embedder, settings, folder)
        cognition.embedder_id = await asyncio.to_thread(store.embedder, embedder.name, embedder.dimension)
        loop = asyncio.get_running_loop()

        def changed(namespace: int, ids: list[int] | None, documents: list[str]) -> None:
            asyncio.run_coroutine_threadsafe(cognition._changed(namespace, ids, documents), loop).result()

        await asyncio.to_thread(store.follow, changed)
        return cognition

    async def _changed(self, namespace: int, ids: list[int] | None, documents: Sequence[str]) -> None:
        """Bring open namespaces up to date after another replica's write; `ids` None drops them all."""
        if ids is None:
            self._by_key.clear()
            self._opened.clear()
            return
        opened = self._opened.get(namespace)
        if opened is None:
            return
        async with opened.lock:
            if "*" in documents:  # the store's mark of an erasure
                self.drop(opened)
                return
            await asyncio.to_thread(opened.refresh, ids)
            for name in documents:
                opened.sessions.pop(name.removeprefix("session:"), None)
            if "goals" in documents:
                await asyncio.to_thread(opened.load_goals)
            if SAMPLES in documents:
                await asyncio.to_thread(opened.load_curve)

    async def close(self) -> None:
        """Wait for graphs that are being built, then close the store, which finishes accepted writes, and the embedder."""
        for opened in self._by_key.values():
            await asyncio.to_thread(opened.finish)
        await asyncio.to_thread(self.store.close)
        await self.embedder.close()

    # Namespaces

    async def opened(self, owner: Owner, create: bool = False) -> OpenNamespace | None:
        """Return the namespace with its index, loaded from the store on first use; None where it does not exist and `create` is false."""
        key = (owner.tenant, owner.agent, owner.user)
        found = self._by_key.get(key)
        if found is not None:
            return found
        async with self._opening[key]:
            if key in self._by_key:
                return self._by_key[key]
            namespace = await asyncio.to_thread(self.store.namespace, *key, create)
            if namespace is None:
                return None
            opened = OpenNamespace(namespace, self.store, self.embedder_id, self.embedder.dimension, self._snapshots)
            await asyncio.to_thread(opened.load)
            opened.grow(self.settings.graph_threads)
            self._by_key[key] = self._opened[namespace.id] = opened
        for tell in self.on_opened:
            tell(opened)
        return opened

    async def existing(self, owner: Owner) -> OpenNamespace:
        """Return the namespace with its index. Raises MemoryNotFoundError where nothing was ever remembered for the owner."""
        opened = await self.opened(owner)
        if opened is None:
            raise MemoryNotFoundError(
                f"nothing was ever remembered for user {owner.user!r} of agent {owner.agent!r}, tenant {owner.tenant!r}"
            )
        return opened

    def all_opened(self) -> list[OpenNamespace]:
        """Return the namespaces whose index is in memory."""
        return list(self._by_key.values())

    def drop(self, opened: OpenNamespace) -> None:
        """Drop the index from memory; the next call loads it from the store again."""
        self._by_key.pop(opened.namespace.key, None)
        self._opened.pop(opened.namespace.id, None)

    async def session(self, opened: OpenNamespace, name: str) -> SessionState:
        """Return the state of a conversation; a fresh one where the stored one is damaged. That of the empty name is never stored."""
        state = opened.sessions.get(name)
        if state is None and not name:
            return SessionState()
        if state is None:
            body = await asyncio.to_thread(self.store.document, opened.namespace, f"session:{name}")
            try:
                state = SessionState.loaded(body)
            except ValueError as error:
                _log.warning("session state dropped", extra={"namespace": opened.namespace.id, "error": str(error)})
                state = SessionState()
            opened.keep_session(name, state)
        return state

    # Writing

    async def remember(self, owner: Owner, told: Sequence[Told], now_s: float | None = None) -> tuple[list[int], list[int]]:
        """Store memories, all or none; they are durable when it returns.

        Returns:
            (ids, superseded ids): one id per entry of `told`, that of the older memory where it already says the same.

        Raises:
            InvalidRequestError: a text or an embedding cannot be taken.
            ResourceError: the disk or the memory is full; nothing was written.
        """
        now_s = time.time() if now_s is None else now_s
        opened = await self.opened(owner)
        earlier = () if opened is None else (await self.session(opened, owner.session)).facts
        memories = await self.prepared(told, owner.session, now_s, earlier)
        if opened is None:
            opened = await self.opened(owner, create=True)
            assert opened is not None
        ids, superseded, _ = await self.written(opened, memories, Batch(), now_s)
        if facts := [fact for memory in memories for fact in memory.facts]:
            session = await self.session(opened, owner.session)
            opened.keep_session(owner.session, replace(session, facts=told_last(facts, session.facts)))
        return ids, superseded

    async def prepared(self, told: Sequence[Told], session: str, now_s: float, earlier: Sequence[Fact] = ()) -> list[Memory]:
        """Return memories with facts, entities, affect, terms and vectors, not yet stored; `earlier` are the facts told last before.

        Raises:
            InvalidRequestError: a text or an embedding cannot be taken.
        """
        with self.stages.timed("contextualise"):
            memories = await off_loop(sum(len(one.text) for one in told), lambda: memories_of(told, session, now_s, earlier))
        given = {i: m.embedding for i, m in enumerate(memories) if len(m.embedding)}
        units = {i: unit(vector, self.embedder.dimension, f"memories[{i}].embedding") for i, vector in given.items()}
        with self.stages.timed("embed"):
            return await self._embedded(memories, [units.get(i, m.embedding) for i, m in enumerate(memories)])

    async def _embedded(self, memories: Sequence[Memory], vectors: list[Vector]) -> list[Memory]:
        """Return the memories with these vectors; those whose vector is empty get one of the embedder, and its tokens."""
        missing = [i for i, vector in enumerate(vectors) if not len(vector)]
        made = await self.embedder.read([embedded_text(memories[i].text, memories[i].speaker) for i in missing])
        tokens = [m.tokens for m in memories]
        for i, vector, signs in zip(missing, made.vectors, made.tokens, strict=True):
            vectors[i], tokens[i] = vector, signs.ravel()
        return with_vectors(memories, vectors, tokens, self.embedder_id)

    async def written(
        self, opened: OpenNamespace, memories: Sequence[Memory], batch: Batch, now_s: float
    ) -> tuple[list[int], list[int], Receipt]:
        """Check `memories` for repeats and contradictions, add them to `batch`, write it and update the index.

        Returns:
            (ids, superseded ids, receipt), the ids as in `remember`.
        """
        async with opened.lock:
            work = asyncio.to_thread(self._write, opened, memories, batch, now_s)
            ids, superseded, receipt = await asyncio.shield(asyncio.ensure_future(work))
        opened.grow(self.settings.graph_threads)
        return ids, superseded, receipt

    def _write(self, opened: OpenNamespace, memories: Sequence[Memory], batch: Batch, now_s: float) -> tuple[list[int], list[int], Receipt]:
        topics = {topic for m in memories for topic in topics_of(m)}
        with self.stages.timed("coherence"):
            known: dict[Topic, list[Memory]] = {topic: self.store.facts(opened.namespace, *topic) for topic in topics}
            decision = decide(memories, known)
        kept = [m for m in decision.add if m is not None]
        batch = replace(
            batch,
            add=(*batch.add, *kept),
            patch=(*batch.patch, *decision.patches),
            links=(*batch.links, *self._entity_links(opened, kept)),
            uses=(*batch.uses, *((i, now_s) for i in decision.repeats if i)),
        )
        with self.stages.timed("store"):
            receipt = self.store.write(opened.namespace, batch, now_s).result()
        new = [replace(m, id=i) for m, i, fresh in zip(kept, receipt.ids, receipt.fresh, strict=True) if fresh]
        opened.add(new)
        touched = [*decision.superseded, *(p.id for p in batch.patch if p.id > 0), *(i for i, _ in batch.uses)]
        if touched:
            opened.restate(self.store.memories(opened.namespace, touched))
        linked = {i for link in batch.links for i in (link.a, link.b) if i > 0} | {m.id for m in new if batch.links}
        if linked:
            opened.associate(self.store.associations(opened.namespace, sorted(linked)))
        ids = iter(receipt.ids)
        return [repeat or next(ids) for repeat in decision.repeats], list(decision.superseded), receipt

    def _entity_links(self, opened: OpenNamespace, memories: Sequence[Memory]) -> list[Link]:
        return [link for place, memory in enumerate(memories) for link in self._links_to(opened, -1 - place, memory.entities)]

    def _links_to(self, opened: OpenNamespace, end: int, entities: Sequence[str]) -> list[Link]:
        """Link the memory `end`, see `Link`, to the latest earlier ones that name one of the entities.

        The gain falls with the number of memories that name the entity (the fan effect, Anderson 1974).
        """
        links: list[Link] = []
        for entity in entities:
            earlier, fan = opened.with_entity(entity, self.settings.entity_links)
            links += [Link(end, i, "entity", 1.0 / (1.0 + fan)) for i in earlier if i != end]
        return links

    async def adopt(self, owner: Owner, memories: Sequence[Memory]) -> int:
        """Store the memories of an export unchanged, all or none, and return how many were new; known keys are skipped."""
        if not memories:
            return 0
        batch = Batch(add=tuple(await self._embedded(memories, [m.embedding for m in memories])))
        opened = await self.opened(owner, create=True)
        assert opened is not None

        def apply() -> int:
            receipt = self.store.write(opened.namespace, batch, time.time()).result()
            opened.refresh([i for i, fresh in zip(receipt.ids, receipt.fresh, strict=True) if fresh])
            return sum(receipt.fresh)

        async with opened.lock:
            return await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply)))

    async def update(self, owner: Owner, memory_id: int, fields: Mapping[str, Any], now_s: float | None = None) -> Memory:
        """Change fields of one memory and return it as it is afterwards.

        A new text gets a new vector, terms, fact, entities and affect; the importance, which a caller may have chosen, stays.

        Raises:
            MemoryNotFoundError: the namespace or the memory does not exist.
            InvalidRequestError: the new text cannot be taken.
        """
        now_s = time.time() if now_s is None else now_s
        opened = await self.existing(owner)
        old = await self.get(owner, memory_id)
        values = dict(fields)
        if "text" in values and values["text"] != old.text:
            check_text(values["text"], "text")
            act, facts = read(values["text"], old.speaker)
            made = await self.embedder.read([embedded_text(values["text"], old.speaker)])
            affect = affect_of(values["text"])
            values |= {
                "act": act,
                "facts": facts,
                "standing": values.get("standing", stands(values["text"], act, facts)),
                "entities": entities_of(values["text"]),
                "valence": affect.valence,
                "arousal": affect.arousal,
                "embedding": made.vectors[0],
                "tokens": made.tokens[0].ravel(),
                "embedder": self.embedder_id,
                "terms": terms_of(values["text"], old.speaker, old.said_s),
                "terms_version": TERMS_VERSION,
            }
        action = Action.UPDATED
        if "lifecycle" in values and values["lifecycle"] != old.lifecycle:
            values["changed_s"] = now_s
            action = Action.ARCHIVED if values["lifecycle"] is Lifecycle.ARCHIVED else Action.RESTORED
        shown = ", ".join(f"{name} was {getattr(old, name)!r}" for name in fields if getattr(old, name) != fields[name])
        patch = Patch(memory_id, values, action, shown)
        entities: tuple[str, ...] = values.get("entities", old.entities)

        def apply() -> None:
            named = [entity for entity in entities if entity not in old.entities]
            batch = Batch(patch=(patch,), links=tuple(self._links_to(opened, memory_id, named)))
            self.store.write(opened.namespace, batch, now_s).result()
            opened.name(memory_id, old.entities, entities)
            opened.refresh([memory_id])

        async with opened.lock:
            await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply)))
        return await self.get(owner, memory_id)

    async def forget(self, owner: Owner, ids: Sequence[int] | None, now_s: float | None = None) -> int:
        """Erase memories, or the whole namespace for None, and return how many were erased. Raises MemoryNotFoundError.

        The namespace's graph snapshot and its index are dropped too, and every callback of `on_erased` is called.
        """
        opened = await self.existing(owner)

        def apply() -> int:
            erased = self.store.erase(opened.namespace, ids, time.time() if now_s is None else now_s)
            if self._snapshots is not None:
                opened.finish()
                self._snapshots.forget(opened.namespace)
            return erased

        async with opened.lock:
            erased = await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply)))
            self.drop(opened)
        for tell in self.on_erased:
            tell(owner.tenant)
        return erased

    async def set_goals(self, owner: Owner, goals: Sequence[Goal]) -> None:
        """Embed the goals and replace those of the namespace, which is created if needed."""
        opened = await self.opened(owner, create=True)
        assert opened is not None
        vectors = await self.embedder.embed([goal.text for goal in goals])
        made = tuple(replace(goal, embedding=vector) for goal, vector in zip(goals, vectors, strict=True))
        async with opened.lock:
            await asyncio.wrap_future(self.store.write(opened.namespace, Batch(goals=made), time.time()))
            await asyncio.to_thread(opened.load_goals)

    # Reading

    async def get(self, owner: Owner, memory_id: int) -> Memory:
        """Return one memory without its vector and terms. Raises MemoryNotFoundError."""
        opened = await self.existing(owner)
        found = await asyncio.to_thread(self.store.memories, opened.namespace, [memory_id])
        if not found:
            raise MemoryNotFoundError(f"there is no memory {memory_id} here")
        return found[0]

    async def recall(self, owner: Owner, asked: Asked) -> Answer:
        """Return the best `asked.k` memories, best first, and the seconds that embedding and search took.

        Raises:
            MemoryNotFoundError: the namespace does not exist.
            InvalidRequestError: the caller's query vector has another dimension, is zero or is not finite.
        """
        return await self.recall_in(await self.existing(owner), asked)

    async def recall_in(self, opened: OpenNamespace, asked: Asked) -> Answer:
        """Recall as `recall` does, in a namespace that is already open."""
        begin_s = time.perf_counter()
        if asked.embedding is not None:
            read = Embedded.of(unit(asked.embedding, self.embedder.dimension, "embedding"))
        else:
            with self.stages.timed("embed"):
                read = await self.embedder.read([asked.query])
        embedded_s = time.perf_counter()
        found = await asyncio.to_thread(self.searching.best, opened, asked, read)
        return Answer(found, embedded_s - begin_s, time.perf_counter() - embedded_s)
