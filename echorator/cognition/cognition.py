"""The core of the memory: remember, recall, update and forget, over a store, an embedder and one in-memory index per namespace.

`api`, `turns` and `upkeep` call it with plain values; `searching` finds what is recalled. A write embeds outside the namespace's lock;
then, holding the lock, it decides what supersedes what (`coherence`), writes durably, and only then changes the index. So the index never
shows a memory that was not written, and the next recall finds every acknowledged one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from echorator.cognition.embedders.embedder import Embedded, Embedder
from echorator.cognition.learning.adopting import Archive, adopted
from echorator.cognition.learning.labelling import relabelled
from echorator.cognition.learning.writing import Told, check_text, embedded_text, memories_of, read, told_last, with_vectors
from echorator.cognition.memory import Action, Batch, Goal, Lifecycle, Link, Memory, Patch, Receipt, Vector
from echorator.cognition.off_loop import off_loop
from echorator.cognition.opening import Opening
from echorator.cognition.reading.salience import entities_of
from echorator.cognition.reading.standing import stands
from echorator.cognition.reading.values import Fact, Topic
from echorator.cognition.recall.affect import affect_of
from echorator.cognition.recall.coherence import decide, topics_of
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Answer, Asked, Owner, unit
from echorator.cognition.recall.session import SessionState
from echorator.cognition.searching import Searching
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.stages import Stages
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.store import MemoryNotFoundError, NamespaceGoneError, Store
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
        self.on_erased: list[Callable[[str], None]] = []  # called with the tenant after an erasure by this process
        self._snapshots = GraphSnapshots(folder) if folder is not None else None
        self.opening = Opening(store, embedder.dimension, settings, self._snapshots)

    @property
    def embedder_id(self) -> int:
        """Return the store's number of the embedder."""
        return self.opening.embedder_id

    @property
    def on_opened(self) -> list[Callable[[OpenNamespace], None]]:
        """Return what is called with each namespace that was loaded."""
        return self.opening.on_opened

    @classmethod
    async def open(cls, store: Store, embedder: Embedder, settings: CognitionSettings, folder: Path | None) -> Cognition:
        """Return a memory over an open store and follow the changes of other replicas; the memory's `close` closes the store."""
        cognition = cls(store, embedder, settings, folder)
        cognition.opening.embedder_id = await asyncio.to_thread(store.embedder, embedder.name, embedder.dimension)
        await cognition.opening.follow()
        return cognition

    async def close(self) -> None:
        """Wait for graphs that are being built, then close the store, which finishes accepted writes, and the embedder."""
        for opened in self.all_opened():
            await asyncio.to_thread(opened.finish)
        await asyncio.to_thread(self.store.close)
        await self.embedder.close()

    # Namespaces

    async def opened(self, owner: Owner, create: bool = False) -> OpenNamespace | None:
        """Return the namespace with its index, see `Opening.opened`."""
        return await self.opening.opened(owner, create)

    async def existing(self, owner: Owner) -> OpenNamespace:
        """Return the namespace with its index. Raises MemoryNotFoundError where nothing was ever remembered for the owner."""
        return await self.opening.existing(owner)

    async def session(self, opened: OpenNamespace, name: str) -> SessionState:
        """Return the state of a conversation, see `Opening.session`."""
        return await self.opening.session(opened, name)

    def all_opened(self) -> list[OpenNamespace]:
        """Return the namespaces whose index is in memory."""
        return list(self.opening.namespaces)

    def drop(self, opened: OpenNamespace) -> None:
        """Drop the index from memory; the next call loads it from the store again."""
        self.opening.namespaces.drop(opened)

    def holding(self, opened: OpenNamespace, create: bool = False) -> AbstractAsyncContextManager[OpenNamespace]:
        """Hold the lock of a namespace for a change of it, see `Opening.holding`."""
        return self.opening.holding(opened, create)

    # Writing

    async def remember(self, owner: Owner, told: Sequence[Told], now_s: float | None = None) -> tuple[list[int], list[int]]:
        """Store memories, all or none; they are durable when it returns.

        Returns:
            (ids, superseded ids): one id per entry of `told`, that of the older memory where it already says the same.

        Raises:
            InvalidRequestError: a text or an embedding cannot be taken.
            ResourceError: the disk or the memory is full; nothing was written.
        """
        ids, superseded, _ = await self._remembered(owner, told, time.time() if now_s is None else now_s)
        return ids, superseded

    async def told(self, owner: Owner, told: Sequence[Told]) -> int:
        """Store memories as `remember` does, and return how many were new."""
        return sum((await self._remembered(owner, told, time.time()))[2].fresh) if told else 0

    async def _remembered(self, owner: Owner, told: Sequence[Told], now_s: float) -> tuple[list[int], list[int], Receipt]:
        opened = await self.opened(owner)
        earlier = () if opened is None else (await self.session(opened, owner.session)).facts
        memories = await self.prepared(told, owner.session, now_s, earlier)
        if opened is None:
            opened = await self.opened(owner, create=True)
            assert opened is not None
        ids, superseded, receipt = await self.written(opened, memories, Batch(), now_s)
        if facts := [fact for memory in memories for fact in memory.facts]:
            session = await self.session(opened, owner.session)
            opened.keep_session(owner.session, replace(session, facts=told_last(facts, session.facts)))
        return ids, superseded, receipt

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
        while True:
            async with self.holding(opened, create=True) as present:
                try:
                    work = asyncio.to_thread(self._write, present, memories, batch, now_s)
                    written = await asyncio.shield(asyncio.ensure_future(work))
                except NamespaceGoneError:  # another replica erased it: what was said since goes into a new one
                    self.drop(present)
                else:
                    present.grow(self.settings.graph_threads)
                    return written

    def _write(self, opened: OpenNamespace, memories: Sequence[Memory], batch: Batch, now_s: float) -> tuple[list[int], list[int], Receipt]:
        topics = {topic for m in memories for topic in topics_of(m)}
        with self.stages.timed("coherence"):
            known: dict[Topic, list[Memory]] = {
                topic: [m for m in self.store.facts(opened.namespace, *topic) if not m.expired(now_s)] for topic in topics
            }
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

    async def adopt(self, owner: Owner, archive: Archive) -> int:
        """Store what an archive has, all or nothing of it, and return how many memories were new; what is there already is skipped."""
        memories = await self._embedded(archive.memories, [m.embedding for m in archive.memories])
        vectors = await self.embedder.embed([goal.text for goal in archive.goals])
        goals = [replace(goal, embedding=vector) for goal, vector in zip(archive.goals, vectors, strict=True)]
        opened = await self.opened(owner, create=True)
        assert opened is not None

        def apply(present: OpenNamespace) -> int:
            there = list(self.store.everything(present.namespace, False))
            experiences = self.store.experiences(present.namespace, "", 1 << 40) if archive.experiences else []
            batch = adopted(replace(archive, memories=memories, goals=goals), there, experiences, self.store.goals(present.namespace))
            receipt = self.store.write(present.namespace, batch, time.time()).result()
            present.refresh([i for i, fresh in zip(receipt.ids, receipt.fresh, strict=True) if fresh])
            present.load_goals()
            return sum(receipt.fresh)

        async with self.holding(opened, create=True) as present:
            return await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply, present)))

    async def update(self, owner: Owner, memory_id: int, fields: Mapping[str, Any], now_s: float | None = None) -> Memory:
        """Change fields of one memory and return it as it is afterwards.

        A new text gets a new vector, terms, fact, entities and affect; the importance, which a caller may have chosen, stays. `fields` are
        named as those of `Memory`, besides what `relabelled` takes.

        Raises:
            MemoryNotFoundError: the namespace or the memory does not exist.
            InvalidRequestError: the new text, or what would be attached to the memory, cannot be taken.
        """
        now_s = time.time() if now_s is None else now_s
        opened = await self.existing(owner)
        old = await self.get(owner, memory_id)
        reworded: dict[str, Any] = {}
        if "text" in fields and fields["text"] != old.text:
            text = check_text(fields["text"], "text")
            act, facts = read(text, old.speaker)
            affect = affect_of(text)
            made = await self.embedder.read([embedded_text(text, old.speaker)])
            reworded = {
                "act": act,
                "facts": facts,
                "standing": stands(text, act, facts),
                "entities": entities_of(text),
                "valence": affect.valence,
                "arousal": affect.arousal,
                "embedding": made.vectors[0],
                "tokens": made.tokens[0].ravel(),
                "embedder": self.embedder_id,
                "terms": terms_of(text, old.speaker, old.said_s),
                "terms_version": TERMS_VERSION,
            }

        def apply(present: OpenNamespace) -> Memory:
            found = self.store.memories(present.namespace, [memory_id])
            if not found:
                raise MemoryNotFoundError(f"there is no memory {memory_id} here")
            chosen = relabelled(found[0], fields)
            values = reworded | chosen
            action = Action.UPDATED
            if chosen.get("lifecycle", found[0].lifecycle) is not found[0].lifecycle:
                values["changed_s"] = now_s
                action = Action.ARCHIVED if chosen["lifecycle"] is Lifecycle.ARCHIVED else Action.RESTORED
            shown = ", ".join(f"{name} was {was!r}" for name in chosen if (was := getattr(found[0], name)) != chosen[name])
            entities: tuple[str, ...] = values.get("entities", old.entities)
            named = [entity for entity in entities if entity not in old.entities]
            links = tuple(self._links_to(present, memory_id, named))
            self.store.write(present.namespace, Batch(patch=(Patch(memory_id, values, action, shown),), links=links), now_s).result()
            present.refresh([memory_id])
            return self.store.memories(present.namespace, [memory_id])[0]

        async with self.holding(opened) as present:
            return await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply, present)))

    async def forget(self, owner: Owner, ids: Sequence[int] | None, now_s: float | None = None) -> int:
        """Erase memories, or the whole namespace for None, and return how many were erased. Raises MemoryNotFoundError.

        The namespace's graph snapshot and its index are dropped too, and every callback of `on_erased` is called.
        """
        opened = await self.existing(owner)

        def apply(present: OpenNamespace) -> int:
            erased = self.store.erase(present.namespace, ids, time.time() if now_s is None else now_s)
            if self._snapshots is not None:
                present.finish()
                self._snapshots.forget(present.namespace)
            return erased

        async with self.holding(opened) as present:
            try:
                erased = await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(apply, present)))
            finally:  # a store that could not finish has erased all the same
                self.drop(present)
        for tell in self.on_erased:
            tell(owner.tenant)
        return erased

    async def set_goals(self, owner: Owner, goals: Sequence[Goal]) -> None:
        """Embed the goals and replace those of the namespace, which is created if needed."""
        opened = await self.opened(owner, create=True)
        assert opened is not None
        vectors = await self.embedder.embed([goal.text for goal in goals])
        made = tuple(replace(goal, embedding=vector) for goal, vector in zip(goals, vectors, strict=True))
        async with self.holding(opened, create=True) as present:
            await asyncio.wrap_future(self.store.write(present.namespace, Batch(goals=made), time.time()))
            await asyncio.to_thread(present.load_goals)

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
