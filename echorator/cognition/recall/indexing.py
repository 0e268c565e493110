"""Converts memories to rows of the native recall index. Pure; `namespace` fills its index and `cognition` filters by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from echorator._native.recall_index import RecallIndex
from echorator.cognition.embedders.embedder import sign_width
from echorator.cognition.memory import NO_TERMS, Memory
from echorator.cognition.recall.form import asks, dated
from echorator.cognition.text import TERMS_VERSION, term_id, terms_of

LONGEST = 2.0  # largest component that is believed: a unit vector's are at most 1, so more means damage


def session_hash(session: str) -> int:
    """Return the 64-bit hash of a session's name, 0 for no session."""
    return term_id(session) or 1 if session else 0


def speaker_hash(speaker: str) -> int:
    """Return the 32-bit hash of a speaker's name, 0 for no speaker."""
    return (term_id(speaker) & 0xFFFFFFFF) or 1 if speaker else 0


def columns_of(memory: Memory) -> npt.NDArray[np.float64]:
    """Return the memory's numbers in the order of `recall_index.COLUMNS`, shape (13,)."""
    return np.array(
        [
            memory.said_s,
            memory.created_s,
            memory.last_used_s or memory.created_s,
            memory.valid_from_s,
            memory.valid_to_s,
            memory.uses,
            memory.importance,
            memory.valence,
            memory.arousal,
            int(memory.kind),
            asks(memory.text),
            dated(memory.text),
            memory.expires_s,
        ]
    )


def reworded(memories: Sequence[Memory]) -> list[Memory]:
    """Return the memories with terms of the present rules, which are made of the text where the stored ones are of other rules."""
    return [
        m if m.terms_version == TERMS_VERSION else replace(m, terms=terms_of(m.text, m.speaker, m.said_s), terms_version=TERMS_VERSION)
        for m in memories
    ]


def add_to_index(index: RecallIndex, memories: Sequence[Memory], embedder: int) -> None:
    """Add memories with their terms to the index, in their order.

    A vector of another embedder (until the memory is re-embedded) or a damaged one is replaced with zeros: a single NaN, or a number
    beyond what half precision holds, would make every score of a recall NaN.
    """
    if not memories:
        return
    memories = reworded(memories)
    vectors = np.zeros((len(memories), index.dim), np.float32)
    for row, memory in zip(vectors, memories, strict=True):
        if memory.embedder == embedder and len(memory.embedding) == index.dim:
            row[:] = memory.embedding
    width = sign_width(index.dim)
    known = [m.embedder == embedder and len(m.tokens) % width == 0 for m in memories]
    tokens = [m.tokens if there else NO_TERMS for m, there in zip(memories, known, strict=True)]
    vectors[~(np.abs(vectors).max(axis=1, initial=0.0) <= LONGEST)] = 0.0  # NaN compares as false
    index.add(
        np.array([m.id for m in memories], np.uint64),
        vectors,
        np.stack([columns_of(m) for m in memories]),
        np.array([session_hash(m.session) for m in memories], np.uint64),
        np.array([speaker_hash(m.speaker) for m in memories], np.uint32),
        np.concatenate([m.terms for m in memories]).astype(np.uint64, copy=False),
        np.cumsum([len(m.terms) for m in memories], dtype=np.int64),
        np.concatenate(tokens).reshape(-1, width),
        np.cumsum([len(signs) // width for signs in tokens], dtype=np.int64),
    )
