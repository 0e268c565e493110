"""Keys that wait: each once, never two workers at one key, failures later and later."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from echorator.kube.api.work_queue import RETRY, WorkQueue

pytestmark = pytest.mark.asyncio(loop_scope="session")
A, B = ("n", "a"), ("n", "b")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_key_waits_once_however_often_it_is_added() -> None:
    queue = WorkQueue("t")
    for _ in range(5):
        queue.add(A)
    queue.add(B)
    assert [await queue.get(), await queue.get()] == [A, B]
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add(A)
    await asyncio.sleep(0)
    assert not waiting.done(), "somebody works on it"
    queue.done(A)
    assert await asyncio.wait_for(waiting, 5) == A, "it was asked for meanwhile"
    queue.done(A)
    queue.done(B)


async def test_later_and_later() -> None:
    clock = Clock()
    queue = WorkQueue("t", clock)
    delays = [queue.retry(A) for _ in range(25)]
    assert delays[:3] == [RETRY.first_s, 2 * RETRY.first_s, 4 * RETRY.first_s]
    assert delays[-1] == RETRY.longest_s
    assert queue.failures(A) == 25
    queue.forget(A)
    assert queue.retry(A) == RETRY.first_s
    assert queue.retry(B, 7.0) == 7.0, "not before the server wants it"


async def test_the_earlier_of_two_times_stands() -> None:
    clock = Clock()
    queue = WorkQueue("t", clock)
    queue.add_after(A, 10)
    queue.add_after(A, 2)
    queue.add_after(A, 50)
    clock.now_s += 3
    assert await asyncio.wait_for(queue.get(), 5) == A
    queue.done(A)
    clock.now_s += 100
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0.01)
    assert not waiting.done(), "the others were the same wish"
    waiting.cancel()


async def test_many_workers_never_share_a_key_and_nothing_is_lost() -> None:
    queue, rng = WorkQueue("t"), random.Random(7)
    keys = [("n", str(number)) for number in range(20)]
    busy: set[tuple[str, str]] = set()
    wanted, seen = Counter[tuple[str, str]](), dict.fromkeys(keys, 0)

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in busy
            busy.add(key)
            seen[key] = wanted[key]
            await asyncio.sleep(rng.random() / 1000)
            busy.discard(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for number in range(2000):
        key = rng.choice(keys)
        wanted[key] += 1
        queue.add(key)
        if number % 50 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while any(seen[key] != wanted[key] for key in keys):
            assert not [worker for worker in workers if worker.done()]
            await asyncio.sleep(0.001)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
