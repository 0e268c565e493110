"""Splits HOST:PORT, as people and other processes write it, into its parts. Feeds the command line, agents and the controller."""

from __future__ import annotations

import re

from echorator.errors import InvalidRequestError

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


def host_port(address: str, name: str) -> tuple[str, int]:
    """Return the host without brackets, as xDS and sockets want it, and the port. Raises InvalidRequestError, which names the address."""
    found = _ADDRESS.fullmatch(address)
    if not found or not 1 <= int(found[3]) <= 65535:
        raise InvalidRequestError(f"{name} {address[:140]!r} is not HOST:PORT")
    return found[1] or found[2], int(found[3])
