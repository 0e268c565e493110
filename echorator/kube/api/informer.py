"""Keeps a copy of all objects of one kind, current by one watch.

It lists first (streamed where the server can), then follows the events from the list's resourceVersion on. A watch that ends is resumed;
if its resourceVersion is too old, everything is listed again and compared. Fields that nobody reads are dropped at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from echorator.backoff import Backoff
from echorator.kube.api.client import ApiError, Client, GoneError, InvalidObjectError
from echorator.kube.api.resources import Kind, Name, Object, name_of

_log = logging.getLogger(__name__)

RETRY = Backoff(first_s=0.2, longest_s=30.0, jitter=(0.8, 1.2))
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

OnChange = Callable[[Object | None, Object | None], None]  # (before, after); None for an object that did not exist before, or was deleted
Index = Callable[[Object], str]  # the index value of an object; "" leaves it out of the index


class Informer:
    """A cache of the objects of one kind. Run `run` as a task; `synced` is set once all objects are there. Do not change the objects."""

    def __init__(self, client: Client, kind: Kind, namespace: str = "", selector: str = "", index: Index | None = None) -> None:
        self.kind = kind
        self._client = client
        self._namespace = namespace
        self._selector = selector
        self._index = index
        self._there: dict[Name, Object] = {}
        self._indexed: dict[str, set[Name]] = defaultdict(set)
        self._version = ""
        self.on_change: list[OnChange] = []
        self.synced = asyncio.Event()
        self.trouble = ""  # why the cache is not current; "" where it is

    def get(self, namespace: str, name: str) -> Object | None:
        """Return the cached object; None if there is none of that name."""
        return self._there.get((namespace, name))

    def all(self) -> Iterable[Object]:
        """Return all cached objects, in no order."""
        return self._there.values()

    def indexed(self, value: str) -> list[Object]:
        """Return the objects with one value of the index, sorted by namespace and name."""
        return [self._there[name] for name in sorted(self._indexed.get(value, ()))]

    def note(self, thing: Object) -> None:
        """Put the API server's answer to a write of this process into the cache, ahead of its event.

        Listeners are not called, since the writer knows the change. An older state never replaces a newer one.
        """
        known = self._there.get(name_of(thing))
        if known is None or int(known["metadata"]["resourceVersion"]) < int(thing["metadata"]["resourceVersion"]):
            self._put(thing)

    async def run(self) -> None:
        """List and watch until cancelled; failures are retried with backoff."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                failures = 0
                self.trouble = ""
            except GoneError:
                self._version = ""
            except ApiError as error:
                failures += 1
                self.trouble = f"{self.kind.plural}: {error}"
                wait_s = max(error.after_s, RETRY.wait_s(failures))
                _log.warning("not current", extra={"kind": self.kind.plural, "error": str(error), "wait_s": round(wait_s, 1)})
                await asyncio.sleep(RETRY.spread_s(wait_s, random.random()))

    async def _list(self) -> None:
        if await self._streamed():
            return
        items, version = await self._client.list(self.kind, self._namespace, self._selector)
        self._replace({name_of(item): item for item in items})
        self._version = version

    async def _streamed(self) -> bool:
        """Read a list as a stream and follow it until that watch ends; return False if the server cannot stream lists.

        The client remembers the answer for all informers. Until it has one, one informer asks and the others wait for the result.
        """
        if self._client.streams_lists is False:
            return False
        stream = self._client.watch(self.kind, self._namespace, self._selector, "", from_start=True)
        async with aclosing(stream):
            try:
                first = await self._first_of(stream)
            except InvalidObjectError:
                self._client.streams_lists = False
            if self._client.streams_lists is False:
                return False
            await self._stream_list(first, stream)
        return True

    async def _first_of(self, stream: AsyncGenerator[Object]) -> Object | None:
        """Return the first event of a streamed list. Raises ApiError.

        None means that the stream ended at once, or that another informer has found out meanwhile that the server has no streams.
        """
        if self._client.streams_lists is None:
            async with self._client.asks_for_stream:
                if self._client.streams_lists is None:
                    first = await anext(stream, None)
                    self._client.streams_lists = True
                    return first
        return await anext(stream, None) if self._client.streams_lists else None

    async def _stream_list(self, first: Object | None, others: AsyncGenerator[Object]) -> None:
        """Take the events of a streamed list up to the bookmark that ends it, then those of the watch that it becomes."""
        if first is None:
            return
        there: dict[Name, Object] = {}
        complete = self._listed(first, there)
        async for event in others:
            if complete:
                self._take(event)
            else:
                complete = self._listed(event, there)

    def _listed(self, event: Object, there: dict[Name, Object]) -> bool:
        """Put an event of a streamed list into `there`; return True for the bookmark that ends the list, after taking the list over."""
        thing = event["object"]
        if event["type"] == "BOOKMARK" and INITIAL_EVENTS_END in thing["metadata"].get("annotations", {}):
            self._replace(there)
            self._version = thing["metadata"]["resourceVersion"]
            return True
        if event["type"] == "DELETED":
            there.pop(name_of(thing), None)
        elif event["type"] != "BOOKMARK":
            there[name_of(thing)] = thing
        return False

    async def _watch(self) -> None:
        if not self._version:
            return
        async for event in self._client.watch(self.kind, self._namespace, self._selector, self._version):
            self.trouble = ""
            self._take(event)

    def _take(self, event: Object) -> None:
        thing = event["object"]
        self._version = thing["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            self._remove(name_of(thing))
        elif event["type"] != "BOOKMARK":
            known = self._there.get(name_of(thing))
            if known is None or int(known["metadata"]["resourceVersion"]) < int(self._version):
                self._tell(known, self._put(thing))

    def _replace(self, there: dict[Name, Object]) -> None:
        """Replace the cache by a list and call the listeners for every difference."""
        for name in self._there.keys() - there.keys():
            self._remove(name)
        for name, thing in there.items():
            known = self._there.get(name)
            if known is None or known["metadata"]["resourceVersion"] != thing["metadata"]["resourceVersion"]:
                self._tell(known, self._put(thing))
        self.synced.set()

    def _put(self, thing: Object) -> Object:
        _slim(thing)
        before = self._there.get(name_of(thing))
        self._unindex(before)
        self._there[name_of(thing)] = thing
        if self._index is not None and (value := self._index(thing)):
            self._indexed[value].add(name_of(thing))
        return thing

    def _remove(self, name: Name) -> None:
        before = self._there.pop(name, None)
        if before is not None:
            self._unindex(before, name)
            self._tell(before, None)

    def _unindex(self, thing: Object | None, name: Name | None = None) -> None:
        if thing is None or self._index is None or not (value := self._index(thing)):
            return
        names = self._indexed[value]
        names.discard(name or name_of(thing))
        if not names:
            del self._indexed[value]

    def _tell(self, before: Object | None, after: Object | None) -> None:
        for listener in self.on_change:
            listener(before, after)


def _slim(thing: dict[str, Any]) -> None:
    """Drop the fields that nobody here reads; they are most of an object."""
    thing["metadata"].pop("managedFields", None)
    thing["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
