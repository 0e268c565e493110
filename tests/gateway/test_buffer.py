"""The request buffer: its order, its bounds, its deadlines, and what a waiting request costs."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.errors import QueueFullError
from echorator.gateway.buffer import RequestBuffer, Room, Waiting, WaitTimeoutError


def waiting(loop: asyncio.AbstractEventLoop, priority: int = 0, size: int = 100) -> Waiting:
    return Waiting(loop.create_future(), None, priority, size, (), 0.0)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_first_come_first_served_within_a_priority(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(100, 1 << 20))
    low, high, later = waiting(loop), waiting(loop, 5), waiting(loop)
    for w in (low, high, later):
        buffer.add(w, 10.0)
    again = waiting(loop)
    buffer.add(again, 10.0, first=True)
    assert buffer.peek(10) == [high, again, low, later]
    assert buffer.peek(2) == [high, again]


def test_its_bounds(loop: asyncio.AbstractEventLoop) -> None:
    room = Room(2, 1000)
    one, other = RequestBuffer(room), RequestBuffer(room)
    one.add(waiting(loop), 10.0)
    with pytest.raises(QueueFullError, match="1 requests"):
        other.add(waiting(loop, size=901), 10.0)
    second = waiting(loop)
    other.add(second, 10.0)
    with pytest.raises(QueueFullError) as caught:
        one.add(waiting(loop), 10.0)
    assert caught.value.retry_after_s > 0
    one.add(waiting(loop), 10.0, first=True)  # what an agent gave back is not refused
    assert (room.requests, room.bytes) == (3, 300)
    other.leave(second)
    other.leave(second)
    assert (room.requests, room.bytes) == (2, 200)


def test_deadlines(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(100, 1 << 20))
    early, late, gone = waiting(loop), waiting(loop), waiting(loop)
    for w, due_s in ((late, 9.0), (early, 3.0), (gone, 1.0)):
        buffer.add(w, due_s)
    buffer.leave(gone)
    assert buffer.expire(2.0) == 3.0
    assert buffer.expire(3.5) == 9.0
    with pytest.raises(WaitTimeoutError, match=r"within 3\.5 s"):
        early.future.result()
    assert len(buffer) == 1
    assert not gone.future.done()
    assert buffer.expire(10.0) == float("inf")
    late.future.exception()


EVENTS = st.tuples(st.sampled_from(("add", "first", "give", "leave", "expire")), st.integers(-2, 2), st.integers(0, 20))


@given(st.lists(EVENTS, max_size=60))
def test_any_order_of_events(events: list[tuple[str, int, int]]) -> None:
    """Nothing is given twice or lost, and the counts are those of what waits."""
    loop = asyncio.new_event_loop()
    room = Room(8, 10_000)
    buffer, model, now_s = RequestBuffer(room), list[tuple[float, Waiting]](), 0.0
    for kind, priority, number in events:
        if kind in ("add", "first"):
            w = waiting(loop, priority)
            try:
                buffer.add(w, now_s + number, first=kind == "first")
            except QueueFullError:
                assert len(model) >= 8
                continue
            same = [i for i, (_, m) in enumerate(model) if m.priority == priority]
            at = (same[0] if kind == "first" else same[-1] + 1) if same else sum(m.priority > priority for _, m in model)
            model.insert(at, (now_s + number, w))
        elif kind == "give" and model:
            first = buffer.peek(1)[0]
            assert first is model.pop(0)[1]
            buffer.give(first, "a")
        elif kind == "leave" and model:
            buffer.leave(model.pop(number % len(model))[1])
        elif kind == "expire":
            now_s += number / 4
            buffer.expire(now_s)
            for due_s, w in [entry for entry in model if entry[0] <= now_s]:
                assert isinstance(w.future.exception(), WaitTimeoutError)
                model.remove((due_s, w))
        assert buffer.peek(100) == [w for _, w in model]
        assert (len(buffer), room.requests, room.bytes) == (len(model), len(model), 100 * len(model))
    loop.close()


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="sizes are CPython's")
def test_a_waiting_request_costs_less_than_a_kibibyte(loop: asyncio.AbstractEventLoop) -> None:
    count = 100_000
    buffer = RequestBuffer(Room(count, 1 << 40))
    tracemalloc.start()
    for i in range(count):
        buffer.add(Waiting(loop.create_future(), i << 40, 0, 0, (), float(i)), 1e6 + i)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(buffer) == count
    assert used / count < 1024
