"""Remembers which agent computed the prefix of each affinity key last, so that a conversation that was moved once stays there. Pure.

A key that several requests have at the same time is no conversation but a shared prompt beginning, worth computing on more than one
agent: while a request of a key is under way, `where` returns None for the key. Fed by `dispatcher`; feeds `balancer`.
"""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 1 << 16


class WarmKeys:
    """The warm keys of one model, least recently used keys evicted beyond `most`."""

    __slots__ = ("_keys", "_most")

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._keys: OrderedDict[int, tuple[str, int]] = OrderedDict()  # by key: the agent, and the number of requests under way
        self._most = most

    def __len__(self) -> int:
        return len(self._keys)

    def where(self, key: int | None) -> str | None:
        """Return the agent that is warm for the next request of a conversation; None where unknown or a request is under way."""
        if key is None:
            return None
        agent, running = self._keys.get(key, (None, 0))
        return None if running else agent

    def sent(self, key: int | None, agent: str) -> None:
        """Record that a request of the key was sent to `agent`."""
        if key is None:
            return
        _, running = self._keys.get(key, ("", 0))
        self._keys[key] = (agent, running + 1)
        self._keys.move_to_end(key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def ended(self, key: int | None) -> None:
        """Record that a request of the key has ended, however it ended."""
        known = self._keys.get(key) if key is not None else None
        if key is not None and known is not None and known[1]:
            self._keys[key] = (known[0], known[1] - 1)
