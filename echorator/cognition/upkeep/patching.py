"""Write patches of memories as all upkeep does: in the namespace's lock, durably first, then in the index. Feeds the other modules here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from echorator.cognition.memory import Batch, Patch
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.storing.store import Store


async def write_patches(store: Store, opened: OpenNamespace, patches: Sequence[Patch], now_s: float) -> None:
    """Write the patches, all or none, and bring the namespace's index up to date."""

    def apply() -> None:
        store.write(opened.namespace, Batch(patch=tuple(patches)), now_s).result()
        opened.refresh([p.id for p in patches])

    async with opened.lock:
        await asyncio.to_thread(apply)
