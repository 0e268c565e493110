"""Which gateway each running request came through, counted by model, so that a gateway can tell its own load from that of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Callers:
    """Counts by model and gateway id; requests that came through none are not counted."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    @contextmanager
    def counted(self, model: str, gateway: str) -> Iterator[None]:
        """One request while the context lasts."""
        if not gateway:
            yield
            return
        counts = self._counts.setdefault(model, {})
        counts[gateway] = counts.get(gateway, 0) + 1
        try:
            yield
        finally:
            counts[gateway] -= 1
            if not counts[gateway]:
                del counts[gateway]

    def of(self, model: str) -> dict[str, int]:
        """By gateway id."""
        return self._counts.get(model, {})
