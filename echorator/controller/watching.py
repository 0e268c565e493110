"""Change notification by key: a watcher gets the keys that changed since its last look, urgent keys at once, others gathered for a while.

It works like a work queue: a key that changes twice is delivered once, so a slow watcher loses no key and delays no other watcher. Used by
`service`, `sessions`, `placer` and `xds`. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watch:
    """The pending changes of one watcher."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._any = asyncio.Event()
        self._urgent = asyncio.Event()

    def notify(self, key: str, urgent: bool) -> None:
        """Add `key` to the pending changes; `urgent` wakes the watcher without gathering."""
        self._changed[key] = None
        self._any.set()
        if urgent:
            self._urgent.set()

    async def next(self, gather_s: float) -> list[str]:
        """Wait for a change, then remove and return all pending keys; without an urgent key waits `gather_s` more seconds for others."""
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
    """The watchers of one kind of key, such as the ids of agents."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    def notify(self, key: str, urgent: bool = True) -> None:
        """Add `key` to the pending changes of every watcher."""
        for watch in self._watches:
            watch.notify(key, urgent)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Register a watcher while the context lasts; it hears of every change from the context's begin on."""
        watch = Watch()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
