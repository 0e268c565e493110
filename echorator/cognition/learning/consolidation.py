"""Consolidation: merges near-duplicates into one memory and old talk into a gist; merged memories are archived as provenance.

Two memories are duplicates where they have the same words, or state the same facts and little else, or where their vectors agree (cosine),
they name the same people, numbers and codes, and share at least half of their words: "port 4431" and "port 4432" are near in any embedding
and are never merged. Groups are complete-link: every two members agree. An extractive gist has the memories nearest to the centre of
their group (centroid summarisation, Radev et al. 2004). The module is pure; `upkeep` passes it memories and applies what it decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from echorator.cognition.memory import Kind, Memory, Vector
from echorator.cognition.reading.values import Claim
from echorator.cognition.recall.observations import SOURCE
from echorator.cognition.text import plain

WORDS_OF_A_FACT = 12  # of a memory that tells hardly more than its facts, for each of them
WORDS_SHARED = 0.5  # least Jaccard index of the terms of two duplicates
GIST_SENTENCES = 3  # memories in an extract
GIST_FROM = 8  # least number of old memories of one session that are worth a gist

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Merge:
    """A group of duplicates: `keep` stays, with the sum of uses and the highest importance of all; `members`, the others, are archived.

    `derived_from` are the ids of all that the kept memory stands for: the members, and what any of the group was made of before.
    """

    keep: int
    members: tuple[int, ...]
    uses: int
    importance: float
    derived_from: tuple[int, ...]


def alike(a: Memory, b: Memory, cosine: float, similarity: float) -> bool:
    """Return whether two memories are duplicates; `similarity` is the least cosine for those that do not say the same."""
    if a.speaker != b.speaker or a.kind == Kind.PROCEDURAL != b.kind or a.holds != b.holds or a.metadata != b.metadata:
        return False
    if (a.source == SOURCE) != (b.source == SOURCE):
        return False  # an observation only stands for its passages
    mine, other = _claims(a), _claims(b)
    if _said(a) == _said(b):
        return True
    if mine or other:
        return mine == other and _is_short(a) and _is_short(b)
    if cosine < similarity or set(a.entities) != set(b.entities):
        return False
    mine_words, other_words = set(a.terms.tolist()), set(b.terms.tolist())
    return len(mine_words & other_words) >= WORDS_SHARED * len(mine_words | other_words)


def _said(memory: Memory) -> tuple[str, ...]:
    """Return the words of a text in order, whatever its case, accents and marks."""
    return tuple(_WORD.findall(plain(memory.text)))


def _claims(memory: Memory) -> frozenset[tuple[str, str, str, Claim, bool]]:
    """Return what a memory claims, whatever its words."""
    return frozenset((f.subject, f.attribute, plain(f.value), f.claim, f.holds) for f in memory.facts)


def _is_short(memory: Memory) -> bool:
    """Return whether a memory tells hardly more than its facts."""
    return len(memory.text.split()) <= WORDS_OF_A_FACT * len(memory.facts)


def merges(memories: Sequence[Memory], near: Callable[[int], Iterable[tuple[int, float]]], similarity: float) -> list[Merge]:
    """Return the groups of two or more duplicates that have at most one pinned member.

    Args:
        memories: active memories with terms, in order of ids.
        near: returns the neighbours of the memory at a place, as (place, cosine).
        similarity: least cosine of duplicates that do not state the same fact.
    """
    groups: list[list[int]] = []
    group_of: dict[int, int] = {}
    same: defaultdict[object, list[int]] = defaultdict(list)  # places of the memories with equal words, or with equal claims
    cosines: dict[tuple[int, int], float] = {}

    def agree(i: int, j: int) -> bool:
        return alike(memories[i], memories[j], cosines.get((min(i, j), max(i, j)), 0.0), similarity)

    for place, memory in enumerate(memories):
        keys: list[object] = [_said(memory), *([_claims(memory)] if memory.facts else [])]
        candidates = [other for key in keys for other in same[key][:1]]  # the first stands for its group
        for other, cosine in near(place):
            cosines[min(place, other), max(place, other)] = cosine
            if other < place:
                candidates.append(other)
        for key in keys:
            same[key].append(place)
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
    members = tuple(m.id for m in group if m.id != keep.id)
    sources = sorted({*members, *(i for m in group for i in m.derived_from)} - {keep.id})
    return Merge(keep.id, members, sum(m.uses for m in group), max(m.importance for m in group), tuple(sources))


def gists(memories: Sequence[Memory], before_s: float) -> list[list[Memory]]:
    """Return groups of at least `GIST_FROM` memories of one session that a gist may replace.

    Memories said at `before_s` or later, pinned memories, facts and earlier gists are left out.
    """
    sessions: defaultdict[str, list[Memory]] = defaultdict(list)
    for memory in memories:
        old_talk = memory.session and memory.said_s < before_s and memory.source not in ("consolidation", SOURCE)
        if old_talk and not memory.pinned and not memory.facts:
            sessions[memory.session].append(memory)
    return [group for group in sessions.values() if len(group) >= GIST_FROM]


def extract(memories: Sequence[Memory], vectors: Vector, sentences: int = GIST_SENTENCES) -> str:
    """Return the memories nearest to their common centre, weighted by 0.5 + importance, in their order, as one text.

    Args:
        memories: the group that the text stands for.
        vectors: (n, d), one row for each memory.
        sentences: how many memories are taken at most.
    """
    centre = vectors.mean(axis=0)
    value = vectors @ centre * np.array([0.5 + m.importance for m in memories], np.float32)
    chosen = sorted(np.argsort(-value, kind="stable")[:sentences].tolist())
    return " ".join(f"{memories[i].speaker}: {memories[i].text}" if memories[i].speaker else memories[i].text for i in chosen)
