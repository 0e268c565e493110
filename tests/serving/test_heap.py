"""A serving process gives freed memory back, and its garbage collections leave out what it started with."""

from __future__ import annotations

import subprocess
import sys

# Frees 128 MiB of small blocks below one that stays, so that glibc cannot shrink its heap by itself.
FRAGMENT = """
import asyncio, ctypes, gc
from echorator.serving import heap
heap.LOOK_S = 0.1
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes, library.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20
async def main():
    heap.freeze()
    assert gc.get_freeze_count() > 1000
    before = resident_mib()
    blocks = [library.malloc(32 << 10) for _ in range(4096)]
    for block in blocks:
        ctypes.memset(block, 1, 32 << 10)
    for block in blocks[:-1]:
        library.free(block)
    freed = resident_mib()
    assert freed > before + 100, (before, freed)
    giving_back = asyncio.create_task(heap.give_memory_back())
    for _ in range(600):
        await asyncio.sleep(0.05)
        if resident_mib() < before + 30:
            break
    print(before, freed, resident_mib())
    assert resident_mib() < before + 30
    giving_back.cancel()
asyncio.run(main())
"""


def test_freed_memory_goes_back_to_the_kernel() -> None:
    done = subprocess.run([sys.executable, "-c", FRAGMENT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
