"""Keeps up the loops of a process: nobody awaits them, so one that raises would end unseen while the process goes on without it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from echorator.backoff import Backoff

_log = logging.getLogger(__name__)

RETRY = Backoff(first_s=0.5, longest_s=30.0, jitter=(0.8, 1.2))


async def kept_up(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run `loop` until it returns; after an exception log it with `name`, wait by `RETRY` and run the loop again.

    A loop that went on for longer than the longest wait counts as one that works: its next failure is its first.
    """
    failures = 0
    while True:
        began_s = time.monotonic()
        try:
            await loop()
        except Exception:  # noqa: BLE001  whatever ended the loop, the process relies on it
            failures = 1 if time.monotonic() - began_s > RETRY.longest_s else failures + 1
            wait_s = RETRY.jittered_s(failures, random.random())
            _log.exception("a loop failed; it begins again", extra={"loop": name, "failures": failures, "wait_s": round(wait_s, 1)})
            await asyncio.sleep(wait_s)
        else:
            return
