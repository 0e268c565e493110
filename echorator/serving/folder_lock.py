"""A folder that one process at a time may write: a lock file that names its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from echorator.errors import EchoratorError


class FolderBusyError(EchoratorError):
    """Another process holds the folder."""


def hold(path: Path) -> int:
    """An open, locked file that names this process; closing it frees the folder.

    Raises:
        FolderBusyError: with the holder's process id.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 100, 0).decode("utf-8", "replace").strip()
        os.close(descriptor)
        raise FolderBusyError(f"{path.parent} is in use by process {holder or '?'}; stop it, or use another folder") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
