"""Searches an open namespace: its index by all signals, then the facts that the query asks for. Fed by `cognition`; runs on threads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from echorator.cognition.embedders.embedder import Embedded
from echorator.cognition.memory import Memory, Vector
from echorator.cognition.reading.facts import asked_of
from echorator.cognition.reading.kinds import examples_of
from echorator.cognition.recall.confidence import fit_of
from echorator.cognition.recall.form import asks_for_time, asks_nothing, named_in
from echorator.cognition.recall.indexing import session_hash, speaker_hash
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.observations import credited
from echorator.cognition.recall.recalling import NO_SIGNALS, Asked, Recalled, admits, heard, judged
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.stages import Stages
from echorator.cognition.storing.store import Store
from echorator.cognition.text import ids_of, query_ids, words
from echorator.cognition.times import Interval, interval_asked

AWAY = 0.5
"""Share of the mean vector that is taken from a query: what is like everything, as small talk is, would be near every question. It gave the
vectors alone 3 points of recall@10 on dialogues and 2 on chats."""

EXAMPLE = 0.5  # of the weight of a word that a query has, for an example of the kind that it names
TRUSTED = 1.0  # least trust in an embedder whose vectors alone find what a query tells: they have its meaning, and not its spelling
NEVER = Interval(0.0, 0.0)


class Searching:
    """The searches of one memory. It has no state that changes, so searches may run at the same time."""

    def __init__(self, store: Store, settings: CognitionSettings, trust: float, stages: Stages) -> None:
        """Search what is in `store`; `trust` is how much the embedder's cosines count."""
        self._store = store
        self._settings = settings
        self._trust = trust
        self._stages = stages

    def best(self, opened: OpenNamespace, asked: Asked, query: Embedded) -> list[Recalled]:
        """Return the best `asked.k` memories of the namespace, best first; `query` has one vector, zeros for none."""
        if opened.observed:  # an observation may stand for a passage that is found too, so that two become one
            asked = replace(asked, k=2 * asked.k)
            found = credited(self._best(opened, asked, query), lambda ids: self._there(opened, asked, ids))
            return found[: asked.k // 2]
        return self._best(opened, asked, query)

    def _there(self, opened: OpenNamespace, asked: Asked, ids: Sequence[int]) -> list[Memory]:
        """Return those of the memories that a recall may find."""
        now_s = time.time() if asked.now_s is None else asked.now_s
        there = [m for m in self._store.memories(opened.namespace, ids) if m.id in opened.index]
        return [m for m in there if admits(asked, m, now_s)]

    def _best(self, opened: OpenNamespace, asked: Asked, query: Embedded) -> list[Recalled]:
        vector = np.ascontiguousarray(query.vectors[0])
        with self._stages.timed("recall"):
            now_s = time.time() if asked.now_s is None else asked.now_s
            filter_ = asked.filter
            only = None if filter_.indexed else np.array(self._store.matching(opened.namespace, filter_), np.uint64)
            weights = asked.weights or self._settings.weights
            if vector.any() and self._trust >= TRUSTED and asks_nothing(asked.query):
                weights = weights.by_meaning()
            examples = examples_of(words(asked.query))
            when = interval_asked(asked.query, now_s) or NEVER
            labels, scores, signals, cosines, coverages, _ = opened.index.search(
                vector if vector.any() else None,
                query_ids(asked.query),
                weights=weights.array(self._trust),
                k=asked.k,
                now_s=now_s,
                as_of_s=now_s if asked.as_of_s is None else asked.as_of_s,
                superseded=asked.superseded,
                since_s=-1e300 if filter_.since_s is None else filter_.since_s,
                before_s=1e300 if filter_.before_s is None else filter_.before_s,
                kinds=sum(1 << kind for kind in filter_.kinds) or 0xFFFFFFFF,
                session=session_hash(filter_.session),
                speaker=speaker_hash(filter_.speaker),
                only=only,
                valence=asked.mood.valence,
                arousal=asked.mood.arousal,
                goals=opened.goal_rows,
                pool=self._settings.pool,
                named=np.array([speaker_hash(name) for name in named_in(asked.query, opened.speakers)], np.uint32),
                dates=asks_for_time(asked.query),
                away=AWAY,
                examples=ids_of([example for _, example in examples]),
                example_weights=_example_weights(opened, examples),
                when_from_s=when.from_s,
                when_to_s=when.to_s,
                tokens=query.tokens[0],
                token_weights=_weights_of(opened, query.words[0]),
            )
            by_id = {m.id: m for m in self._store.memories(opened.namespace, labels.tolist())}
            fits = fit_of(cosines, coverages, scores / _evidence_of(weights, self._trust, len(query.tokens[0])))
            confidences = opened.curve.confidence(fits)
            found = [
                heard(
                    Recalled(
                        by_id[label],
                        float(scores[i]),
                        signals[i],
                        float(cosines[i]),
                        float(coverages[i]),
                        float(confidences[i]),
                        fit=float(fits[i]),
                    )
                )
                for i, label in enumerate(labels.tolist())
                if label in by_id
            ]
        return self._with_facts(opened, asked, vector, found, now_s)

    def _with_facts(self, opened: OpenNamespace, asked: Asked, vector: Vector, found: list[Recalled], now_s: float) -> list[Recalled]:
        """Rank memories that state the fact asked for first, whatever their words, and lower the confidence of those that state another.

        Return `found` unchanged where the query does not ask for a single fact.
        """
        topic = asked_of(asked.query)
        if topic is None:
            return found
        with self._stages.timed("coherence"):
            weight = (asked.weights or self._settings.weights).fact
            known = {r.memory.id for r in found}
            stated = [m for m in self._store.facts(opened.namespace, *topic) if m.id not in known and admits(asked, m, now_s)]
            cosines = opened.vectors([m.id for m in stated]) @ vector
            found = [*found, *(Recalled(m, 0.0, NO_SIGNALS, float(c), 0.0, 0.0) for m, c in zip(stated, cosines, strict=True))]
            at_s = now_s if asked.as_of_s is None else asked.as_of_s
            found = [judged(r, topic, weight, at_s) for r in found]
        # What states the fact comes first, the newest before the others: where two values stand, the later one is more likely to hold.
        return sorted(found, key=lambda r: (-r.fact, -r.memory.said_s if r.fact else -r.score, -r.score))[: asked.k]


def _weights_of(opened: OpenNamespace, words: list[str]) -> npt.NDArray[np.float32]:
    """Return the weight of each token of a query, which is a part of one of `words`: a word's tokens share its inverse frequency."""
    parts = Counter(words)
    shares = np.array([parts[word] for word in words], np.float32)
    weights: npt.NDArray[np.float32] = opened.index.idf(ids_of(words)) / shares
    return weights


def _example_weights(opened: OpenNamespace, examples: list[tuple[str, str]]) -> npt.NDArray[np.float32]:
    """Return the weight of each example: a share of the lower of the inverse frequencies of the example and of its kind."""
    kinds = opened.index.idf(ids_of([kind for kind, _ in examples]))
    weights: npt.NDArray[np.float32] = np.float32(EXAMPLE) * np.minimum(kinds, opened.index.idf(ids_of([e for _, e in examples])))
    return weights


def _evidence_of(weights: Weights, trust: float, tokens: int) -> float:
    """Return the score of a memory that is one standard deviation above the mean by each signal that finds memories."""
    sum_ = weights.dense * trust + weights.lexical + (weights.tokens if tokens else 0.0)
    return sum_ or 1.0
