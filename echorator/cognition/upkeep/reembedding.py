"""Give memories that another embedder embedded a vector of the present one, in the background, when their namespace is opened."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.writing import embedded_text
from echorator.cognition.memory import Batch, Patch
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.upkeep.patching import write_patches

_log = logging.getLogger(__name__)

EMBED_BATCH = 64


class Reembedding:
    """The re-embedding of the namespaces of one `Cognition`; it begins when a namespace is opened."""

    def __init__(self, cognition: Cognition) -> None:
        self._cognition = cognition
        self._store = cognition.store
        self._running: set[asyncio.Task[int]] = set()
        cognition.on_opened.append(self._begin)

    async def close(self) -> None:
        """Cancel what runs in the background; each finished batch is already stored."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _begin(self, opened: OpenNamespace) -> None:
        task = asyncio.get_running_loop().create_task(self.reembed(opened))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[int]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("vectors could not be made anew; the next start tries again", extra={"error": str(error)})

    async def reembed(self, opened: OpenNamespace) -> int:
        """Give every active memory and goal a vector of the present embedder; recall by words goes on. Return how many memories changed."""
        made = 0
        present = self._cognition.embedder_id
        if not (await asyncio.to_thread(self._store.counts, opened.namespace, present)).stale_vectors:
            return made
        stale = await asyncio.to_thread(lambda: [m.id for m in self._store.scan(opened.namespace) if m.embedder != present])
        for start in range(0, len(stale), EMBED_BATCH):
            rows = await asyncio.to_thread(self._store.memories, opened.namespace, stale[start : start + EMBED_BATCH])
            read = await self._cognition.embedder.read([embedded_text(m.text, m.speaker) for m in rows])
            patches = [
                Patch(m.id, {"embedding": vector, "tokens": tokens.ravel(), "embedder": present})
                for m, vector, tokens in zip(rows, read.vectors, read.tokens, strict=True)
            ]
            await write_patches(self._cognition, opened, patches, time.time())
            made += len(patches)
        goals = await asyncio.to_thread(self._store.goals, opened.namespace)
        vectors = await self._cognition.embedder.embed([g.text for g in goals])
        anew = Batch(goals=tuple(replace(g, embedding=v) for g, v in zip(goals, vectors, strict=True)))
        await asyncio.wrap_future(self._store.write(opened.namespace, anew, time.time()))
        await asyncio.to_thread(opened.load_goals)
        return made
