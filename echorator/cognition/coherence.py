"""Contradictions: a later value for the same subject and attribute ends the earlier memory's validity; nothing is deleted.

Two intervals a fact, as in bitemporal stores: when it was said, and when it held. Pure; fed with new memories and the holding
ones about the same things, feeds a `Batch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from echorator.cognition.memory import Action, Memory, Patch
from echorator.cognition.text import plain

Topic = tuple[str, str]  # subject, attribute


@dataclass(frozen=True, slots=True)
class Decision:
    """`add` has one entry for each new memory, None where an old one already says it."""

    add: tuple[Memory | None, ...]
    repeats: tuple[int, ...]  # for each new memory the id that already says it, or 0
    patches: tuple[Patch, ...]  # `superseded_by` may be -1 - place among those of `add` that are not None
    superseded: tuple[int, ...]


def topic_of(memory: Memory) -> Topic | None:
    """What it is about, or None."""
    return (memory.subject, memory.attribute) if memory.attribute else None


def decide(new: Sequence[Memory], known: Mapping[Topic, Sequence[Memory]]) -> Decision:
    """What becomes of `new`, said in that order, beside the holding memories of the same topics.

    An exclusive fact closes every other value of its topic that was said before it, and is itself closed by one said
    after it. The same text about the same topic is no new memory but a use of the old one, which was said again then.
    """
    holding: dict[Topic, list[tuple[int, Memory]]] = {topic: [(m.id, m) for m in memories] for topic, memories in known.items()}
    add: list[Memory | None] = []
    repeats: list[int] = []
    again: dict[int, float] = {}  # id -> when it was last said
    closed: dict[int, tuple[float, int]] = {}  # id (or -1 - place) -> when, by which
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
            (i for i, m in others if i > 0 and plain(m.text) == plain(memory.text) and m.speaker == memory.speaker and not m.key), 0
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
            contradicts = plain(other.value) != plain(memory.value)
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
