"""Turns what a caller tells into memories that can be stored: the input stages of the pipeline over one batch.

contextualise (speaker, time, facts, entities) -> colour (affect, importance) -> terms and vector. The module is pure; `cognition` embeds
the texts in between. Feeds `coherence` and the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from echorator.cognition.memory import NO_VECTOR, Ids, Kind, Memory, MetadataValue, Vector
from echorator.cognition.reading.acts import act_of
from echorator.cognition.reading.facts import facts_of
from echorator.cognition.reading.salience import entities_of, importance_of
from echorator.cognition.reading.sentences import sentences
from echorator.cognition.reading.standing import stands
from echorator.cognition.reading.values import Act, Fact
from echorator.cognition.recall.affect import affect_of
from echorator.cognition.settings import MAX_TEXT_BYTES
from echorator.cognition.text import plain, terms_of
from echorator.errors import InvalidRequestError

MOST_EARLIER = 12  # facts told before that a text may refer to
MOST_FACTS = 64  # facts of one memory
MOST_READ = 256  # sentences of one memory that are read for facts


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
    facts: tuple[Fact, ...] | None = None
    standing: bool | None = None
    source: str = "api"
    session: str = ""  # another one than that of the call
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    expires_s: float = 0.0  # 0: never


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


def memories_of(told: Sequence[Told], session: str, now_s: float, earlier: Sequence[Fact] = ()) -> list[Memory]:
    """Return the memories of what was told, in its order, with everything but their vectors. Raises InvalidRequestError.

    `earlier` are the facts that were told before, the latest first: what corrects or points back refers to them.
    """
    memories: list[Memory] = []
    for one in told:
        memory = _memory_of(one, session, now_s, earlier)
        earlier = told_last(memory.facts, earlier)
        memories.append(memory)
    return memories


def told_last(facts: Sequence[Fact], earlier: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return `facts`, given in the order of their words, before the `earlier` ones: the latest first, at most `MOST_EARLIER`."""
    return (*reversed(facts), *earlier)[:MOST_EARLIER]


def _memory_of(told: Told, session: str, now_s: float, earlier: Sequence[Fact]) -> Memory:
    check_text(told.text, "text")
    said_s = now_s if told.said_s is None else told.said_s
    act, facts = read(told.text, told.speaker, earlier)
    facts = facts if told.facts is None else told.facts
    affect = affect_of(told.text)
    return Memory(
        text=told.text,
        kind=told.kind or (Kind.SEMANTIC if facts else Kind.EPISODIC),
        said_s=said_s,
        created_s=now_s,
        speaker=told.speaker,
        session=told.session or session,
        valid_from_s=min(said_s, now_s),
        importance=importance_of(told.text, facts, affect.arousal) if told.importance is None else told.importance,
        valence=affect.valence,
        arousal=affect.arousal,
        pinned=told.pinned,
        changed_s=now_s,
        source=told.source,
        act=act,
        facts=facts,
        standing=stands(told.text, act, facts) if told.standing is None else told.standing,
        expires_s=told.expires_s,
        categories=told.categories,
        metadata=told.metadata,
        last_used_s=now_s,
        key=told.key or _key_of(told, act, facts),
        entities=entities_of(told.text),
        embedding=told.embedding,
        terms=terms_of(told.text, told.speaker, said_s),
    )


def _key_of(told: Told, act: Act, facts: Sequence[Fact]) -> str:
    """Return a key by which what a chat says again and again without telling anything, such as a greeting, is one memory."""
    if told.source != "chat" or facts or told.pinned or act not in (Act.ASKS, Act.CHATS, Act.ORDERS):
        return ""
    return f"chat:{blake2b(plain(told.text).encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def read(text: str, speaker: str, earlier: Sequence[Fact] = ()) -> tuple[Act, tuple[Fact, ...]]:
    """Return what a text does, and the facts of all of its sentences, at most `MOST_FACTS`; it tells where any sentence tells."""
    acts: list[Act] = []
    facts: list[Fact] = []
    for sentence in sentences(text)[:MOST_READ]:
        acts.append(act_of(sentence))
        facts += facts_of(sentence, speaker, (*reversed(facts), *earlier)[:MOST_EARLIER])
    act = Act.TELLS if Act.TELLS in acts or not acts else acts[0]
    return act, tuple(facts[:MOST_FACTS])


def with_vectors(memories: Sequence[Memory], vectors: Sequence[Vector], tokens: Sequence[Ids], embedder: int) -> list[Memory]:
    """Return the memories with their `vectors` and `tokens`, which the embedder with the number `embedder` made."""
    made = zip(memories, vectors, tokens, strict=True)
    return [replace(m, embedding=v, tokens=t, embedder=embedder) for m, v, t in made]
