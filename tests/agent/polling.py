"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.waiting import looks

STEP_S = 0.01


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, within_s: float = 15.0) -> None:
    """Return as soon as `holds` does; fail after `within_s`."""
    for _ in looks(within_s):
        if await holds():
            return
        await asyncio.sleep(STEP_S)
    raise AssertionError(f"not within {within_s:g} s: {what}")
