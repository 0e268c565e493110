"""Writes the events of Models that `kubectl describe` shows (events.k8s.io/v1); repeated ones become a series instead of a flood."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from echorator.kube.api.client import ApiError, Client
from echorator.kube.api.resources import EVENT, MODEL, Object

_log = logging.getLogger(__name__)

REMEMBERED = 4096
SERIES_S = 360.0  # a repetition after this time becomes an event of its own
MOST_NOTE = 1024


class Events:
    """A writer of events. It raises nothing, since a lost event does no harm."""

    def __init__(self, client: Client, reporter: str) -> None:
        self._client = client
        self._reporter = reporter
        self._known: dict[tuple[str, str, str], tuple[str, int, float]] = {}  # per event: its name, how often it occurred, and since when

    async def tell(self, model: Object, reason: str, note: str, warning: bool = False) -> None:
        """Write an event of a Model. A repetition updates the series only at its 2nd, 4th, 8th ... occurrence."""
        metadata = model["metadata"]
        key = (metadata["uid"], reason, note)
        name, count, since = self._known.get(key, ("", 0, 0.0))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            if name and time.monotonic() - since < SERIES_S:
                self._known[key] = (name, count + 1, since)
                if (count + 1) & count == 0:
                    series = {"count": count + 1, "lastObservedTime": now}
                    await self._client.merge(EVENT, metadata["namespace"], name, {"series": series})
                return
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            made = f"{metadata['name']}.{time.time_ns():x}"
            self._known[key] = (made, 1, time.monotonic())
            await self._client.create(EVENT, self._event(model, made, reason, note, warning, now))
        except ApiError as error:
            _log.warning("event lost", extra={"reason": reason, "error": str(error)})

    def _event(self, model: Object, name: str, reason: str, note: str, warning: bool, now: str) -> Object:
        metadata = model["metadata"]
        regarding = {"apiVersion": MODEL.api_version, "kind": MODEL.name, "namespace": metadata["namespace"], "name": metadata["name"]}
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"namespace": metadata["namespace"], "name": name},
            "eventTime": now,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "action": "Reconcile",
            "note": note[:MOST_NOTE],
            "regarding": {**regarding, "uid": metadata["uid"]},
            "reportingController": "echorator.dev/operator",
            "reportingInstance": self._reporter[:128],
        }
