"""Pulls the sources of the local cluster's models, each on a thread of its own. It is the `Images` of `echorator.cluster.models`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from echorator.backoff import Backoff
from echorator.cluster.models import Fetched
from echorator.errors import EchoratorError, ErrorClass, class_of
from echorator.model_files.puller import Progress, Puller
from echorator.model_resource.conditions import Failure

_log = logging.getLogger(__name__)

TELL_S = 0.2  # between two reports of progress
RETRY = Backoff(first_s=1.0, longest_s=60.0)


@dataclass
class _Fetch:
    """The state of one source that is being pulled, or was."""

    running: bool = False
    progress: Progress = field(default_factory=lambda: Progress(""))
    told_s: float = 0.0
    failure: Failure | None = None
    attempts: int = 0
    next_s: float = 0.0


class ImageFetches:
    """The pulls of all sources; one thread calls `look` and `fetch`."""

    def __init__(self, puller: Puller, on_change: Callable[[], None]) -> None:
        self._puller = puller
        self._on_change = on_change
        self._fetches: dict[str, _Fetch] = {}

    def look(self, source: str) -> Fetched:
        """Return how far a source is, at once."""
        fetch = self._fetches.get(source, _Fetch())
        try:
            if not fetch.running and self._puller.find(source) is not None:
                return Fetched(True)
        except EchoratorError as error:
            return Fetched(False, failure=Failure(class_of(error), str(error)))
        return Fetched(False, fetch.progress.done_bytes, fetch.progress.total_bytes, fetch.failure)

    def fetch(self, source: str) -> None:
        """Start a pull on a new thread, unless one runs or the backoff after a failure is not over."""
        fetch = self._fetches.setdefault(source, _Fetch())
        if fetch.running or time.monotonic() < fetch.next_s:
            return
        fetch.running = True
        threading.Thread(target=self._pull, args=(source, fetch), name=f"pull {source}", daemon=True).start()

    def _pull(self, source: str, fetch: _Fetch) -> None:
        def told(progress: Progress) -> None:
            fetch.progress = progress
            if time.monotonic() >= fetch.told_s + TELL_S:
                fetch.told_s = time.monotonic()
                self._on_change()

        try:
            self._puller.pull(source, told)
            fetch.failure = None
        except Exception as error:  # noqa: BLE001  the model's status must show any error
            fetch.attempts += 1
            kind = class_of(error) if isinstance(error, EchoratorError) else ErrorClass.SYSTEM
            fetch.failure = Failure(kind, str(error) or type(error).__name__)
            fetch.next_s = time.monotonic() + RETRY.wait_s(fetch.attempts)
            _log.warning("a pull failed", extra={"source": source, "error": fetch.failure.message, "attempts": fetch.attempts})
        fetch.running = False
        self._on_change()
