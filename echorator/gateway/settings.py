"""Limits and times of a gateway, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.errors import InvalidRequestError


@dataclass(frozen=True)
class GatewaySettings:
    """What it holds, for how long, and when it gives an agent up."""

    buffer_requests: int = 10_000  # that may wait; more are refused with RESOURCE_EXHAUSTED
    buffer_bytes: int = 1 << 30  # of their messages together
    wait_s: float = 120.0  # a request waits at most this long for an agent, or until its own deadline
    retries: int = 3  # on other agents, before the first token
    load_factor: float = 1.5  # an agent is passed over for its prefix beyond this multiple of the mean load
    breaker_failures: int = 3  # in a row, after which an agent is left out
    breaker_open_s: float = 1.0  # for this long at first; twice as long each further time
    breaker_open_most_s: float = 30.0
    stall_s: float = 5.0  # a stream on a lost agent may still go on within this time

    def __post_init__(self) -> None:
        """Raises InvalidRequestError, naming the field and its range."""
        for name, low, high in (
            ("buffer_requests", 0, 10_000_000),
            ("buffer_bytes", 0, 1 << 40),
            ("wait_s", 0.0, 86_400.0),
            ("retries", 0, 100),
            ("load_factor", 1.0, 1000.0),
            ("breaker_failures", 1, 10_000),
            ("breaker_open_s", 0.01, 3600.0),
            ("breaker_open_most_s", 0.01, 86_400.0),
            ("stall_s", 0.0, 3600.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidRequestError(f"{name} must be {low:g}..{high:g}, not {value:g}")
