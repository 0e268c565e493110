"""Waiting for what others bring about: a test looks again and again, and once more when the time is up, for it may have slept itself.

`until` waits in a thread, `eventually` in an event loop; they take the same arguments. A test that is to prove how soon something comes
about gives `within_s`; the default only ends a test whose condition never holds.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")

STEP_S = 0.02
WITHIN_S = 60.0


def looks(within_s: float) -> Iterator[None]:
    """One for each time to look; the last one begins after `within_s`."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        yield
    yield


def until(look: Callable[[], T], what: str = "", within_s: float = WITHIN_S, *, wanted: Callable[[T], object] = bool) -> T:
    """Return what `look` sees as soon as it is `wanted`; by default as soon as it is true.

    Raises AssertionError with `what` and what was seen last after `within_s` seconds.
    """
    seen: T | None = None
    for _ in looks(within_s):
        if wanted(seen := look()):
            return seen
        time.sleep(STEP_S)
    raise AssertionError(_not_within(within_s, what, seen))


@overload
async def eventually(
    look: Callable[[], Awaitable[T]], what: str = "", within_s: float = WITHIN_S, *, wanted: Callable[[T], object] = bool
) -> T: ...


@overload
async def eventually(look: Callable[[], T], what: str = "", within_s: float = WITHIN_S, *, wanted: Callable[[T], object] = bool) -> T: ...


async def eventually(look: Callable[[], Any], what: str = "", within_s: float = WITHIN_S, *, wanted: Callable[[Any], object] = bool) -> Any:
    """Do what `until` does without holding up the event loop; `look` may be a coroutine function. For one that blocks see `in_thread`."""
    seen = None
    for _ in looks(within_s):
        seen = look()
        if isawaitable(seen):
            seen = await seen
        if wanted(seen):
            return seen
        await asyncio.sleep(STEP_S)
    raise AssertionError(_not_within(within_s, what, seen))


def in_thread(look: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    """Return `look` for `eventually`, called in a thread each time: for what blocks, such as kubectl."""
    return functools.partial(asyncio.to_thread, look)


def _not_within(within_s: float, what: str, seen: object) -> str:
    return f"not within {within_s:g} s: {what or 'what is waited for'}; seen last: {seen!r}"
