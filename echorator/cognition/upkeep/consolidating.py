"""Consolidate a namespace: merge duplicates, summarise old talk, archive what has faded, purge what was archived long ago.

Fed by `api`; the decisions are those of `consolidation` and `forgetting`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.consolidation import Merge, extract, gists, merges
from echorator.cognition.learning.forgetting import faded, purgeable
from echorator.cognition.learning.writing import Told, embedded_text
from echorator.cognition.memory import Action, Batch, Kind, Lifecycle, Memory, Patch
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.upkeep.patching import write_patches
from echorator.cognition.upkeep.patterns import PatternLearning
from echorator.errors import EchoratorError

_log = logging.getLogger(__name__)

NEAR = 12  # neighbours looked at for duplicates
DUPLICATE_SIMILARITY = 0.8
WRITE_BATCH = 500
MAX_GIST_CHARS = 4000

Summarise = Callable[[Sequence[str]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a consolidation, with the counts so far."""

    stage: str
    fraction: float
    merged: int = 0
    summaries: int = 0
    archived: int = 0
    purged: int = 0


class Consolidation:
    """The consolidation of the namespaces of one `Cognition`."""

    def __init__(self, cognition: Cognition, patterns: PatternLearning, summarise: Summarise | None = None) -> None:
        """Prepare the work; `summarise` makes one gist of several texts with a model, without it gists are extracts."""
        self._cognition = cognition
        self._store = cognition.store
        self._patterns = patterns
        self._summarise = summarise

    async def consolidate(
        self, opened: OpenNamespace, similarity: float | None, bound: int | None, dry_run: bool, now_s: float | None = None
    ) -> AsyncIterator[Progress]:
        """Merge duplicates, summarise old talk, archive faded memories and purge old archived ones; yield the progress.

        Args:
            opened: the namespace.
            similarity: least cosine of duplicates; None: `DUPLICATE_SIMILARITY`.
            bound: the most active memories that may stay; None: no bound.
            dry_run: count what would be done, and write nothing.
            now_s: the time that ages are measured to; None: the present time.
        """
        now_s = time.time() if now_s is None else now_s
        done = Progress("merging", 0.0)
        yield done
        found = await asyncio.to_thread(self._merges, opened, similarity or DUPLICATE_SIMILARITY)
        for start in range(0, len(found), WRITE_BATCH):
            some = found[start : start + WRITE_BATCH]
            if not dry_run:
                await write_patches(self._store, opened, _merge_patches(some, now_s), now_s)
            done = replace(done, fraction=(start + len(some)) / len(found), merged=done.merged + sum(len(m.members) for m in some))
            yield done

        done = replace(done, stage="summarising", fraction=0.0)
        yield done
        settings = self._cognition.settings.forgetting
        active = await asyncio.to_thread(lambda: list(self._store.scan(opened.namespace)))
        groups = gists(active, now_s - settings.grace_s)
        for number, group in enumerate(groups, 1):
            if not dry_run:
                await self._gist(opened, group, now_s)
            done = replace(done, fraction=number / len(groups), summaries=done.summaries + 1)
            yield done

        done = replace(done, stage="forgetting", fraction=0.0)
        yield done
        active = await asyncio.to_thread(lambda: list(self._store.scan(opened.namespace)))
        with self._cognition.stages.timed("forget"):
            gone = faded(active, now_s, settings, bound)
        fields = {"lifecycle": Lifecycle.ARCHIVED, "changed_s": now_s}
        for start in range(0, len(gone), WRITE_BATCH):
            some_ids = gone[start : start + WRITE_BATCH]
            if not dry_run:
                await write_patches(self._store, opened, [Patch(i, fields, Action.ARCHIVED, "faded") for i in some_ids], now_s)
            done = replace(done, fraction=(start + len(some_ids)) / len(gone), archived=done.archived + len(some_ids))
            yield done
        archived = await asyncio.to_thread(lambda: list(self._store.archived(opened.namespace)))
        old = purgeable(archived, now_s, settings)
        if old and not dry_run:
            async with opened.lock:
                await asyncio.to_thread(self._store.purge, opened.namespace, old, now_s)
        done = replace(done, purged=len(old))

        yield replace(done, stage="patterns", fraction=0.0)
        if not dry_run:
            await self._patterns.learn(opened)
        yield replace(done, stage="done", fraction=1.0)

    def _merges(self, opened: OpenNamespace, similarity: float) -> list[Merge]:
        with self._cognition.stages.timed("consolidate"):
            memories = list(self._store.scan(opened.namespace))
            places = {m.id: i for i, m in enumerate(memories)}

            def near(place: int) -> list[tuple[int, float]]:
                vector = memories[place].embedding
                if len(vector) != opened.index.dim or not vector.any():
                    return []
                labels, cosines = opened.index.nearest(np.ascontiguousarray(vector), NEAR)
                there = [(places.get(label, place), cosine) for label, cosine in zip(labels.tolist(), cosines.tolist(), strict=True)]
                return [(other, cosine) for other, cosine in there if other != place]

            return merges(memories, near, similarity)

    async def _gist(self, opened: OpenNamespace, group: Sequence[Memory], now_s: float) -> None:
        texts = [embedded_text(m.text, m.speaker) for m in group]
        text = ""
        if self._summarise is not None:
            try:
                text = (await self._summarise(texts))[:MAX_GIST_CHARS]
            except EchoratorError as error:
                _log.warning("the model made no gist; an extract takes its place", extra={"error": str(error)})
        text = text or extract(group, opened.vectors([m.id for m in group]))
        said_s = group[-1].said_s
        gist = (
            await self._cognition.prepared([Told(text, Kind.SEMANTIC, said_s=said_s, source="consolidation")], group[0].session, now_s)
        )[0]
        gist = replace(gist, derived_from=tuple(m.id for m in group), facts=(), standing=False)
        fields = {"lifecycle": Lifecycle.ARCHIVED, "changed_s": now_s}
        patches = tuple(Patch(m.id, fields, Action.MERGED, "into a gist") for m in group)
        await self._cognition.written(opened, [gist], Batch(patch=patches), now_s)
        opened.refresh([m.id for m in group])


def _merge_patches(found: Sequence[Merge], now_s: float) -> list[Patch]:
    patches: list[Patch] = []
    for merge in found:
        patches.append(Patch(merge.keep, {"uses": merge.uses, "importance": merge.importance, "derived_from": merge.derived_from}))
        fields = {"lifecycle": Lifecycle.ARCHIVED, "changed_s": now_s, "superseded_by": 0}
        patches += [Patch(i, fields, Action.MERGED, f"into {merge.keep}") for i in merge.members]
    return patches
