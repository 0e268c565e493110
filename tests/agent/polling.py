"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

STEP_S = 0.01


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, within_s: float = 15.0) -> None:
    """Return as soon as `holds` does; fail after `within_s`."""
    deadline_s = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(STEP_S)
