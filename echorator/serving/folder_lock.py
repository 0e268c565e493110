"""Lets one process at a time write a folder, by a lock file that names its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from echorator.errors import EchoratorError
from echorator.private_files import FILE_MODE, mended


class FolderBusyError(EchoratorError):
    """Another process holds the lock of the folder."""


def hold(path: Path) -> int:
    """Lock a folder and return the descriptor of the lock file, which names this process; closing the descriptor frees the folder.

    Raises:
        FolderBusyError: another process has the lock; the message has its id.
        OSError: the file cannot be made.
    """
    descriptor = mended(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 100, 0).decode("utf-8", "replace").strip()
        os.close(descriptor)
        raise FolderBusyError(f"{path.parent} is in use by process {holder or '?'}; stop it, or use another folder") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
