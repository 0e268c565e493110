"""The order of service: priorities first, and round-robin among the clients of a priority. Pure; the caller passes the time.

Within a priority the turn goes round the addresses that have requests waiting, within an address round its connections, within a
connection round its sessions; a session is served first come, first served. So a client that sends ten thousand requests at once waits
for its own requests, and any other client waits for one turn of each client.

Priorities do not starve each other: once the oldest request of a lower priority has waited for `overdue_s`, every second turn is that
priority's, until nothing there is overdue. The higher priority keeps half of the turns. Fed by `buffer`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar


class Flow(NamedTuple):
    """The client of a request: its address, connection and session. Requests that leave a part empty share one client there."""

    address: str = ""
    connection: str = ""
    session: int = 0  # a digest of the session or prompt prefix (the affinity key)


class Entry(Protocol):
    """The fields of a request that the queue reads (see `buffer.Waiting`)."""

    flow: Flow
    priority: int
    since_s: float  # when the request arrived
    queued: bool  # false: cancelled, failed or served; removed when popped


E = TypeVar("E", bound=Entry)


class _Turns(Generic[E]):
    """A node of the round-robin tree: its children that have requests, the next one to be served first."""

    __slots__ = ("_children",)

    def __init__(self) -> None:
        self._children: OrderedDict[str | int, _Turns[E] | deque[E]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._children)

    def push(self, path: tuple[str | int, ...], entry: E) -> None:
        key, rest = path[0], path[1:]
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = _Turns() if rest else deque()
        if isinstance(child, _Turns):
            child.push(rest, entry)
        else:
            child.append(entry)

    def pop(self) -> E:
        key, child = next(iter(self._children.items()))
        entry = child.pop() if isinstance(child, _Turns) else child.popleft()
        if child:
            self._children.move_to_end(key)
        else:
            del self._children[key]
        return entry


class _Class(Generic[E]):
    """The requests of one priority."""

    __slots__ = ("_arrivals", "_first", "_turns")

    def __init__(self) -> None:
        self._turns: _Turns[E] = _Turns()
        self._first: deque[E] = deque()  # given back by agents: served before all others
        self._arrivals: deque[E] = deque()  # all of `_turns` in order of arrival, for `oldest_s`; dead and served entries are skipped

    def push(self, entry: E) -> None:
        self._turns.push(entry.flow, entry)
        self._arrivals.append(entry)

    def push_first(self, entry: E) -> None:
        self._first.appendleft(entry)

    def oldest_s(self) -> float:
        """Return when the oldest waiting request arrived; infinite where none waits."""
        while self._arrivals and not self._arrivals[0].queued:
            self._arrivals.popleft()
        since_s = self._arrivals[0].since_s if self._arrivals else float("inf")
        return min((entry.since_s for entry in self._first if entry.queued), default=since_s)

    def pop(self) -> E | None:
        while self._first or self._turns:
            entry = self._first.popleft() if self._first else self._turns.pop()
            if entry.queued:
                return entry
        return None

    def compact(self) -> None:
        self._first = deque(entry for entry in self._first if entry.queued)
        first = {id(entry) for entry in self._first}
        self._arrivals = deque(entry for entry in self._arrivals if entry.queued and id(entry) not in first)
        self._turns = _Turns()
        for entry in self._arrivals:
            self._turns.push(entry.flow, entry)

    def __iter__(self) -> Iterator[E]:
        first = {id(entry) for entry in self._first}
        return (entry for entry in (*self._first, *(a for a in self._arrivals if id(a) not in first)) if entry.queued)


class FairQueue(Generic[E]):
    """The queue of one model. `pop` skips entries whose `queued` became false; `compact` frees their memory."""

    def __init__(self, overdue_s: float) -> None:
        self._overdue_s = overdue_s
        self._classes: dict[int, _Class[E]] = {}
        self._priorities: list[int] = []  # the highest first
        self._was_overdue = False  # the last turn went to an overdue lower priority, so the next one may not

    def push(self, entry: E, first: bool = False) -> None:
        """Queue an entry, with `first` before all others of its priority; `since_s` must not decrease between calls without `first`."""
        its = self._classes.get(entry.priority)
        if its is None:
            its = self._classes[entry.priority] = _Class()
            self._priorities = sorted(self._classes, reverse=True)
        if first:
            its.push_first(entry)
        else:
            its.push(entry)

    def pop(self, now_s: float) -> E | None:
        """Remove and return the entry that is served next; None where nothing waits."""
        while self._priorities:
            late = None if self._was_overdue else self._overdue(now_s)
            chosen = self._priorities[0] if late is None else late
            entry = self._classes[chosen].pop()
            if entry is not None:
                self._was_overdue = late is not None
                return entry
            del self._classes[chosen]
            self._priorities.remove(chosen)
        self._was_overdue = False
        return None

    def _overdue(self, now_s: float) -> int | None:
        """Return the lower priority whose oldest request has waited longest, if that is `overdue_s` or more."""
        if len(self._priorities) < 2:
            return None
        since_s, priority = min((self._classes[p].oldest_s(), p) for p in self._priorities[1:])
        return priority if now_s - since_s >= self._overdue_s else None

    def compact(self) -> None:
        """Remove dead entries; this rebuilds the round-robin, so the next client in turn may change."""
        for its in self._classes.values():
            its.compact()

    def __iter__(self) -> Iterator[E]:
        """Iterate over all waiting entries, in no particular order."""
        return (entry for its in self._classes.values() for entry in its)
