"""Decides what of an archive a namespace takes up: what is there already is skipped, and references follow the memories. Pure.

An archive is what an export held, with the exporting store's ids. `cognition` passes it what the namespace has, and writes the batch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from echorator.cognition.memory import Action, Batch, Change, Experience, Goal, Link, Memory, Patch
from echorator.cognition.settings import MAX_GOALS

_INTO = re.compile(r"into (\d+)")  # the detail of a memory that was merged into another one


@dataclass(frozen=True, slots=True)
class Archive:
    """What an export held. Every id is the exporting store's; a reference to a memory that is not in the archive is dropped."""

    memories: Sequence[Memory]
    goals: Sequence[Goal] = ()
    experiences: Sequence[Experience] = ()  # oldest first
    changes: Sequence[Change] = ()  # oldest first
    links: Sequence[tuple[int, int, float]] = ()  # two memories and the weight of their association


@dataclass(slots=True)
class _Adopting:
    ends: dict[int, int] = field(default_factory=dict)  # by id of the archive: an id that is there, or the end of a Link
    add: list[Memory] = field(default_factory=list)

    def of(self, ids: Iterable[int]) -> tuple[int, ...]:
        """Return the ends of those ids that the archive has."""
        return tuple(self.ends[i] for i in ids if i in self.ends)

    def fresh(self, memory_id: int) -> bool:
        """Return whether an id of the archive is that of a memory which is added."""
        return self.ends.get(memory_id, 0) < 0


def adopted(archive: Archive, memories: Iterable[Memory], experiences: Iterable[Experience], goals: Sequence[Goal]) -> Batch:
    """Return the batch that adds what the namespace does not have.

    Memories are the same where their keys are, or where they have no key and say the same at the same time.

    Args:
        archive: what is to be taken up.
        memories: all memories of the namespace.
        experiences: all of its experiences.
        goals: its goals, which stay before those of the archive.
    """
    adopting = _matched(archive.memories, memories)
    fresh = [memory for memory in archive.memories if adopting.fresh(memory.id)]
    known = {_told(experience) for experience in experiences}
    texts = {goal.text for goal in goals}
    wanted = [goal for goal in archive.goals if goal.text not in texts]
    return Batch(
        add=tuple(replace(memory, id=0, derived_from=(), superseded_by=0) for memory in adopting.add),
        past=tuple(
            replace(change, memory_id=adopting.ends[change.memory_id], detail=_detail(change))
            for change in archive.changes
            if adopting.fresh(change.memory_id)
        ),
        patch=tuple(
            Patch(adopting.ends[memory.id], {"derived_from": made_of, "superseded_by": by[0] if by else 0})
            for memory in fresh
            if (made_of := adopting.of(memory.derived_from)) + (by := adopting.of((memory.superseded_by,)))
        ),
        links=tuple(
            Link(adopting.ends[a], adopting.ends[b], "recalled", weight)
            for a, b, weight in archive.links
            if a in adopting.ends and b in adopting.ends and (adopting.fresh(a) or adopting.fresh(b))
        ),
        experiences=tuple(
            replace(one, recalled=adopting.of(one.recalled), learned=adopting.of(one.learned))
            for one in archive.experiences
            if _told(one) not in known
        ),
        goals=(*goals, *wanted)[:MAX_GOALS] if wanted else None,
    )


def _matched(memories: Iterable[Memory], there: Iterable[Memory]) -> _Adopting:
    adopting = _Adopting()
    keys: dict[str, int] = {}
    same: defaultdict[object, list[int]] = defaultdict(list)
    for memory in there:
        if memory.key:
            keys[memory.key] = memory.id
        else:
            same[_said(memory)].append(memory.id)
    for memory in memories:
        if memory.key in keys:
            adopting.ends[memory.id] = keys[memory.key]
        elif not memory.key and same[_said(memory)]:
            adopting.ends[memory.id] = same[_said(memory)].pop(0)
        else:
            adopting.ends[memory.id] = -1 - len(adopting.add)
            adopting.add.append(memory)
            if memory.key:
                keys[memory.key] = adopting.ends[memory.id]
    return adopting


def _said(memory: Memory) -> tuple[object, ...]:
    return memory.text, memory.speaker, memory.session, memory.said_s, memory.created_s


def _told(experience: Experience) -> tuple[object, ...]:
    return experience.session, experience.at_s, experience.user_text, experience.answer


def _detail(change: Change) -> str:
    """Return the detail of a change without the exporting store's ids, which mean other memories here."""
    into = _INTO.fullmatch(change.detail) if change.action == Action.MERGED else None
    return change.detail if into is None else "into another memory"
