"""Serializes loads that take a large part of the machine's memory, among all agents of one user on the machine.

Each load looks at the free memory before it allocates. Two loads that look at the same moment, and fit one by one, would together take more
than there is, and the kernel would kill one of the processes. A large load therefore holds a file lock from its look until it has loaded.
Entered by `registry`, which knows what the other loads of its own process will take.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from echorator.engine.memory_needs import Needs
from echorator.errors import DrainingError

_log = logging.getLogger(__name__)

LARGE_SHARE = 8  # a load is large when it needs more than this part (an eighth) of the free memory
LONGEST_WAIT_S = 300.0  # time to wait for the loads of other processes, one of which may hang
_LOOK_S = 0.05


def is_large(needs: Needs, free_bytes: int) -> bool:
    """Return whether a second load at the same time might not fit, into the host's memory or a device's. Pure."""
    devices = any(part.bytes * LARGE_SHARE > part.free_bytes for part in needs.devices)
    return devices or needs.host_bytes * LARGE_SHARE > free_bytes


@asynccontextmanager
async def one_at_a_time(stopping: threading.Event, folder: Path | None = None) -> AsyncIterator[None]:
    """Hold the lock that one process of this user has at a time.

    The lock is not held where `folder` cannot be written, or after a wait of LONGEST_WAIT_S.

    Args:
        stopping: once it is set, the wait for the lock ends.
        folder: where the lock file is; None: the folder of temporary files.

    Raises:
        DrainingError: `stopping` was set.
    """
    path = (folder or Path(tempfile.gettempdir())) / f"echorator-loads-{os.getuid()}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        _log.warning("large loads of several processes may meet", extra={"error": str(error)})
        yield
        return
    try:
        await _locked(descriptor, stopping)
        yield
    finally:
        os.close(descriptor)


async def _locked(descriptor: int, stopping: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if stopping.is_set():
                raise DrainingError("the server is shutting down and loads nothing more") from None
            if loop.time() > until_s:
                _log.warning("a large load of another process stands still; this one no longer waits for it")
                return
            await asyncio.sleep(_LOOK_S)
        else:
            return
