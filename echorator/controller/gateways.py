"""The connected gateways: their addresses, their waiting requests by model, and the requests that they have convicted.

Envoy and gRPC clients send calls that no agent can take yet to the addresses. The waiting requests count as a model's queue. A request that
one gateway found to end agents is passed on, so that all gateways refuse it. Fed by `service`; feeds `xds` and `placer`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

MOST_CONVICTIONS = 4096  # as many as one message has; more end before their time, the oldest first
LONGEST_S = 86_400.0


class Gateways:
    """The gateways that are connected now. `on_change` is called when an address is added or removed."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._convicted: dict[bytes, float] = {}  # by digest: when the conviction ends, on the monotonic clock
        self._connected: list[tuple[str, str]] = []
        self._held: dict[object, Mapping[str, int]] = {}  # by stream: the waiting requests by model

    @contextmanager
    def connected(self, gateway_id: str, address: str) -> Iterator[None]:
        """Count a gateway as connected while the context lasts; a watcher without an address is no gateway and is ignored."""
        entry = (gateway_id, address)
        if address:
            self._connected.append(entry)
            self._on_change()
        try:
            yield
        finally:
            if address:
                self._connected.remove(entry)
                self._on_change()

    @contextmanager
    def holding(self) -> Iterator[Callable[[Mapping[str, int]], None]]:
        """Yield a function that sets the waiting requests (by model) of one stream; they count while the context lasts."""
        stream = object()

        def tell(waiting: Mapping[str, int]) -> None:
            self._held[stream] = dict(waiting)

        try:
            yield tell
        finally:
            self._held.pop(stream, None)

    def convict(self, told: Iterable[pb.Conviction]) -> bool:
        """Add a gateway's convictions, in place of the oldest ones where there are too many; return whether any of them was new."""
        now_s, before = time.monotonic(), {conviction.digest for conviction in self.convictions()}
        for conviction in told:
            until_s = now_s + min(LONGEST_S, max(0.0, conviction.for_s))
            self._convicted[conviction.digest] = max(until_s, self._convicted.pop(conviction.digest, 0.0))  # the latest told is the last
        evicted = list(self._convicted)[: max(0, len(self._convicted) - MOST_CONVICTIONS)]
        for digest in evicted:
            del self._convicted[digest]
        if evicted:
            _log.warning("convictions forgotten before their time", extra={"forgotten": len(evicted), "most": MOST_CONVICTIONS})
        return not self._convicted.keys() <= before

    def convictions(self) -> list[pb.Conviction]:
        """Return all convictions that hold now, with the seconds left."""
        now_s = time.monotonic()
        self._convicted = {digest: until_s for digest, until_s in self._convicted.items() if until_s > now_s}
        return [pb.Conviction(digest=digest, for_s=until_s - now_s) for digest, until_s in self._convicted.items()]

    def held(self, model: str) -> int:
        """Return how many requests for the model wait at all gateways together."""
        return sum(max(0, waiting.get(model, 0)) for waiting in self._held.values())

    def addresses(self) -> list[str]:
        """Return the distinct addresses of all gateways, sorted."""
        return sorted({address for _, address in self._connected})
