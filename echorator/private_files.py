"""Files and folders that only their owner may read: memories, state, logs and exports, whatever the umask of the process.

A new file is created with its mode, so that at no moment another user could open it. A file that an earlier version created with more
rights is restricted when it is used again. Files of another user are left alone, as in a volume that a kubelet prepares, and so
is a folder that holds anything but the named files: such a folder is the user's own and was passed in.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(folder: Path, names: Sequence[str]) -> None:
    """Create a folder and its parents where they are missing, and restrict the files in it whose names match `names`.

    The folder itself is restricted where it holds nothing else. Folders in it have to be named, and need a call of their own.

    Raises:
        OSError: the folder cannot be created or read.
    """
    missing = [folder, *folder.parents]
    for each in reversed([path for path in missing if not path.exists()]):
        with contextlib.suppress(FileExistsError):
            each.mkdir(FOLDER_MODE)
    ours, others = [], False
    with os.scandir(folder) as entries:
        for entry in entries:
            matches = any(fnmatchcase(entry.name, name) for name in names)
            others = others or not matches
            if matches and entry.is_file(follow_symlinks=False):
                ours.append(entry.path)
    for path in ours:
        with contextlib.suppress(FileNotFoundError):  # its process removed it meanwhile
            _mend(path)
    if not others:
        _mend(folder)


def private_file(path: Path) -> None:
    """Create an empty private file unless it exists, for a library that opens files by name. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def open_private(path: Path, mode: str) -> IO[Any]:
    """Open a file like `open`, with a mode such as "wb" or "at"; an existing file is restricted before a write. Raises OSError."""

    def opener(name: str, flags: int) -> int:
        descriptor = os.open(name, flags, FILE_MODE)
        _mend(descriptor)
        return descriptor

    return open(path, mode, opener=opener, encoding=None if "b" in mode else "utf-8")


def mended(descriptor: int) -> int:
    """Restrict an open file to its owner and return its descriptor."""
    _mend(descriptor)
    return descriptor


def _mend(what: str | Path | int) -> None:
    """Restrict a file or folder; never the target of a link, nor a device such as /dev/null."""
    found = os.stat(what) if isinstance(what, int) else os.lstat(what)
    wanted = {stat.S_IFDIR: FOLDER_MODE, stat.S_IFREG: FILE_MODE}.get(stat.S_IFMT(found.st_mode))
    if wanted is not None and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        with contextlib.suppress(PermissionError):  # the file system has no modes
            os.chmod(what, wanted)
