"""Waiting for what others bring about: a test looks again and again, and once more when the time is up, for it may have slept itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

STEP_S = 0.05


def looks(within_s: float) -> Iterator[None]:
    """One for each time to look; the last one begins after `within_s`."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        yield
    yield


def until(holds: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Return as soon as `holds` does; fail after `within_s`."""
    for _ in looks(within_s):
        if holds():
            return
        time.sleep(STEP_S)
    raise AssertionError(f"not within {within_s:g} s: {what}")
