"""Identifies the sender of a request as far as a gateway can without identities: by the connection and the address of its other end."""

from __future__ import annotations

from contextvars import ContextVar
from urllib.parse import unquote

NOBODY = ("", "")
CALLER: ContextVar[tuple[str, str]] = ContextVar("caller", default=NOBODY)  # (address, connection) of the HTTP request of this task
SESSION: ContextVar[str] = ContextVar("session", default="")  # session that the HTTP request names


def caller_of(peer: str) -> tuple[str, str]:
    """Return address and connection from gRPC's name of a peer, such as "ipv4:192.0.2.1:50000" or "ipv6:%5B::1%5D:50000"."""
    address, _, _ = peer.rpartition(":")
    return unquote(address.partition(":")[2]) or peer, peer


def http_caller(client: tuple[str, int] | None) -> tuple[str, str]:
    """Return address and connection of an HTTP client; NOBODY where the server does not know the client."""
    if client is None:
        return NOBODY
    host, port = client
    return f"[{host}]" if ":" in host else host, f"http:{host}:{port}"
