"""Shortens garbage collections and shrinks the heap of a process that serves for weeks.

A full collection of a gateway took 100 ms, most of it for modules, which are never freed; no call was answered meanwhile. And glibc keeps
freed memory that lies below a block in use: an agent that had unloaded a model with a large context stayed at three times its size. Used
by `server`.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc

LOOK_S = 20.0
LARGEST_FREE_BYTES = 4 << 20  # freed memory that the process keeps


def freeze() -> None:
    """Exclude all present objects from later garbage collections; call it once everything has been imported and started."""
    gc.collect()
    gc.freeze()


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of malloc.h, which glibc has since 2.33."""

    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


async def give_memory_back() -> None:
    """Return freed memory to the kernel whenever there is much of it, until cancelled. Does nothing where the C library is not glibc."""
    library = ctypes.CDLL(None)
    try:
        mallinfo, trim = library.mallinfo2, library.malloc_trim
    except AttributeError:
        return
    mallinfo.restype = _Mallinfo

    def look() -> None:
        if mallinfo().fordblks > LARGEST_FREE_BYTES:
            trim(0)

    while True:
        await asyncio.sleep(LOOK_S)
        await asyncio.to_thread(look)
