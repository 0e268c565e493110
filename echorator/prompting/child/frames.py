"""Frames the messages between a parent and its child: a small JSON header and a body of bytes, each with its length before it.

Large parts (texts, token ids) are in the body, so that they are not escaped and parsed a second time.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, NamedTuple

LENGTHS = struct.Struct("<II")  # lengths of the header and of the body, in bytes
LARGEST_HEADER = 64 * 1024


class Frame(NamedTuple):
    """One message between a parent and its child."""

    header: dict[str, Any]
    body: bytes = b""

    def packed(self) -> bytes:
        """Return the bytes of the message on the wire."""
        header = json.dumps(self.header).encode()
        return b"".join((LENGTHS.pack(len(header), len(self.body)), header, self.body))


def receive(sock: socket.socket) -> Frame | None:
    """Block until a message has arrived; None when the other side has closed the socket. Used by the child."""
    lengths = _exactly(sock, LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    header = _exactly(sock, header_bytes)
    body = _exactly(sock, body_bytes)
    return None if header is None or body is None else Frame(json.loads(header), body)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    out = bytearray(size)
    view, got = memoryview(out), 0
    while got < size:
        count = sock.recv_into(view[got:])
        if not count:
            return None
        got += count
    return bytes(out)
