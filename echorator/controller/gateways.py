"""The gateways: where each serves, for Envoy sends them what no agent can take yet, and how many requests they hold for each model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class Gateways:
    """Those that are connected now. `on_change` is told when an address comes or goes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._connected: list[tuple[str, str]] = []
        self._held: dict[object, Mapping[str, int]] = {}  # by stream

    @contextmanager
    def connected(self, gateway_id: str, address: str) -> Iterator[None]:
        """While the context lasts; a watcher without an address is no gateway."""
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
        """While the context lasts, what its gateway said last counts; by model."""
        stream = object()

        def tell(waiting: Mapping[str, int]) -> None:
            self._held[stream] = dict(waiting)

        try:
            yield tell
        finally:
            self._held.pop(stream, None)

    def held(self, model: str) -> int:
        """Requests that wait at gateways for an agent."""
        return sum(max(0, waiting.get(model, 0)) for waiting in self._held.values())

    def addresses(self) -> list[str]:
        """Each once, in order."""
        return sorted({address for _, address in self._connected})
