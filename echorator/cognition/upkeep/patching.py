"""Write patches of memories as all upkeep does: in the namespace's lock, durably first, then in the index. Feeds the other modules here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from echorator.cognition.cognition import Cognition
from echorator.cognition.memory import Batch, Patch
from echorator.cognition.recall.namespace import OpenNamespace


async def write_patches(cognition: Cognition, opened: OpenNamespace, patches: Sequence[Patch], now_s: float) -> None:
    """Write the patches, all or none, and bring the namespace's index up to date."""

    def apply(present: OpenNamespace) -> None:
        cognition.store.write(present.namespace, Batch(patch=tuple(patches)), now_s).result()
        present.refresh([p.id for p in patches])

    async with cognition.holding(opened) as present:
        await asyncio.to_thread(apply, present)
