"""Consolidation: near-duplicates become one memory, old talk becomes a gist, and what was merged stays behind as provenance.

Two memories are one where they state the same fact, or where their vectors agree (cosine), they name the same people, numbers and
codes, and share most of their words: "port 4431" and "port 4432" are near in any embedding and are never one. Groups are
complete-link: every two members agree. A gist is extractive: the sentences nearest to the centre of their group (centroid
summarisation, Radev et al. 2004). Pure; `upkeep` applies it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from echorator.cognition.memory import Kind, Memory, Vector
from echorator.cognition.text import plain

WORDS_SHARED = 0.5  # Jaccard of the terms
GIST_SENTENCES = 3
GIST_FROM = 8  # old memories of one session that are worth a gist


@dataclass(frozen=True, slots=True)
class Merge:
    """`keep` stays, with the uses and the highest importance of all; the others are archived."""

    keep: int
    members: tuple[int, ...]
    uses: int
    importance: float


def same_fact(a: Memory, b: Memory) -> bool:
    """Both hold and say the same of the same thing."""
    return bool(a.attribute) and (a.subject, a.attribute, plain(a.value)) == (b.subject, b.attribute, plain(b.value)) and a.holds == b.holds


def alike(a: Memory, b: Memory, cosine: float, similarity: float) -> bool:
    """Whether one of the two is enough."""
    if a.speaker != b.speaker or a.kind == Kind.PROCEDURAL != b.kind or a.holds != b.holds:
        return False
    if same_fact(a, b):
        return True
    if a.attribute and b.attribute:
        return False  # another value, or of another thing
    if cosine < similarity or set(a.entities) != set(b.entities):
        return False
    mine, other = set(a.terms.tolist()), set(b.terms.tolist())
    return len(mine & other) >= WORDS_SHARED * len(mine | other)


def merges(memories: Sequence[Memory], near: Callable[[int], Iterable[tuple[int, float]]], similarity: float) -> list[Merge]:
    """Groups of two or more.

    Args:
        memories: active ones, with terms, in order of ids.
        near: the place of a memory to places of others, with their cosines.
        similarity: cosine from which two may be one.
    """
    groups: list[list[int]] = []
    group_of: dict[int, int] = {}
    facts: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    cosines: dict[tuple[int, int], float] = {}

    def agree(i: int, j: int) -> bool:
        return alike(memories[i], memories[j], cosines.get((min(i, j), max(i, j)), 0.0), similarity)

    for place, memory in enumerate(memories):
        candidates = [other for other in facts[memory.subject, memory.attribute, plain(memory.value)]] if memory.attribute else []
        for other, cosine in near(place):
            cosines[min(place, other), max(place, other)] = cosine
            if other < place:
                candidates.append(other)
        if memory.attribute:
            facts[memory.subject, memory.attribute, plain(memory.value)].append(place)
        for other in candidates:
            group = group_of.get(other)
            if group is not None and all(agree(place, member) for member in groups[group]):
                groups[group].append(place)
                group_of[place] = group
                break
        else:
            group_of[place] = len(groups)
            groups.append([place])
    return [_merge([memories[i] for i in group]) for group in groups if len(group) > 1 and sum(memories[i].pinned for i in group) < 2]


def _merge(group: Sequence[Memory]) -> Merge:
    keep = max(group, key=lambda m: (m.pinned, m.uses, m.said_s, m.id))
    return Merge(keep.id, tuple(m.id for m in group if m.id != keep.id), sum(m.uses for m in group), max(m.importance for m in group))


def gists(memories: Sequence[Memory], before_s: float) -> list[list[Memory]]:
    """Old, unpinned talk by session, where there is enough of it that a gist saves something; facts stay as they are."""
    sessions: defaultdict[str, list[Memory]] = defaultdict(list)
    for memory in memories:
        if memory.session and memory.said_s < before_s and not memory.pinned and not memory.attribute and memory.source != "consolidation":
            sessions[memory.session].append(memory)
    return [group for group in sessions.values() if len(group) >= GIST_FROM]


def extract(memories: Sequence[Memory], vectors: Vector, sentences: int = GIST_SENTENCES) -> str:
    """The memories nearest to their centre, weighted by importance, in their order, as one text.

    Args:
        vectors: (n, d), of the memories.
    """
    centre = vectors.mean(axis=0)
    value = vectors @ centre * np.array([0.5 + m.importance for m in memories], np.float32)
    chosen = sorted(np.argsort(-value, kind="stable")[:sentences].tolist())
    return " ".join(f"{memories[i].speaker}: {memories[i].text}" if memories[i].speaker else memories[i].text for i in chosen)
