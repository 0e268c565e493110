"""Computes the digest of a model file, which identifies what is served. Feeds GetModel."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from echorator.engine.weights_file import failed_to_open, no_name, opened

Identity = tuple[str, int, int, int]
_known: dict[Identity, str] = {}
_lock = threading.Lock()


def identity(path: Path) -> Identity:
    """Return what changes with the file: real path, size, time of change and inode. Raises ModelFileError, ResourceError."""
    try:
        stat = path.stat()
    except OSError as e:
        raise failed_to_open(path, e) from e
    except ValueError as e:
        raise no_name(path, e) from e
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino


def file_digest(path: Path) -> str:
    """Return "sha256:…" of the file, computed once per identity. Blocking; for a thread. Raises ModelFileError, ResourceError."""
    key = identity(path)
    with _lock:
        known = _known.get(key)
    if known is None:
        try:
            with os.fdopen(opened(path), "rb") as file:
                known = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as e:
            raise failed_to_open(path, e) from e
        with _lock:
            _known[key] = known
    return known
