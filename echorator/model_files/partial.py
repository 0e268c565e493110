"""A blob that is still incomplete: a sparse file, and a map of which parts of it are there.

The map is written in place after the bytes it describes, both through the page cache: whatever ends the process, the map never claims more
than is there. After a power failure it may; then the digest does not match.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from echorator.errors import EchoratorError

CHUNK_BYTES = 16 << 20
_MAGIC = b"ECHOPART"
_HEADER = struct.Struct("<8sQQ")  # magic, size of the blob, bytes per chunk
_DONE = struct.Struct("<Q")


class Partial:
    """A partial blob: `open` it, `write` each chunk from one thread at a time, `close` it."""

    def __init__(self, data: int, state: mmap.mmap, size_bytes: int) -> None:
        self._data = data
        self._state = state
        self.size_bytes = size_bytes
        self.chunks = -(-size_bytes // CHUNK_BYTES)

    @classmethod
    def open(cls, path: Path, size_bytes: int) -> Partial:
        """Open the partial blob of an earlier pull, or create one. Raises OSError: no space, or no right to write."""
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
        """Return the offsets at which a chunk begins and ends."""
        return chunk * CHUNK_BYTES, min(self.size_bytes, (chunk + 1) * CHUNK_BYTES)

    def done_bytes(self, chunk: int) -> int:
        """Return how many bytes of a chunk are there, from its beginning."""
        return int(_DONE.unpack_from(self._state, _HEADER.size + _DONE.size * chunk)[0])

    def total_done_bytes(self) -> int:
        """Return how many bytes of all chunks are there."""
        return sum(self.done_bytes(chunk) for chunk in range(self.chunks))

    def complete(self, chunk: int) -> bool:
        """Return whether a chunk is complete."""
        begin, end = self.span(chunk)
        return self.done_bytes(chunk) >= end - begin

    def write(self, chunk: int, view: memoryview) -> None:
        """Append bytes to what is there of a chunk. Raises OSError."""
        begin, end = self.span(chunk)
        done = self.done_bytes(chunk)
        if done + len(view) > end - begin:
            raise EchoratorError(f"{len(view)} bytes are more than chunk {chunk} has left")
        written = 0
        while written < len(view):
            written += os.pwrite(self._data, view[written:], begin + done + written)
        _DONE.pack_into(self._state, _HEADER.size + _DONE.size * chunk, done + written)

    def read(self, view: memoryview, offset: int) -> int:
        """Read written bytes from `offset` into `view` and return their number."""
        return os.preadv(self._data, [view], offset)

    def sync(self) -> None:
        """Write the data to the disk; it is durable when this returns."""
        os.fsync(self._data)

    def close(self) -> None:
        """Close the files, which are kept for a later pull."""
        self._state.close()
        os.close(self._data)


def map_of(path: Path) -> Path:
    """Return the path of the map beside a partial blob."""
    return path.with_name(f"{path.name}.map")


def discard(path: Path) -> None:
    """Delete a partial blob, or the map of one that has become complete."""
    for file in (path, map_of(path)):
        file.unlink(missing_ok=True)


def progress_of(path: Path) -> tuple[int, int]:
    """Return (bytes done, bytes in all) of a partial blob that another process works on; (0, 0) if it is absent."""
    try:
        state = map_of(path).read_bytes()
    except OSError:
        return 0, 0
    if len(state) < _HEADER.size or not state.startswith(_MAGIC):
        return 0, 0
    _, size_bytes, _ = _HEADER.unpack_from(state)
    return sum(done for (done,) in _DONE.iter_unpack(state[_HEADER.size : _HEADER.size + (len(state) - _HEADER.size) // 8 * 8])), size_bytes
