"""The namespaces whose index is in memory: those in use, and of the idle ones those used last, up to a number of bytes.

A namespace that somebody holds is never there twice: the idle ones are held here, all others are only known, so one that is dropped while
a call works on it is found again until that call ends. So a bound that is too small costs time and nothing else. What a namespace knows of
its conversations and has not stored goes to the index that is loaded for it next. Fed by `cognition`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakValueDictionary

from echorator.cognition.recall.namespace import OpenNamespace, Unstored

Key = tuple[str, str, str]

OPEN_BYTES = 4000  # of an open namespace beside its index, as measured with 10,000 of them
NAMED_BYTES = 400  # of a memory in the lists of entities
GROWN = 1.1  # growth since the last measurement from which a namespace is measured again
SESSION_BYTES = 6000  # of a session's state
MOST_SESSIONS = 4000  # sessions of dropped namespaces that are kept


@dataclass(slots=True)
class _Weight:
    """The bytes of a namespace when it had this many memories and sessions, and memories in its graph."""

    size_bytes: int = 0
    memories: int = -1  # and sessions
    in_graph: int = -1


class OpenNamespaces:
    """The open namespaces of one memory, for the event loop alone."""

    def __init__(self, bound_bytes: int) -> None:
        """Hold idle namespaces of at most `bound_bytes` together, and always the one used last."""
        self._bound_bytes = bound_bytes
        self._by_id: WeakValueDictionary[int, OpenNamespace] = WeakValueDictionary()
        self._by_key: WeakValueDictionary[Key, OpenNamespace] = WeakValueDictionary()
        self._held: OrderedDict[int, OpenNamespace] = OrderedDict()  # the one used last is last
        self._weights: dict[int, _Weight] = {}  # of those held
        self._total_bytes = 0  # Invariant: the sum of `_weights`
        self._unstored: OrderedDict[int, Unstored] = OrderedDict()  # by namespace. Invariant: none of them is held
        self._unstored_sessions = 0  # Invariant: their number in `_unstored`

    def __iter__(self) -> Iterator[OpenNamespace]:
        """Iterate over all that are in memory."""
        return iter(list(self._by_id.values()))

    @property
    def size_bytes(self) -> int:
        """Return the bytes of the idle namespaces and of the one used last, about."""
        return self._total_bytes

    def by_id(self, number: int) -> OpenNamespace | None:
        """Return the namespace with this number, where it is in memory."""
        return self._by_id.get(number)

    def used(self, key: Key) -> OpenNamespace | None:
        """Return the namespace of these names, where it is in memory, as the one used last."""
        found = self._by_key.get(key)
        if found is not None:
            self._hold(found)
        return found

    def add(self, opened: OpenNamespace) -> None:
        """Hold a namespace that was just loaded."""
        number = opened.namespace.id
        opened.unstored = self._unstored.get(number, opened.unstored)
        self._by_id[number] = self._by_key[opened.namespace.key] = opened
        self._hold(opened)

    def drop(self, opened: OpenNamespace) -> None:
        """Forget a namespace whose index is no longer right; the next call loads it again."""
        opened.dropped = True
        number = opened.namespace.id
        if self._by_id.get(number) is opened:
            del self._by_id[number]
            self._by_key.pop(opened.namespace.key, None)
            self._release(number)

    def forget_unstored(self) -> None:
        """Forget what dropped namespaces knew and had not stored."""
        self._unstored.clear()
        self._unstored_sessions = 0

    def outdate(self, number: int, documents: list[str]) -> None:
        """Forget what was not stored of a dropped namespace, since another replica changed these documents; "*": all of it."""
        unstored = self._unstored.get(number)
        if unstored is None:
            return
        before = len(unstored.sessions)
        for name in documents:
            unstored.sessions.pop(name.removeprefix("session:"), None)
        if "*" in documents:
            del self._unstored[number]
            self._unstored_sessions -= before
        else:
            self._unstored_sessions -= before - len(unstored.sessions)

    def _hold(self, opened: OpenNamespace) -> None:
        number = opened.namespace.id
        self._held[number] = opened
        self._held.move_to_end(number)
        if (unstored := self._unstored.pop(number, None)) is not None:
            self._unstored_sessions -= len(unstored.sessions)
        self.weigh(opened)

    def weigh(self, opened: OpenNamespace) -> None:
        """Measure a namespace that may have grown, and drop others from memory where all are too large now."""
        number = opened.namespace.id
        if self._held.get(number) is not opened:
            return
        weight = self._weights.setdefault(number, _Weight())
        memories, in_graph = len(opened.index) + len(opened.sessions), opened.index.graph_size
        if memories > GROWN * weight.memories or memories * GROWN < weight.memories or in_graph != weight.in_graph:
            size_bytes = OPEN_BYTES + opened.index.memory_bytes + opened.index.graph_file_bytes
            size_bytes += NAMED_BYTES * opened.named + SESSION_BYTES * len(opened.sessions)
            self._total_bytes += size_bytes - weight.size_bytes
            self._weights[number] = _Weight(size_bytes, memories, in_graph)
        if self._total_bytes > self._bound_bytes:
            self._shrink()

    def _shrink(self) -> None:
        """Release those used longest ago, but for those that are written to, whose graph is being built, and the one used last."""
        *idle, _ = self._held.items()
        for number, opened in idle:
            if self._total_bytes <= self._bound_bytes:
                return
            if not opened.lock.locked() and not opened.building:
                self._release(number)
                self._keep_unstored(number, opened.unstored)

    def _release(self, number: int) -> None:
        if self._held.pop(number, None) is not None:
            self._total_bytes -= self._weights.pop(number).size_bytes

    def _keep_unstored(self, number: int, unstored: Unstored) -> None:
        if not unstored.sessions and not unstored.fits:
            return
        self._unstored[number] = unstored
        self._unstored_sessions += len(unstored.sessions)
        while self._unstored_sessions > MOST_SESSIONS or len(self._unstored) > MOST_SESSIONS:
            _, oldest = self._unstored.popitem(last=False)
            self._unstored_sessions -= len(oldest.sessions)
