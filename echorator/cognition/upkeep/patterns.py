"""Learn the prototypes of what recurs in a namespace's memories, and name them by words. Fed by `api` and `consolidating`."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echorator.cognition.cognition import Cognition
from echorator.cognition.memory import Batch
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.prototypes import Patterns, PatternSettings, Prototype, weight_at
from echorator.cognition.text import plain, words

LABEL_WORDS = 4


@dataclass(frozen=True, slots=True)
class NamedPattern:
    """A prototype with the words that most of its memories share."""

    prototype: Prototype
    label: str
    weight: float  # share of the weight of all prototypes, 0..1
    memory_ids: list[int]  # the latest of its members that the store still has


class PatternLearning:
    """The patterns of the namespaces of one `Cognition`."""

    def __init__(self, cognition: Cognition) -> None:
        self._cognition = cognition
        self._store = cognition.store
        self._learning = asyncio.Lock()
        self._settings = PatternSettings()

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
                    patterns = patterns.learned(vector, label, float(columns[0]), self._settings)
            return patterns

    async def named(self, opened: OpenNamespace) -> list[NamedPattern]:
        """Return the patterns by falling weight, each with the words that most of its memories share."""
        learned = await self.learn(opened)
        if not learned.prototypes:
            return []
        now_s = max(p.last_seen_s for p in learned.prototypes)
        weights = [weight_at(p, now_s, self._settings) for p in learned.prototypes]
        total = sum(weights) or 1.0
        order = sorted(range(len(weights)), key=lambda i: -weights[i])
        out: list[NamedPattern] = []
        for i in order:
            p = learned.prototypes[i]
            members = await asyncio.to_thread(self._store.memories, opened.namespace, p.memory_ids)
            out.append(NamedPattern(p, label_of([m.text for m in members]), weights[i] / total, [m.id for m in members]))
        return out


def label_of(texts: Sequence[str]) -> str:
    """Return the `LABEL_WORDS` words that most of the texts share."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word for word in re.findall(r"[\w-]+", plain(text)) if words(word)})
    return " ".join(word for word, _ in counts.most_common(LABEL_WORDS))
