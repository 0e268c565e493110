"""The digest of a model file, which names what is served. Feeds GetModel."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from echorator.errors import ModelFileError

Identity = tuple[str, int, int, int]
_known: dict[Identity, str] = {}
_lock = threading.Lock()


def identity(path: Path) -> Identity:
    """What changes when the file does: real path, size, time of change and inode. Raises ModelFileError."""
    try:
        stat = path.stat()
    except OSError as e:
        raise ModelFileError(f"{path}: {e.strerror or e}") from e
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino


def file_digest(path: Path) -> str:
    """ "sha256:…" of the file, read once for each identity. Blocking; for a thread. Raises ModelFileError."""
    key = identity(path)
    with _lock:
        known = _known.get(key)
    if known is None:
        try:
            with path.open("rb") as file:
                known = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as e:
            raise ModelFileError(f"{path}: {e.strerror or e}") from e
        with _lock:
            _known[key] = known
    return known
