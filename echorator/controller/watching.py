"""Who wants to hear of changes: keys that changed since the watcher last looked, urgent ones at once, others gathered for a while.

A slow watcher loses nothing and holds nothing up: a key that changes twice is one key. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watch:
    """One watcher."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._any = asyncio.Event()
        self._urgent = asyncio.Event()

    def notify(self, key: str, urgent: bool) -> None:
        """`key` has changed."""
        self._changed[key] = None
        self._any.set()
        if urgent:
            self._urgent.set()

    async def next(self, gather_s: float) -> list[str]:
        """Wait for a change; take all keys. What is not urgent waits `gather_s` for more."""
        await self._any.wait()
        if not self._urgent.is_set():
            try:
                async with asyncio.timeout(gather_s):
                    await self._urgent.wait()
            except TimeoutError:
                pass
        changed, self._changed = list(self._changed), {}
        self._any.clear()
        self._urgent.clear()
        return changed


class Watchers:
    """All of one kind of thing."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    def notify(self, key: str, urgent: bool = True) -> None:
        """Tell every watcher."""
        for watch in self._watches:
            watch.notify(key, urgent)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """A watcher while the context lasts; what changes from its first line on is heard."""
        watch = Watch()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
