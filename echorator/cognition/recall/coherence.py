"""Contradictions: a later value for the same subject and attribute ends the earlier one; nothing is deleted.

As in bitemporal stores, a fact has two times: when it was said, and from when to when it held. A memory holds until the last of its facts
has ended. The module is pure: `cognition` passes the new memories and the stored ones of the same topics, and puts the decision
into a `Batch`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from echorator.cognition.memory import Action, Memory, Patch
from echorator.cognition.reading.ending import ends
from echorator.cognition.reading.values import Claim, Fact, FactType, Topic
from echorator.cognition.text import plain

CERTAIN = 0.7  # least certainty of a fact that may end another one
MOST_WORDS = 20  # of a memory that ends with its facts; a longer one tells more than these
_LASTING = (FactType.SINGLE, FactType.MANY)


@dataclass(frozen=True, slots=True)
class Decision:
    """The effects of a list of new memories; `add` and `repeats` have one entry for each of them."""

    add: tuple[Memory | None, ...]  # None: an older memory already says it
    repeats: tuple[int, ...]  # id of the older memory that already says it, or 0
    patches: tuple[Patch, ...]  # id and `superseded_by` may be -1 - place among the entries of `add` that are not None
    superseded: tuple[int, ...]  # ids of stored memories whose validity a new one ends


def topics_of(memory: Memory) -> tuple[Topic, ...]:
    """Return the topics for which the memory states something, each once, in the order of its facts."""
    return tuple(dict.fromkeys(fact.topic for fact in memory.facts))


def decide(new: Sequence[Memory], known: Mapping[Topic, Sequence[Memory]]) -> Decision:
    """Decide which of `new` to add, which only repeat a known memory, and which facts and memories they end.

    A fact ends what `ends` says of the facts that were said no later; one that was said later ends the new one's. A fact less certain
    than `CERTAIN` ends nothing, so that both stand. A memory that repeats the text and the speaker of a stored one with a common topic
    is not added where neither has a key: it counts as a use of the stored one, whose `said_s` moves forward.

    Args:
        new: the memories in the order in which they were told.
        known: the active stored memories of each topic in `new`.
    """
    deciding = _Deciding(known)
    for memory in new:
        deciding.take(memory)
    return deciding.decision()


class _Deciding:
    """What was decided of the new memories so far. Below, the end of a memory is its id, or -1 - its place among those to be added."""

    def __init__(self, known: Mapping[Topic, Sequence[Memory]]) -> None:
        self._plain_of = cache(plain)  # each text is compared with many others
        self._memories: dict[int, Memory] = {m.id: m for memories in known.values() for m in memories}  # by end, as decided so far
        # The ends of the memories that still say something of a topic, in order.
        self._about: defaultdict[Topic, list[int]] = defaultdict(list)
        for topic, memories in known.items():
            self._about[topic] += [m.id for m in memories if self._says_still(topic, m.id)]
        self._ends: list[int] = []  # of each new memory: its own, or that of the memory which it repeats
        self._places = 0  # Invariant: the number of entries of `_ends` below 0
        self._again: dict[int, float] = {}  # id -> when it was last said
        self._ended: dict[int, list[Fact]] = {}  # end -> its facts that have ended
        self._closed: dict[int, tuple[float, int]] = {}  # end -> when its validity ends, and the end of the superseding memory

    def take(self, memory: Memory) -> None:
        """Decide about one more memory."""
        same = 0 if memory.key else self._same(memory)
        if same:
            self._again[same] = max(memory.said_s, self._memories[same].said_s)
            self._memories[same] = replace(self._memories[same], said_s=self._again[same])
            self._ends.append(same)
            return
        me = -1 - self._places
        self._places += 1
        self._ends.append(me)
        self._memories[me] = memory
        for topic in topics_of(memory):
            for other in self._about[topic]:
                self._confront(topic, me, other)
            self._about[topic] = [end for end in self._about[topic] if self._says_still(topic, end)]
            self._about[topic].append(me)

    def _same(self, memory: Memory) -> int:
        """Return the id of the stored memory without a key whose text and speaker the new one repeats, or 0."""
        text = self._plain_of(memory.text)
        others = (self._memories[end] for topic in topics_of(memory)[:1] for end in self._about[topic] if end > 0)
        return next((m.id for m in others if m.holds and not m.key and m.speaker == memory.speaker and self._plain_of(m.text) == text), 0)

    def _confront(self, topic: Topic, me: int, other: int) -> None:
        """End the facts of one topic that the later one of two memories contradicts."""
        earlier, later = (other, me) if self._memories[other].said_s <= self._memories[me].said_s else (me, other)
        for new in self._memories[later].facts:
            # A fact that has ended itself said nevertheless that an earlier one was over.
            if new.topic == topic and new.certainty >= CERTAIN:
                self._end(earlier, later, new)

    def _says_still(self, topic: Topic, end: int) -> bool:
        """Return whether a memory has anything to say of a topic but what has ended."""
        return any(fact.topic == topic and (fact.holds or fact.claim is not Claim.HOLDS) for fact in self._memories[end].facts)

    def _end(self, end: int, by: int, new: Fact) -> None:
        memory, when_s = self._memories[end], self._memories[by].said_s
        facts = tuple(replace(old, to_s=max(when_s, memory.said_s)) if ends(old, new) else old for old in memory.facts)
        if facts == memory.facts:
            return
        self._ended.setdefault(end, []).extend(now for now, old in zip(facts, memory.facts, strict=True) if now != old)
        memory = replace(memory, facts=facts)
        if memory.holds and _is_over(memory):
            memory = replace(memory, valid_to_s=max(when_s, memory.said_s))
            self._closed[end] = (memory.valid_to_s, by)
        self._memories[end] = memory

    def decision(self) -> Decision:
        """Return the memories to add, and the patches that end or repeat earlier ones, for all memories taken so far."""
        patches = [Patch(i, {"said_s": said_s}) for i, said_s in self._again.items()]
        for end, ended in self._ended.items():
            fields: dict[str, object] = {} if end < 0 else {"facts": self._memories[end].facts}
            if end in self._closed:
                when_s, by = self._closed[end]
                fields |= {"valid_to_s": when_s, "superseded_by": by}
                patches.append(Patch(end, fields, Action.SUPERSEDED, "by a later value"))
            elif end > 0:
                over = ", ".join(f"{fact.attribute} {fact.value}".strip() for fact in ended)
                patches.append(Patch(end, fields, Action.UPDATED, f"no longer holds: {over}"))
        add = tuple(self._memories[end] if end < 0 else None for end in self._ends)
        repeats = tuple(max(end, 0) for end in self._ends)
        return Decision(add, repeats, tuple(patches), tuple(i for i in self._closed if i > 0))


def _is_over(memory: Memory) -> bool:
    """Return whether nothing of what a memory tells still holds: all of its lasting facts have ended, and it is too short to tell more."""
    lasting = [fact for fact in memory.facts if fact.claim is Claim.HOLDS and fact.type in _LASTING]
    return bool(lasting) and not any(fact.holds for fact in lasting) and len(memory.text.split()) <= MOST_WORDS
