"""Contradictions: a later value for the same subject and attribute supersedes the earlier memory; nothing is deleted.

As in bitemporal stores, a memory has two times: when it was said, and from when to when it held. The module is pure: `cognition` passes
the new memories and the still valid ones of the same topics, and puts the decision into a `Batch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from echorator.cognition.memory import Action, Memory, Patch
from echorator.cognition.text import plain

Topic = tuple[str, str]  # subject, attribute


@dataclass(frozen=True, slots=True)
class Decision:
    """The effects of a list of new memories; `add` and `repeats` have one entry for each of them."""

    add: tuple[Memory | None, ...]  # None: an older memory already says it
    repeats: tuple[int, ...]  # id of the older memory that already says it, or 0
    patches: tuple[Patch, ...]  # id and `superseded_by` may be -1 - place among the entries of `add` that are not None
    superseded: tuple[int, ...]  # ids of stored memories that a new one supersedes


def topic_of(memory: Memory) -> Topic | None:
    """Return the subject and attribute that the memory states a value for, or None where it states no fact."""
    return (memory.subject, memory.attribute) if memory.attribute else None


def decide(new: Sequence[Memory], known: Mapping[Topic, Sequence[Memory]]) -> Decision:
    """Decide which of `new` to add, which only repeat a known memory, and which memories they supersede.

    An exclusive fact ends the validity of every other value of its topic that was said no later; an exclusive one that was said later
    ends the new one's. A memory that repeats the text and the speaker of a stored one of its topic is not added where neither has
    a key: it counts as a use of the stored one, whose `said_s` moves forward.

    Args:
        new: the memories in the order in which they were told.
        known: the valid stored memories of each topic in `new`.
    """
    plain_of = cache(plain)  # each text is compared with many others
    holding: dict[Topic, list[tuple[int, Memory]]] = {topic: [(m.id, m) for m in memories] for topic, memories in known.items()}
    add: list[Memory | None] = []
    repeats: list[int] = []
    again: dict[int, float] = {}  # id -> when it was last said
    closed: dict[int, tuple[float, int]] = {}  # id (or -1 - place) -> end of validity, id (or -1 - place) of the superseding memory
    places = 0
    for memory in new:
        topic = topic_of(memory)
        if topic is None:
            add.append(memory)
            repeats.append(0)
            places += 1
            continue
        others = holding.setdefault(topic, [])
        same = next(
            (i for i, m in others if i > 0 and plain_of(m.text) == plain_of(memory.text) and m.speaker == memory.speaker and not m.key), 0
        )
        if same and not memory.key:
            add.append(None)
            repeats.append(same)
            said = max(memory.said_s, *(m.said_s for i, m in others if i == same))
            holding[topic] = [(i, replace(m, said_s=said) if i == same else m) for i, m in others]
            again[same] = said
            continue
        me = -1 - places
        places += 1
        still: list[tuple[int, Memory]] = []
        for other_id, other in others:
            contradicts = plain_of(other.value) != plain_of(memory.value)
            if contradicts and memory.exclusive and other.said_s <= memory.said_s:
                closed[other_id] = (memory.said_s, me)
            elif contradicts and other.exclusive and other.said_s > memory.said_s:
                closed[me] = (other.said_s, other_id)
                still.append((other_id, other))
            else:
                still.append((other_id, other))
        if me not in closed:
            still.append((me, memory))
        holding[topic] = still
        add.append(memory)
        repeats.append(0)
    kept = [m for m in add if m is not None]
    patches = [Patch(i, {"said_s": said_s}) for i, said_s in again.items()]
    for target, (when_s, by) in closed.items():
        if target < 0:
            kept_memory = kept[-1 - target]
            place = add.index(kept_memory)
            add[place] = kept[-1 - target] = replace(kept_memory, valid_to_s=max(when_s, kept_memory.said_s))
        patches.append(Patch(target, {"valid_to_s": when_s, "superseded_by": by}, Action.SUPERSEDED, "by a later value"))
    return Decision(tuple(add), tuple(repeats), tuple(patches), tuple(i for i in closed if i > 0))
