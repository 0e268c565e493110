"""Loopback ports for servers of tests, which no other process of tests is given.

Two workers of one run, and two runs on one machine, ask at the same time, so that a port which is free when one looks may be taken when
its server begins to listen. Therefore each process has blocks of ports of its own: whoever has bound a block's first port has the block,
until it ends. The blocks lie below the ports that the kernel gives to clients and to servers that ask for any (from 32768 on Linux).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

_FIRST, _LAST, _BLOCK = 10000, 29999, 50
_held: list[socket.socket] = []  # one for each block of this process


def _bound(port: int) -> socket.socket | None:
    """A socket that holds `port`; None where something else has it."""
    holder = socket.socket()
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return None
    return holder


def _own_ports() -> Iterator[int]:
    for first in range(_FIRST, _LAST, _BLOCK):
        holder = _bound(first)
        if holder is not None:
            _held.append(holder)
            yield from range(first + 1, first + _BLOCK)
    raise OSError(f"every block of ports from {_FIRST} to {_LAST} is taken")


_ports = _own_ports()


def free_port() -> int:
    """Return a port that nothing listens on now, that no other process of tests is given, and that was not given before."""
    for port in _ports:
        probe = _bound(port)
        if probe is not None:
            probe.close()
            return port
    raise AssertionError  # `_own_ports` raises before it ends
