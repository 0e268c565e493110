"""Counts the open connections by client address, and chooses the one that is closed when a limit is reached. Pure.

A connection that waits for a request, or has sent only a part of its head, costs its client nothing, so thousands of them are easily
opened. When a limit is reached, the connection that has waited longest is closed, as nginx does with its idle connections; so a client that
sends its request at once gets in. Fed by `protocol`.
"""

from __future__ import annotations

import ipaddress
from typing import Protocol


class Closable(Protocol):
    """A connection that can be closed to make room."""

    def make_room(self) -> None:
        """Close the connection because another one takes its place; it is counted out already and must not `leave`."""


def group_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network that one IPv6 client has to itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


class _Client:
    """The connections of one client."""

    __slots__ = ("group", "open", "waiting")

    def __init__(self, group: str) -> None:
        self.group = group
        self.open = 0
        self.waiting: dict[Closable, None] = {}  # in the order in which they began to wait; each is one of `open`


class Connections:
    """The open connections of one server. Invariant: `len(self)` is the sum of the clients' open connections."""

    def __init__(self, most: int, most_of_one_client: int) -> None:
        self._most = most
        self._most_of_one = most_of_one_client
        self._clients: dict[str, _Client] = {}
        self._open = 0

    def __len__(self) -> int:
        return self._open

    def enter(self, connection: Closable, group: str) -> bool:
        """Count a new connection, which waits for its first request; return False where a limit is reached and no connection waits."""
        client = self._clients.get(group)
        if client is not None and client.open >= self._most_of_one and not self._make_room(client):
            return False
        if self._open >= self._most:
            waits = [c for c in self._clients.values() if c.waiting]
            if not waits or not self._make_room(max(waits, key=lambda c: c.open)):
                return False
        client = self._clients.setdefault(group, _Client(group))
        client.open += 1
        self._open += 1
        client.waiting[connection] = None
        return True

    def _make_room(self, client: _Client) -> bool:
        """Close the client's connection that has waited longest; return False where none waits."""
        oldest = next(iter(client.waiting), None)
        if oldest is None:
            return False
        self.leave(oldest, client.group)
        oldest.make_room()
        return True

    def begin(self, connection: Closable, group: str) -> None:
        """Record that the connection has sent the head of a request, which protects it from being closed to make room."""
        self._clients[group].waiting.pop(connection, None)

    def wait(self, connection: Closable, group: str) -> None:
        """Record that the connection waits for its next request, so that it may be closed to make room."""
        self._clients[group].waiting[connection] = None

    def leave(self, connection: Closable, group: str) -> None:
        """Count a connection out that was closed."""
        client = self._clients[group]
        client.waiting.pop(connection, None)
        client.open -= 1
        self._open -= 1
        if not client.open:
            del self._clients[group]
