"""Keep long computations over texts off the event loop, which other callers wait for.

Short texts are computed in place, since a thread costs more than they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

INLINE_CHARACTERS = 8192  # texts of this length are read or embedded in about 2 ms

R = TypeVar("R")


async def off_loop(characters: int, work: Callable[[], R]) -> R:
    """Return what `work` returns; run it on a thread if it computes over more than `INLINE_CHARACTERS`. Raises what `work` raises."""
    return work() if characters <= INLINE_CHARACTERS else await asyncio.to_thread(work)
