"""Runs work that may never return on daemon threads: a file on a disk that has gone blocks its reader in the kernel.

The executors of asyncio and of concurrent.futures join their threads when the process ends, and have few; daemon threads avoid both.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def on_own_thread(name: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """Return a future of what `work` returns or raises. When it is cancelled, the thread goes on and its result is dropped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            future.exception()  # marks the exception as retrieved: the caller may have gone
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
            failed = error
        with suppress(RuntimeError):  # the event loop has ended
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
