"""Running requests of each model, counted by the gateway that sent them, so that a gateway can tell its own load from the others'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Callers:
    """Counters of running requests by model and gateway id; requests that came through no gateway are not counted."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    @contextmanager
    def counted(self, model: str, gateway: str) -> Iterator[None]:
        """Count one request of `model` through `gateway` while the context lasts; an empty gateway id is not counted."""
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
        """Return the number of running requests of a model, by gateway id."""
        return self._counts.get(model, {})
