"""A blob that is not complete yet: a sparse file beside a map of what of it is there.

The map is written in place after the bytes it speaks of, both through the page cache: whatever ends the process, it never says more than
is there. After a loss of power it may; the digest tells.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from echorator.errors import EchoratorError

CHUNK_BYTES = 16 << 20
_MAGIC = b"ECHOPART"
_HEADER = struct.Struct("<8sQQ")  # magic, size of the blob, bytes of a chunk
_DONE = struct.Struct("<Q")


class Partial:
    """`open`, then `write` from any thread, each chunk from one at a time; `close`."""

    def __init__(self, data: int, state: mmap.mmap, size_bytes: int) -> None:
        self._data = data
        self._state = state
        self.size_bytes = size_bytes
        self.chunks = -(-size_bytes // CHUNK_BYTES)

    @classmethod
    def open(cls, path: Path, size_bytes: int) -> Partial:
        """The one of an earlier pull, or a new one. Raises OSError: no space, no right to write."""
        data = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            header = _HEADER.pack(_MAGIC, size_bytes, CHUNK_BYTES)
            length = _HEADER.size + _DONE.size * max(1, -(-size_bytes // CHUNK_BYTES))
            state = os.open(map_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                if os.pread(state, _HEADER.size, 0) != header or os.fstat(state).st_size != length or os.fstat(data).st_size != size_bytes:
                    os.ftruncate(state, 0)
                    os.ftruncate(data, size_bytes)
                    os.pwrite(state, header + bytes(length - _HEADER.size), 0)
                mapped = mmap.mmap(state, length)
            finally:
                os.close(state)
        except BaseException:
            os.close(data)
            raise
        return cls(data, mapped, size_bytes)

    def span(self, chunk: int) -> tuple[int, int]:
        """Where a chunk begins and ends."""
        return chunk * CHUNK_BYTES, min(self.size_bytes, (chunk + 1) * CHUNK_BYTES)

    def done_bytes(self, chunk: int) -> int:
        """Of a chunk, from its beginning."""
        return int(_DONE.unpack_from(self._state, _HEADER.size + _DONE.size * chunk)[0])

    def total_done_bytes(self) -> int:
        """Of all chunks."""
        return sum(self.done_bytes(chunk) for chunk in range(self.chunks))

    def complete(self, chunk: int) -> bool:
        """All of it is there."""
        begin, end = self.span(chunk)
        return self.done_bytes(chunk) >= end - begin

    def write(self, chunk: int, view: memoryview) -> None:
        """After what is there of the chunk. Raises OSError."""
        begin, end = self.span(chunk)
        done = self.done_bytes(chunk)
        if done + len(view) > end - begin:
            raise EchoratorError(f"{len(view)} bytes are more than chunk {chunk} has left")
        written = 0
        while written < len(view):
            written += os.pwrite(self._data, view[written:], begin + done + written)
        _DONE.pack_into(self._state, _HEADER.size + _DONE.size * chunk, done + written)

    def read(self, view: memoryview, offset: int) -> int:
        """Of what was written; returns how much."""
        return os.preadv(self._data, [view], offset)

    def sync(self) -> None:
        """Durable when it returns."""
        os.fsync(self._data)

    def close(self) -> None:
        """Keep it for a later pull."""
        self._state.close()
        os.close(self._data)


def map_of(path: Path) -> Path:
    """The file of the map."""
    return path.with_name(f"{path.name}.map")


def discard(path: Path) -> None:
    """Forget a partial blob, or the map of one that is complete."""
    for file in (path, map_of(path)):
        file.unlink(missing_ok=True)


def progress_of(path: Path) -> tuple[int, int]:
    """Bytes done and bytes in all of a partial that another process works on; (0, 0) where there is none."""
    try:
        state = map_of(path).read_bytes()
    except OSError:
        return 0, 0
    if len(state) < _HEADER.size or not state.startswith(_MAGIC):
        return 0, 0
    _, size_bytes, _ = _HEADER.unpack_from(state)
    return sum(done for (done,) in _DONE.iter_unpack(state[_HEADER.size : _HEADER.size + (len(state) - _HEADER.size) // 8 * 8])), size_bytes
