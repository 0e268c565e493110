"""Opens namespaces: loads their indexes from the store on first use, and keeps them equal to it while other replicas change it.

Feeds `cognition`; `open_namespaces` decides which stay in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from echorator.cognition.memory import Namespace
from echorator.cognition.open_namespaces import Key, OpenNamespaces
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Owner
from echorator.cognition.recall.session import SessionState
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.store import MemoryNotFoundError, Store
from echorator.machine import ROOT, memory_bytes

_log = logging.getLogger(__name__)

_Change = tuple[list[int] | None, list[str]]  # what `Store.follow` tells of one namespace


class Opening:
    """The open namespaces of one store, for one event loop."""

    def __init__(self, store: Store, dimension: int, settings: CognitionSettings, snapshots: GraphSnapshots | None) -> None:
        self._store = store
        self._dimension = dimension
        self._settings = settings
        self._snapshots = snapshots
        self.namespaces = OpenNamespaces(settings.index_bytes or memory_bytes(ROOT) // 4)
        self.embedder_id = 0  # set before the first namespace is opened
        self.on_opened: list[Callable[[OpenNamespace], None]] = []
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()  # held while a namespace is loaded
        self._loading: dict[int, list[_Change]] = {}  # by namespace: changes of other replicas that came while it is loaded

    async def follow(self) -> None:
        """Follow the changes of other replicas from now on."""
        loop = asyncio.get_running_loop()

        def changed(namespace: int, ids: list[int] | None, documents: list[str]) -> None:
            asyncio.run_coroutine_threadsafe(self._changed(namespace, ids, documents), loop).result()

        await asyncio.to_thread(self._store.follow, changed)

    async def _changed(self, namespace: int, ids: list[int] | None, documents: list[str]) -> None:
        """Bring open namespaces up to date after another replica's write; `ids` None drops them all."""
        for number, missed in self._loading.items():
            if number == namespace or ids is None:
                missed.append((ids, documents))
        if ids is None:
            for one in self.namespaces:
                async with one.lock:  # so that what is being written is in the store when the index is loaded again
                    self.namespaces.drop(one)
            self.namespaces.forget_unstored()
            return
        opened = self.namespaces.by_id(namespace)
        if opened is None:
            self.namespaces.outdate(namespace, documents)
            return
        async with opened.lock:
            await self._follow(opened, ids, documents)

    async def _follow(self, opened: OpenNamespace, ids: list[int] | None, documents: Sequence[str]) -> None:
        if ids is None or "*" in documents:  # the latter is the store's mark of an erasure
            self.namespaces.drop(opened)
            return
        await asyncio.to_thread(opened.refresh, ids)
        self.namespaces.weigh(opened)
        for name in documents:
            opened.sessions.pop(name.removeprefix("session:"), None)
        if "goals" in documents:
            await asyncio.to_thread(opened.load_goals)
        if "calibration" in documents:
            await asyncio.to_thread(opened.load_curve)

    async def opened(self, owner: Owner, create: bool = False) -> OpenNamespace | None:
        """Return the namespace with its index, loaded from the store on first use; None where it does not exist and `create` is false."""
        key = (owner.tenant, owner.agent, owner.user)
        while (found := self.namespaces.used(key)) is None:
            async with self._locks.setdefault(key, asyncio.Lock()):
                if self.namespaces.used(key) is not None:
                    continue
                namespace = await asyncio.to_thread(self._store.namespace, *key, create)
                if namespace is None:
                    return None
                found = await self._loaded(namespace)
            if not found.dropped:
                for tell in self.on_opened:
                    tell(found)
                return found
        return found

    async def _loaded(self, namespace: Namespace) -> OpenNamespace:
        """Load a namespace; it is dropped already where another replica erased it meanwhile."""
        opened = OpenNamespace(namespace, self._store, self.embedder_id, self._dimension, self._snapshots)
        missed = self._loading[namespace.id] = []
        try:
            await asyncio.to_thread(opened.load)
            while missed and not opened.dropped:
                await self._follow(opened, *missed.pop(0))
        finally:
            del self._loading[namespace.id]
        if not opened.dropped:
            opened.grow(self._settings.graph_threads)
            self.namespaces.add(opened)
        return opened

    async def existing(self, owner: Owner) -> OpenNamespace:
        """Return the namespace with its index. Raises MemoryNotFoundError where nothing was ever remembered for the owner."""
        opened = await self.opened(owner)
        if opened is None:
            raise MemoryNotFoundError(
                f"nothing was ever remembered for user {owner.user!r} of agent {owner.agent!r}, tenant {owner.tenant!r}"
            )
        return opened

    @asynccontextmanager
    async def holding(self, opened: OpenNamespace, create: bool = False) -> AsyncIterator[OpenNamespace]:
        """Hold the lock of a namespace for a change of it, and yield it, or what took its place where its index was dropped meanwhile.

        Raises MemoryNotFoundError where it was erased meanwhile, unless `create` is set.
        """
        while True:
            async with opened.lock:
                if not opened.dropped:
                    try:
                        yield opened
                    finally:
                        self.namespaces.weigh(opened)
                    return
            owner = Owner(*opened.namespace.key)
            opened = (await self.opened(owner, create)) or await self.existing(owner)

    async def session(self, opened: OpenNamespace, name: str) -> SessionState:
        """Return the state of a conversation; a fresh one where the stored one is damaged. That of the empty name is never stored."""
        state = opened.sessions.get(name)
        if state is None and not name:
            return SessionState()
        if state is None:
            body = await asyncio.to_thread(self._store.document, opened.namespace, f"session:{name}")
            try:
                state = SessionState.loaded(body)
            except ValueError as error:
                _log.warning("session state dropped", extra={"namespace": opened.namespace.id, "error": str(error)})
                state = SessionState()
            opened.keep_session(name, state)
        return state
