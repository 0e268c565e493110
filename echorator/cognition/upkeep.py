"""Background and maintenance work on a namespace: consolidation, forgetting, patterns, the map, re-embedding, checks.

It computes on threads in small steps and writes as every caller does (in the namespace's lock, through the store), so that
recall goes on meanwhile. Fed by `api`; the decisions are those of `consolidation`, `forgetting`, `prototypes` and `spatial`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.consolidation import Merge, extract, gists, merges
from echorator.cognition.learning.forgetting import faded, purgeable, retrieval_probability, strengths
from echorator.cognition.learning.spatial import Basis, fit, project
from echorator.cognition.learning.writing import Told, embedded_text
from echorator.cognition.memory import Action, Batch, Finding, Kind, Lifecycle, Memory, Patch
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.prototypes import Patterns, PatternSettings, weight_at
from echorator.cognition.text import plain, words
from echorator.errors import EchoratorError
from echorator.rpc.v1 import cognition_pb2 as pb

_log = logging.getLogger(__name__)

NEAR = 12  # neighbours looked at for duplicates
DUPLICATE_SIMILARITY = 0.8
REFIT_AT = 1.5  # growth of the namespace since the last fit at which the map's axes are fitted again
EMBED_BATCH = 64
LABEL_WORDS = 4
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


class Upkeep:
    """The maintenance of the namespaces of one `Cognition`."""

    def __init__(self, cognition: Cognition, summarise: Summarise | None = None) -> None:
        """Prepare the maintenance; `summarise` makes one gist of several texts with a model, without it gists are extracts."""
        self._cognition = cognition
        self._store = cognition.store
        self._summarise = summarise
        self._learning = asyncio.Lock()
        self._reembedding: set[asyncio.Task[int]] = set()
        cognition.on_opened.append(self._begin_reembedding)
        self.pattern_settings = PatternSettings()

    async def close(self) -> None:
        """Cancel re-embedding that runs in the background; each of its finished batches is already stored."""
        for task in self._reembedding:
            task.cancel()
        await asyncio.gather(*self._reembedding, return_exceptions=True)

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
                await self._write(opened, _merge_patches(some, now_s), now_s)
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
                await self._write(opened, [Patch(i, fields, Action.ARCHIVED, "faded") for i in some_ids], now_s)
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
            await self.learn(opened)
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
        gist = replace(gist, derived_from=tuple(m.id for m in group), subject="", attribute="", value="", exclusive=False)
        fields = {"lifecycle": Lifecycle.ARCHIVED, "changed_s": now_s}
        patches = tuple(Patch(m.id, fields, Action.MERGED, "into a gist") for m in group)
        await self._cognition.written(opened, [gist], Batch(patch=patches), now_s)
        opened.refresh([m.id for m in group])

    async def _write(self, opened: OpenNamespace, patches: Sequence[Patch], now_s: float) -> None:
        def apply() -> None:
            self._store.write(opened.namespace, Batch(patch=tuple(patches)), now_s).result()
            opened.refresh([p.id for p in patches])

        async with opened.lock:
            await asyncio.to_thread(apply)

    # Patterns

    async def learn(self, opened: OpenNamespace) -> Patterns:
        """Add the memories that came since the last call to the prototypes, store them and return them."""
        async with self._learning:
            known = opened.patterns
            if known is None:
                body = await asyncio.to_thread(self._store.document, opened.namespace, "patterns")
                known = Patterns.loaded(body, opened.index.dim)
            learned = await asyncio.to_thread(self._learned, opened, known)
            opened.patterns = learned
            if learned.seen != known.seen:
                batch = Batch(documents={"patterns": learned.dumped()})
                await asyncio.wrap_future(self._store.write(opened.namespace, batch, time.time()))
        return learned

    def _learned(self, opened: OpenNamespace, patterns: Patterns) -> Patterns:
        with self._cognition.stages.timed("patterns"):
            labels = opened.index.labels()
            new = np.sort(labels[labels > patterns.seen])
            vectors = opened.vectors(new.tolist())
            for label, vector in zip(new.tolist(), vectors, strict=True):
                columns = opened.index.columns(label) if label in opened.index else None
                if columns is not None:
                    patterns = patterns.learned(vector, label, float(columns[0]), self.pattern_settings)
            return patterns

    async def patterns(self, opened: OpenNamespace) -> list[pb.Pattern]:
        """Return the patterns by falling weight, each with the words that most of its memories share."""
        learned = await self.learn(opened)
        if not learned.prototypes:
            return []
        now_s = max(p.last_seen_s for p in learned.prototypes)
        weights = [weight_at(p, now_s, self.pattern_settings) for p in learned.prototypes]
        total = sum(weights) or 1.0
        order = sorted(range(len(weights)), key=lambda i: -weights[i])
        out: list[pb.Pattern] = []
        for i in order:
            p = learned.prototypes[i]
            members = await asyncio.to_thread(self._store.memories, opened.namespace, p.memory_ids)
            out.append(
                pb.Pattern(
                    id=p.id,
                    label=label_of([m.text for m in members]),
                    weight=weights[i] / total,
                    count=p.count,
                    similarity=p.similarity,
                    memory_ids=[m.id for m in members],
                    last_seen_s=p.last_seen_s,
                )
            )
        return out

    # The map

    async def map(self, opened: OpenNamespace, limit: int) -> pb.Map:
        """Return the latest `limit` memories as points in two dimensions; refit the axes when the namespace has grown by `REFIT_AT`."""
        labels = (await asyncio.to_thread(opened.index.labels))[-limit:]
        vectors = await asyncio.to_thread(opened.vectors, labels.tolist())
        with self._cognition.stages.timed("map"):
            known = Basis.loaded(await asyncio.to_thread(self._store.document, opened.namespace, "map"), opened.index.dim)
            if known is None or len(labels) > REFIT_AT * known.fitted:
                known = await asyncio.to_thread(fit, vectors, known)
                await asyncio.wrap_future(self._store.write(opened.namespace, Batch(documents={"map": known.dumped()}), time.time()))
            points = project(known, vectors)
        memories = await asyncio.to_thread(self._store.memories, opened.namespace, labels.tolist())
        places = {label: point for label, point in zip(labels.tolist(), points.tolist(), strict=True)}
        probabilities = retrieval_probability(strengths(memories, time.time()))
        return pb.Map(
            points=[
                pb.MapPoint(
                    id=m.id,
                    x=places[m.id][0],
                    y=places[m.id][1],
                    text=m.text,
                    kind=int(m.kind),  # type: ignore[arg-type]
                    session=m.session,
                    activation=float(p),
                )
                for m, p in zip(memories, probabilities, strict=True)
            ],
            explained=known.explained,
            basis=known.version,
        )

    # Re-embedding

    def _begin_reembedding(self, opened: OpenNamespace) -> None:
        task = asyncio.get_running_loop().create_task(self.reembed(opened))
        self._reembedding.add(task)
        task.add_done_callback(self._reembedded)

    def _reembedded(self, task: asyncio.Task[int]) -> None:
        self._reembedding.discard(task)
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
            vectors = await self._cognition.embedder.embed([embedded_text(m.text, m.speaker) for m in rows])
            patches = [Patch(m.id, {"embedding": v, "embedder": self._cognition.embedder_id}) for m, v in zip(rows, vectors, strict=True)]
            await self._write(opened, patches, time.time())
            made += len(patches)
        goals = await asyncio.to_thread(self._store.goals, opened.namespace)
        vectors = await self._cognition.embedder.embed([g.text for g in goals])
        anew = Batch(goals=tuple(replace(g, embedding=v) for g, v in zip(goals, vectors, strict=True)))
        await asyncio.wrap_future(self._store.write(opened.namespace, anew, time.time()))
        await asyncio.to_thread(opened.load_goals)
        return made

    # Checks

    async def check(self, repair: bool) -> tuple[list[Finding], int]:
        """Verify the store, and every open index against it; return the findings and the number of memories."""
        findings, count = await asyncio.to_thread(self._store.check, repair)
        for opened in self._cognition.all_opened():
            async with opened.lock:
                wrong = await asyncio.to_thread(self._differences, opened)
                if wrong and repair:
                    self._cognition.drop(opened)
            findings += [Finding(text, repaired=repair) for text in wrong]
        return findings, count

    def _differences(self, opened: OpenNamespace) -> list[str]:
        rows = {m.id: m for m in self._store.scan(opened.namespace)}
        labels = set(opened.index.labels().tolist())
        wrong = [f"memory {i} is not in the index" for i in sorted(set(rows) - labels)]
        wrong += [f"memory {i} is in the index and not in the store" for i in sorted(labels - set(rows))]
        both = sorted(labels & set(rows))
        vectors = opened.vectors(both)
        for i, vector in zip(both, vectors, strict=True):
            row = rows[i]
            if row.embedder == self._cognition.embedder_id and np.abs(row.embedding - vector).max(initial=0.0) > 2e-3:
                wrong.append(f"memory {i} has another vector in the index")
        return wrong


def _merge_patches(found: Sequence[Merge], now_s: float) -> list[Patch]:
    patches: list[Patch] = []
    for merge in found:
        patches.append(Patch(merge.keep, {"uses": merge.uses, "importance": merge.importance, "derived_from": merge.derived_from}))
        fields = {"lifecycle": Lifecycle.ARCHIVED, "changed_s": now_s, "superseded_by": 0}
        patches += [Patch(i, fields, Action.MERGED, f"into {merge.keep}") for i in merge.members]
    return patches


def label_of(texts: Sequence[str]) -> str:
    """Return the `LABEL_WORDS` words that most of the texts share."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word for word in re.findall(r"[\w-]+", plain(text)) if words(word)})
    return " ".join(word for word, _ in counts.most_common(LABEL_WORDS))
