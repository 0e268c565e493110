"""The limits and times of a gateway, set by the command line and read by all modules of the package. Times are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from echorator.ranged import Range, check_ranges
from echorator.serving.prefix_scope import SHARED, check_scope

_RANGES: Mapping[str, Range] = {
    "buffer_requests": Range(0, 10_000_000),
    "buffer_bytes": Range(0, 1 << 40),
    "wait_s": Range(0.0, 86_400.0),
    "retries": Range(0, 100),
    "load_factor": Range(1.0, 1000.0),
    "breaker_failures": Range(1, 10_000),
    "breaker_open_s": Range(0.01, 3600.0),
    "breaker_open_most_s": Range(0.01, 86_400.0),
    "stall_s": Range(0.0, 3600.0),
    "priority_wait_s": Range(0.0, 86_400.0),
    "suspicion_s": Range(0.0, 86_400.0),
    "refusal_s": Range(0.0, 86_400.0),
    "last_agent_wait_s": Range(0.0, 86_400.0),
}


@dataclass(frozen=True)
class GatewaySettings:
    """The limits of one gateway; immutable and checked when created."""

    buffer_requests: int = 10_000  # requests that may wait; more are refused with RESOURCE_EXHAUSTED
    buffer_bytes: int = 1 << 30  # size of the waiting requests together
    wait_s: float = 120.0  # a request waits at most this long for an agent, or until its own deadline
    retries: int = 3  # attempts on other agents, before the first message of the answer
    load_factor: float = 1.5  # an agent is passed over for its prefix beyond this multiple of the mean load
    breaker_failures: int = 3  # failures in a row, after which an agent gets no calls
    breaker_open_s: float = 1.0  # first backoff; doubles each further time
    breaker_open_most_s: float = 30.0  # longest backoff
    stall_s: float = 5.0  # a stream on a lost agent may go on for this long before it is cancelled
    priority_wait_s: float = 10.0  # a priority whose oldest request waited this long gets every second turn
    suspicion_s: float = 60.0  # a request that was on an agent when the agent ended is suspected for this long
    refusal_s: float = 300.0  # a request that was on two agents when they ended is refused for this long
    prefix_scope: str = SHARED  # who shares computed prefixes where no memory's tenant is named, see serving/prefix_scope.py
    last_agent_wait_s: float = 10.0  # a suspected request waits this long for a second agent; the last agent is never risked

    def __post_init__(self) -> None:
        """Check all fields; raises InvalidRequestError that names the field and its range."""
        check_scope(self.prefix_scope)
        check_ranges(self, _RANGES)
