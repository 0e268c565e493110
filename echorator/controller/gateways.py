"""The gateways that watch the fleet, and where each serves: Envoy sends them what no agent can take yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Gateways:
    """Those that are connected now. `on_change` is told when an address comes or goes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._connected: list[tuple[str, str]] = []

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

    def addresses(self) -> list[str]:
        """Each once, in order."""
        return sorted({address for _, address in self._connected})
