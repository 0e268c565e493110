"""Computes the answers of one request, which may be many (n for each prompt), without filling the buffer with all of them.

No more answers are under way than the model has slots, so that the request of another client never waits behind more than one round of
them: when an answer ends, the requests that wait get its slot first, and the next answer queues behind them. Fed by `api` with functions
that open the stream of one answer; yields the messages as they arrive, each with the index of its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TypeVar

M = TypeVar("M")
MOST_AT_ONCE = 64  # answers of one request
AHEAD = 4  # messages for each answer under way that are queued while the client does not read


async def merged(opens: Sequence[Callable[[], AsyncGenerator[M, None]]], slots: int) -> AsyncGenerator[tuple[int, M], None]:
    """Yield messages with the index of their answer; the messages of one answer keep their order.

    Args:
        opens: functions that begin each answer.
        slots: the number of the model's slots, the most answers that are under way.

    Raises:
        EchoratorError: the exception of the first answer that failed; the others are cancelled.
    """
    if len(opens) == 1:
        async with aclosing(opens[0]()) as messages:
            async for message in messages:
                yield 0, message
        return
    workers = min(len(opens), max(1, slots), MOST_AT_ONCE)
    queue: asyncio.Queue[tuple[int, M] | Exception | None] = asyncio.Queue(workers * AHEAD)
    turns = iter(enumerate(opens))
    tasks = [asyncio.create_task(_work(turns, queue)) for _ in range(workers)]
    try:
        while workers:
            item = await queue.get()
            if item is None:
                workers -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _work(
    turns: Iterator[tuple[int, Callable[[], AsyncGenerator[M, None]]]], queue: asyncio.Queue[tuple[int, M] | Exception | None]
) -> None:
    """Compute one answer after another until all have begun, then put None; an exception is put in its place."""
    try:
        for index, opens in turns:
            async with aclosing(opens()) as messages:
                async for message in messages:
                    await queue.put((index, message))
    except Exception as error:  # noqa: BLE001 it is raised where the messages are taken
        await queue.put(error)
    else:
        await queue.put(None)
