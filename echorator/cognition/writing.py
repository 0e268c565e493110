"""From what is told to memories that can be stored: the pipeline's input stages over one batch. Pure but for the embedder's call.

contextualise (speaker, time, facts, entities) -> colour (affect, importance) -> terms and vector. Feeds `coherence` and the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from echorator.cognition.affect import affect_of
from echorator.cognition.facts import Fact, entities_of, fact_of, importance_of, sentences
from echorator.cognition.memory import NO_VECTOR, Kind, Memory, Vector
from echorator.cognition.settings import MAX_TEXT_BYTES
from echorator.cognition.text import date_words, ids_of, words
from echorator.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller wants remembered; None and empty fields are worked out from the text."""

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
    """Raises InvalidRequestError."""
    if not text.strip():
        raise InvalidRequestError(f"{where} is empty; a memory needs a text")
    if "\0" in text:
        raise InvalidRequestError(f"{where} has a NUL character; remove it")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise InvalidRequestError(f"{where} has {size} bytes, at most {MAX_TEXT_BYTES} are taken; split it into several memories")
    return text


def embedded_text(text: str, speaker: str) -> str:
    """What the vector is made of: a speaker's name tells people apart (worth 11 points of dense recall@10 in the bench)."""
    return f"{speaker}: {text}" if speaker else text


def memory_of(told: Told, session: str, now_s: float) -> Memory:
    """Everything but the vector. Raises InvalidRequestError."""
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
    """The memories with the rows of `vectors`."""
    return [replace(m, embedding=v, embedder=embedder) for m, v in zip(memories, vectors, strict=True)]
