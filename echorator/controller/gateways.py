"""The connected gateways: their addresses, their waiting requests by model, and the requests that they have convicted.

Envoy and gRPC clients send calls that no agent can take yet to the addresses. The waiting requests count as a model's queue. A request that
one gateway found to end agents is passed on, so that all gateways refuse it. Fed by `sessions`; feeds `xds`, `placer` and `sessions`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from echorator.controller.watching import Watchers
from echorator.rpc.mesh.v1 import mesh_pb2

_log = logging.getLogger(__name__)

MOST_CONVICTIONS = 4096  # as many as one message has; more end before their time, the oldest first
LONGEST_S = 86_400.0

CONVICTED = "convicted"  # the only key of `Gateways.conviction_changes`


class Gateways:
    """The gateways that are connected now. `on_change` is called when an address is added or removed."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._convicted: dict[bytes, float] = {}  # by digest: when the conviction ends, on the monotonic clock
        self._reports: dict[object, tuple[str, dict[str, int]]] = {}  # by stream: address, and waiting requests by model
        self.conviction_changes = Watchers()

    @contextmanager
    def connected(self) -> Iterator[Callable[[mesh_pb2.GatewayReport], None]]:
        """Yield a function that takes the reports of one gateway; the last one counts while the context lasts."""
        stream = object()

        def take(report: mesh_pb2.GatewayReport) -> None:
            before = self.addresses()
            self._reports[stream] = report.address, dict(report.waiting)
            self._tell(before)
            self._convict(report.convicted)

        try:
            yield take
        finally:
            before = self.addresses()
            self._reports.pop(stream, None)
            self._tell(before)

    def _tell(self, before: list[str]) -> None:
        if self.addresses() != before:
            self._on_change()

    def _convict(self, told: Iterable[mesh_pb2.Conviction]) -> None:
        """Add a gateway's convictions, in place of the oldest ones where there are too many, and wake those who watch where any is new."""
        now_s, known = time.monotonic(), {conviction.digest for conviction in self.convictions()}
        for conviction in told:
            until_s = now_s + min(LONGEST_S, max(0.0, conviction.for_s))
            self._convicted[conviction.digest] = max(until_s, self._convicted.pop(conviction.digest, 0.0))  # the latest told is the last
        evicted = list(self._convicted)[: max(0, len(self._convicted) - MOST_CONVICTIONS)]
        for digest in evicted:
            del self._convicted[digest]
        if evicted:
            _log.warning("convictions forgotten before their time", extra={"forgotten": len(evicted), "most": MOST_CONVICTIONS})
        if self._convicted.keys() - known:
            self.conviction_changes.notify(CONVICTED)

    def convictions(self) -> list[mesh_pb2.Conviction]:
        """Return all convictions that hold now, with the seconds left."""
        now_s = time.monotonic()
        self._convicted = {digest: until_s for digest, until_s in self._convicted.items() if until_s > now_s}
        return [mesh_pb2.Conviction(digest=digest, for_s=until_s - now_s) for digest, until_s in self._convicted.items()]

    def held(self, model: str) -> int:
        """Return how many requests for the model wait at all gateways together."""
        return sum(max(0, waiting.get(model, 0)) for _, waiting in self._reports.values())

    def addresses(self) -> list[str]:
        """Return the distinct addresses of all gateways, sorted."""
        return sorted({address for address, _ in self._reports.values() if address})
