"""Lets a write to a stream end before its call does.

gRPC takes one operation of a call at a time. A handler whose halves run as tasks cancels one of them when the other one fails; if the
cancelled one is writing, the write goes on inside gRPC, the status cannot be sent beside it, and the client waits without end. Used by the
sessions of the controller and by its discovery service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

LONGEST_S = 5.0  # a client that reads nothing holds up the end of its own call no longer than this


async def whole(write: Awaitable[None]) -> None:
    """Await a write; if this task is cancelled meanwhile, raise CancelledError only once the write has ended."""
    writing = asyncio.ensure_future(write)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait((writing,), timeout=LONGEST_S)
        if writing.done() and not writing.cancelled():
            writing.exception()  # the call ends for another reason, which is the one to tell
        raise
