"""Pulls what the local cluster's models name, each source on a thread of its own. `Images` of `echorator.cluster.models`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from echorator.cluster.models import Fetched
from echorator.errors import EchoratorError, ErrorClass, class_of
from echorator.images.puller import Progress, Puller
from echorator.model.conditions import Failure

TELL_S = 0.2  # between two looks at the progress
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0


@dataclass
class _Fetch:
    """One source that is being pulled, or was."""

    running: bool = False
    progress: Progress = field(default_factory=lambda: Progress(""))
    told_s: float = 0.0
    failure: Failure | None = None
    attempts: int = 0
    next_s: float = 0.0


class ImageFetches:
    """`look` and `fetch` from one thread."""

    def __init__(self, puller: Puller, on_change: Callable[[], None]) -> None:
        self._puller = puller
        self._on_change = on_change
        self._fetches: dict[str, _Fetch] = {}

    def look(self, source: str) -> Fetched:
        """Without waiting."""
        fetch = self._fetches.get(source, _Fetch())
        try:
            if not fetch.running and self._puller.find(source) is not None:
                return Fetched(True)
        except EchoratorError as error:
            return Fetched(False, failure=Failure(class_of(error), str(error)))
        return Fetched(False, fetch.progress.done_bytes, fetch.progress.total_bytes, fetch.failure)

    def fetch(self, source: str) -> None:
        """Begin, unless it runs, or it is not time to try again yet."""
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
        except Exception as error:  # noqa: BLE001  whatever it was, the model has to say so
            fetch.attempts += 1
            kind = class_of(error) if isinstance(error, EchoratorError) else ErrorClass.SYSTEM
            fetch.failure = Failure(kind, str(error) or type(error).__name__)
            fetch.next_s = time.monotonic() + min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(fetch.attempts - 1, 10))
        fetch.running = False
        self._on_change()
