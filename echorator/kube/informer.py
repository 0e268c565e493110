"""All objects of one kind as the API server has them, kept current by one watch.

A list first (streamed where the server can), then events from its resourceVersion on. A watch that ends is opened where it stopped; one
that is too old is listed again and compared. What nobody reads is thrown away before it is kept.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from echorator.kube.client import ApiError, Client, GoneError, InvalidObjectError
from echorator.kube.resources import Kind, Name, Object, name_of

_log = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 30.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

OnChange = Callable[[Object | None, Object | None], None]  # before and after; None: it was not there, it is gone
Index = Callable[[Object], str]  # "" where it has no place in it


class Informer:
    """`run` it as a task; `synced` once everything is there. Objects are not to be changed."""

    def __init__(self, client: Client, kind: Kind, namespace: str = "", selector: str = "", index: Index | None = None) -> None:
        self.kind = kind
        self._client = client
        self._namespace = namespace
        self._selector = selector
        self._index = index
        self._there: dict[Name, Object] = {}
        self._indexed: dict[str, set[Name]] = defaultdict(set)
        self._version = ""
        self._streams = True
        self.on_change: list[OnChange] = []
        self.synced = asyncio.Event()
        self.trouble = ""  # why it is not current, in words

    def get(self, namespace: str, name: str) -> Object | None:
        """As it was last heard of."""
        return self._there.get((namespace, name))

    def all(self) -> Iterable[Object]:
        """In no order."""
        return self._there.values()

    def indexed(self, value: str) -> list[Object]:
        """Those of one value of the index, by name."""
        return [self._there[name] for name in sorted(self._indexed.get(value, ()))]

    def note(self, thing: Object) -> None:
        """What the API server answered to a write here, ahead of its event; who wrote it knows, so nobody is told.

        An older state never replaces a newer one.
        """
        known = self._there.get(name_of(thing))
        if known is None or int(known["metadata"]["resourceVersion"]) < int(thing["metadata"]["resourceVersion"]):
            self._put(thing)

    async def run(self) -> None:
        """Until cancelled."""
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
                wait_s = max(error.after_s, min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 20)))
                _log.warning("not current", extra={"kind": self.kind.plural, "error": str(error), "wait_s": round(wait_s, 1)})
                await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))

    async def _list(self) -> None:
        if self._streams:
            try:
                await self._stream_list()
            except InvalidObjectError:
                self._streams = False  # a server that cannot send a list as a stream
            else:
                return
        items, version = await self._client.list(self.kind, self._namespace, self._selector)
        self._replace({name_of(item): item for item in items})
        self._version = version

    async def _stream_list(self) -> None:
        """Everything as events, then the bookmark that ends it; goes on as the watch that it is."""
        there: dict[Name, Object] = {}
        complete = False
        async for event in self._client.watch(self.kind, self._namespace, self._selector, "", from_start=True):
            thing = event["object"]
            if complete:
                self._take(event)
            elif event["type"] == "BOOKMARK" and INITIAL_EVENTS_END in thing["metadata"].get("annotations", {}):
                self._replace(there)
                self._version = thing["metadata"]["resourceVersion"]
                complete = True
            elif event["type"] == "DELETED":
                there.pop(name_of(thing), None)
            elif event["type"] != "BOOKMARK":
                there[name_of(thing)] = thing

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
        """After a list: what differs is told, as if it had been heard."""
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
    """Without what nobody here reads: it is most of an object."""
    thing["metadata"].pop("managedFields", None)
    thing["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
