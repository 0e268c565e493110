"""Checks what kind of file a path leads to before it is read: a FIFO or a device would block whoever opens it.

Feeds `vetting`.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from echorator.errors import EchoratorError, ModelFileError, ResourceError

START_BYTES = 64
_SHORT_OF = {
    errno.EMFILE: "this process has no file descriptor left; try again later, or raise the limit of open files (ulimit -n)",
    errno.ENFILE: "this machine has no file descriptor left; try again later",
    errno.ENOMEM: "there is no memory left to open it; try again later",
    errno.EAGAIN: "it is not ready; try again later",
}
_KINDS = (
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder; name the .gguf file in it"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a zip or PyTorch archive"),
    (b"\x80\x02", "a pickle"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself"),
    (b"lmgg", "a GGML file of before GGUF; convert it"),
    (b"tjgg", "a GGJT file of before GGUF; convert it"),
    (b"{", "JSON, perhaps a manifest"),
)


def failed_to_open(path: Path, error: OSError) -> EchoratorError:
    """Return a ResourceError where a later attempt may succeed without a change of the file, else a ModelFileError."""
    short = _SHORT_OF.get(error.errno or 0)
    return ResourceError(f"{path}: {short}") if short else ModelFileError(f"{path}: {error.strerror or error}")


def no_name(path: Path, error: ValueError) -> ModelFileError:
    """Return the error for a path that no system call accepts, such as one with a NUL character."""
    return ModelFileError(f"{str(path)!r} is not the name of a file: {error}")


def opened(path: Path) -> int:
    """Open a regular file, links followed, and return its descriptor; never blocks, even if the path is swapped. The caller closes it.

    Raises:
        ModelFileError: there is no such file, or it is a FIFO, a device, a socket or a folder.
        ResourceError: no file descriptor is left.
    """
    try:
        _refuse(path, path.stat().st_mode)  # checked before the file is opened: some devices act on being opened
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise failed_to_open(path, error) from error
    except ValueError as error:
        raise no_name(path, error) from error
    try:
        _refuse(path, os.fstat(fd).st_mode)
    except ModelFileError:
        os.close(fd)
        raise
    return fd


def _refuse(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((words for holds, words in _KINDS if holds(mode)), "no regular file")
    raise ModelFileError(f"{path} is {kind}" + ("" if stat.S_ISDIR(mode) else "; a model is a regular file"))


def check_kind(path: Path) -> None:
    """Check a file's kind and first bytes. Raises ModelFileError where they rule out a GGUF file; ResourceError as `opened` does."""
    fd = opened(path)
    try:
        start = os.read(fd, START_BYTES)
    except OSError as error:
        raise failed_to_open(path, error) from error
    finally:
        os.close(fd)
    if not start:
        raise ModelFileError(f"{path} is empty")
    if start.startswith(b"GGUF"):
        return
    kind = next((kind for magic, kind in _FOREIGN if start.startswith(magic)), "another kind of file")
    if start[8:9] == b"{":
        kind = "a safetensors file; convert it with llama.cpp's convert_hf_to_gguf.py"
    raise ModelFileError(f"{path} is not a GGUF file but {kind}")
