"""Turns what a caller tells into memories that can be stored: the input stages of the pipeline over one batch.

contextualise (speaker, time, facts, entities) -> colour (affect, importance) -> terms and vector. The module is pure; `cognition` embeds
the texts in between. Feeds `coherence` and the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from echorator.cognition.learning.facts import Fact, entities_of, fact_of, importance_of, sentences
from echorator.cognition.memory import NO_VECTOR, Kind, Memory, Vector
from echorator.cognition.recall.affect import affect_of
from echorator.cognition.settings import MAX_TEXT_BYTES
from echorator.cognition.text import date_words, ids_of, words
from echorator.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Told:
    """A memory as a caller tells it; what is None or empty is worked out from the text."""

    text: str
    kind: Kind | None = None
    speaker: str = ""
    said_s: float | None = None
    importance: float | None = None
    pinned: bool = False
    key: str = ""
    embedding: Vector = field(default_factory=lambda: NO_VECTOR)
    fact: Fact | None = None
    source: str = "api"


def check_text(text: str, where: str) -> str:
    """Return `text`. Raises InvalidRequestError where it is blank, has a NUL character or is too long; `where` names it."""
    if not text.strip():
        raise InvalidRequestError(f"{where} is empty; a memory needs a text")
    if "\0" in text:
        raise InvalidRequestError(f"{where} has a NUL character; remove it")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise InvalidRequestError(f"{where} has {size} bytes, at most {MAX_TEXT_BYTES} are taken; split it into several memories")
    return text


def embedded_text(text: str, speaker: str) -> str:
    """Return the text to embed, with the speaker's name, which tells people apart (11 points of dense recall@10 in the bench)."""
    return f"{speaker}: {text}" if speaker else text


def memory_of(told: Told, session: str, now_s: float) -> Memory:
    """Return the memory of what was told, with everything but its vector. Raises InvalidRequestError."""
    check_text(told.text, "text")
    said_s = now_s if told.said_s is None else told.said_s
    fact = told.fact or (fact_of(told.text, told.speaker) if len(sentences(told.text)) == 1 else None)
    affect = affect_of(told.text)
    return Memory(
        text=told.text,
        kind=told.kind or (Kind.SEMANTIC if fact is not None else Kind.EPISODIC),
        said_s=said_s,
        created_s=now_s,
        speaker=told.speaker,
        session=session,
        valid_from_s=min(said_s, now_s),
        importance=importance_of(told.text, fact, affect.arousal) if told.importance is None else told.importance,
        valence=affect.valence,
        arousal=affect.arousal,
        pinned=told.pinned,
        changed_s=now_s,
        source=told.source,
        subject=fact.subject if fact else "",
        attribute=fact.attribute if fact else "",
        value=fact.value if fact else "",
        exclusive=fact is not None and fact.exclusive and not fact.negated,
        last_used_s=now_s,
        key=told.key,
        entities=entities_of(told.text),
        embedding=told.embedding,
        terms=ids_of([*words(f"{told.speaker} {told.text}"), *date_words(said_s)]),
    )


def with_vectors(memories: Sequence[Memory], vectors: Vector, embedder: int) -> list[Memory]:
    """Return the memories with the rows of `vectors`, which the embedder with the number `embedder` made."""
    return [replace(m, embedding=v, embedder=embedder) for m, v in zip(memories, vectors, strict=True)]
