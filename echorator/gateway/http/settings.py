"""The limits and times of the HTTP server, in bytes and seconds, and the hosts and origins that it answers. Read by the whole package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from echorator.errors import InvalidRequestError
from echorator.ranged import Range, check_ranges

_HOST = re.compile(r"\[[0-9a-f:.]+\]|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/\s]+", re.IGNORECASE)
MEMORY_BY = ("user", "header")
"""What may say whose memory a chat uses: OpenAI's field `user`, and the header x-echorator-user."""

_RANGES: Mapping[str, Range] = {
    "connections": Range(1, 1_000_000),
    "connections_of_one_address": Range(1, 1_000_000),
    "head_bytes": Range(1024, 16 << 20),
    "head_fields": Range(8, 10_000),
    "request_line_bytes": Range(64, 1 << 20),
    "head_s": Range(0.1, 3600.0),
    "body_s": Range(0.1, 86_400.0),
    "body_rate": Range(0, 1 << 30),
    "body_window_s": Range(0.1, 3600.0),
    "keep_alive_s": Range(0.0, 86_400.0),
    "unread_s": Range(0.1, 86_400.0),
    "kept_responses_bytes": Range(0, 1 << 40),
    "kept_responses_s": Range(1.0, 30 * 86_400.0),
}


@dataclass(frozen=True)
class HttpSettings:
    """The limits of one HTTP server; immutable and checked when created. The defaults suit a server that anybody can reach."""

    connections: int = 8192  # connections in all; a further one replaces the one that has waited longest for a request
    connections_of_one_address: int = 4096  # connections from one address (an IPv6 /64 counts as one)
    head_bytes: int = 64 << 10  # size of all header fields of a request together
    head_fields: int = 128  # header fields of one request
    request_line_bytes: int = 8 << 10  # size of the request line
    head_s: float = 10.0  # longest time from the connection, or a request's first byte, to the end of its head
    body_s: float = 120.0  # longest time for a whole body
    body_rate: int = 1024  # bytes/s; a body that arrives more slowly for `body_window_s` is ended
    body_window_s: float = 5.0  # time over which `body_rate` is measured
    keep_alive_s: float = 30.0  # a connection without a request is kept for this long
    unread_s: float = 30.0  # an answer that its client does not read is aborted after this time
    kept_responses_bytes: int = 64 << 20  # responses that are kept for `previous_response_id`, with their conversations; 0 for none
    kept_responses_s: float = 3600.0  # how long a response is kept
    allowed_hosts: tuple[str, ...] = ()  # besides the loopback names and the address that is listened on; "*.example.com" too
    allowed_origins: tuple[str, ...] = ()  # origins of web pages besides those of this machine; "*" for all
    memory_by: tuple[str, ...] = ()  # what may say whose memory a chat uses, besides its own field: "user", "header"

    def __post_init__(self) -> None:
        """Check all fields; raises InvalidRequestError that names the field and its range."""
        check_ranges(self, _RANGES)
        for host in self.allowed_hosts:
            if host != "*" and not _HOST.fullmatch(host):
                raise InvalidRequestError(
                    f'allowed_hosts: a name or an address without a port, such as "chat.example.com", not {host[:80]!r}'
                )
        for name in self.memory_by:
            if name not in MEMORY_BY:
                raise InvalidRequestError(f"memory_by: {' or '.join(MEMORY_BY)}, not {name[:80]!r}")
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidRequestError(f'allowed_origins: such as "https://chat.example.com", without a path, not {origin[:80]!r}')
