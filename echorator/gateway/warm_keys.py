"""Where the prefix of each key was computed last: a conversation that had to go elsewhere once goes on there. Pure.

A key that several requests have at the same time is no conversation but a common beginning, which is worth computing on more than one
agent: while a request of it is under way, nothing is said of it.
"""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 1 << 16


class WarmKeys:
    """Of one model. The least recently used keys are forgotten."""

    __slots__ = ("_keys", "_most")

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._keys: OrderedDict[int, tuple[str, int]] = OrderedDict()  # agent, requests under way
        self._most = most

    def __len__(self) -> int:
        return len(self._keys)

    def where(self, key: int | None) -> str | None:
        """The agent that is warm for the next request of a conversation."""
        if key is None:
            return None
        agent, running = self._keys.get(key, (None, 0))
        return None if running else agent

    def sent(self, key: int | None, agent: str) -> None:
        """A request of the key is under way at `agent`."""
        if key is None:
            return
        _, running = self._keys.get(key, ("", 0))
        self._keys[key] = (agent, running + 1)
        self._keys.move_to_end(key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def ended(self, key: int | None) -> None:
        """It is no more, however it ended."""
        known = self._keys.get(key) if key is not None else None
        if key is not None and known is not None and known[1]:
            self._keys[key] = (known[0], known[1] - 1)
