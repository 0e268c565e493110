"""Child processes that must not outlive this one."""

from __future__ import annotations

import asyncio
import ctypes
import signal

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def die_with_parent() -> None:
    """To be called in a child before its program: SIGTERM reaches it when this process ends, however that is."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)


async def end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """SIGTERM, and SIGKILL where that was not enough."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
