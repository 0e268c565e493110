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
    deciding = _Deciding(known)
    for memory in new:
        deciding.take(memory)
    return deciding.decision()


class _Deciding:
    """What was decided of the new memories so far. Below, the end of a memory is its id, or -1 - its place among those to be added."""

    def __init__(self, known: Mapping[Topic, Sequence[Memory]]) -> None:
        self._plain_of = cache(plain)  # each text is compared with many others
        self._holding = {topic: [(m.id, m) for m in memories] for topic, memories in known.items()}  # ends and memories that still hold
        self._add: list[Memory | None] = []
        self._repeats: list[int] = []
        self._again: dict[int, float] = {}  # id -> when it was last said
        self._closed: dict[int, tuple[float, int]] = {}  # end -> when its validity ends, and the end of the superseding memory
        self._places = 0  # Invariant: the number of entries of `_add` that are not None

    def take(self, memory: Memory) -> None:
        """Decide about one more memory."""
        topic = topic_of(memory)
        if topic is not None:
            same = 0 if memory.key else self._same(topic, memory)
            if same:
                self._repeat(topic, memory, same)
                return
            self._place(topic, memory)
        self._add.append(memory)
        self._repeats.append(0)
        self._places += 1

    def _same(self, topic: Topic, memory: Memory) -> int:
        """Return the id of the stored memory without a key whose text and speaker the new one repeats, or 0."""
        text = self._plain_of(memory.text)
        others = self._holding.get(topic, ())
        return next((i for i, m in others if i > 0 and self._plain_of(m.text) == text and m.speaker == memory.speaker and not m.key), 0)

    def _repeat(self, topic: Topic, memory: Memory, same: int) -> None:
        self._add.append(None)
        self._repeats.append(same)
        said_s = max(memory.said_s, *(m.said_s for i, m in self._holding[topic] if i == same))
        self._holding[topic] = [(i, replace(m, said_s=said_s) if i == same else m) for i, m in self._holding[topic]]
        self._again[same] = said_s

    def _place(self, topic: Topic, memory: Memory) -> None:
        """Find which memories of the topic still hold beside the new one, which of them it supersedes, or which one supersedes it."""
        me = -1 - self._places
        still: list[tuple[int, Memory]] = []
        for end, other in self._holding.get(topic, ()):
            contradicts = self._plain_of(other.value) != self._plain_of(memory.value)
            if contradicts and memory.exclusive and other.said_s <= memory.said_s:
                self._closed[end] = (memory.said_s, me)
                continue
            if contradicts and other.exclusive and other.said_s > memory.said_s:
                self._closed[me] = (other.said_s, end)
            still.append((end, other))
        if me not in self._closed:
            still.append((me, memory))
        self._holding[topic] = still

    def decision(self) -> Decision:
        """Return the memories to add, and the patches that end or repeat earlier ones, for all memories taken so far."""
        add = list(self._add)
        patches = [Patch(i, {"said_s": said_s}) for i, said_s in self._again.items()]
        added = [place for place, memory in enumerate(add) if memory is not None]
        for end, (when_s, by) in self._closed.items():
            memory = add[added[-1 - end]] if end < 0 else None
            if memory is not None:
                add[added[-1 - end]] = replace(memory, valid_to_s=max(when_s, memory.said_s))
            patches.append(Patch(end, {"valid_to_s": when_s, "superseded_by": by}, Action.SUPERSEDED, "by a later value"))
        return Decision(tuple(add), tuple(self._repeats), tuple(patches), tuple(i for i in self._closed if i > 0))
