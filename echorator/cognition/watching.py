"""Follows the changes of a namespace or of a tenant, from any cursor on, by looking at their history again and again.

The history is the store's, so a follower may go on at another replica or after a restart and misses nothing. What was erased in between is
not shown as it was told, but as erased. Fed by `api`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from echorator.cognition.memory import Action, Change, Namespace
from echorator.cognition.recall.recalling import Owner
from echorator.cognition.storing.store import Store

PAGE = 500  # changes of one look

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A change with the cursor to go on after it, or the cursor alone. `key` are tenant, agent and user, or the tenant of what is gone."""

    cursor: str
    change: Change | None
    key: Key
    namespace: int = 0


class Watching:
    """The followers of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def namespace(self, owner: Owner, after: tuple[int, int], skip_past: bool, interval_s: float) -> AsyncIterator[Seen | None]:
        """Yield the changes of the owner's namespace after a cursor, then further ones, and None after each look that found none.

        A namespace that was erased, even if it has been made anew, is told by a change of memory 0.

        Args:
            owner: whose namespace; it may not exist yet.
            after: number of the namespace and seq of the last change that was seen; zeros for none.
            skip_past: begin with the next change, where `after` is zeros.
            interval_s: seconds between two looks.
        """
        key = (owner.tenant, owner.agent, owner.user)
        number, seq = after
        there = await self._there(key)
        if skip_past and not number and there is not None:
            number, seq = there.id, await asyncio.to_thread(self._last_seq, there)
        yield Seen(f"{number}-{seq}", None, key, number)
        while True:
            there = await self._there(key)
            if number and (there is None or there.id != number):
                gone, number, seq = number, 0, 0
                yield Seen("0-0", Change(0, 0.0, 0, Action.ERASED, ""), (owner.tenant, "", ""), gone)
            found = [] if there is None else await asyncio.to_thread(self._store.changes_after, there, seq, PAGE)
            for change in found:
                assert there is not None
                number, seq = there.id, change.seq
                yield Seen(f"{number}-{seq}", change, key, number)
            if not found:
                yield None
                await asyncio.sleep(interval_s)

    async def tenant(self, tenant: str, after: str, skip_past: bool, interval_s: float) -> AsyncIterator[Seen | None]:
        """Yield the changes of all namespaces of a tenant after a cursor, then further ones, and None after each look that found none.

        The arguments are those of `namespace`. Raises InvalidRequestError where `after` is no cursor of the store.
        """
        if skip_past and not after:
            after = await asyncio.to_thread(self._store.tenant_cursor, tenant)
        yield Seen(after, None, (tenant, "", ""))
        keys: dict[int, Key] = {}
        while True:
            found = await asyncio.to_thread(self._store.tenant_changes, tenant, after, PAGE)
            if any(one.namespace not in keys for one in found):
                keys = {space.id: space.key for space in await asyncio.to_thread(self._store.namespaces, tenant)}
            for one in found:
                after = one.cursor
                yield Seen(after, one.change, keys.get(one.namespace, (tenant, "", "")), one.namespace)
                if not one.change.memory_id:
                    keys.pop(one.namespace, None)
            if not found:
                yield None
                await asyncio.sleep(interval_s)

    async def _there(self, key: Key) -> Namespace | None:
        return await asyncio.to_thread(self._store.namespace, *key, False)

    def _last_seq(self, namespace: Namespace) -> int:
        return max((change.seq for change in self._store.history(namespace, 0, 0, 1)), default=0)
