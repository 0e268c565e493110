"""The request buffer: its order, its bounds, its deadlines, and what a waiting request costs."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.errors import QueueFullError
from echorator.gateway.balancing.buffer import COMPACT, RequestBuffer, Room, Waiting, WaitTimeoutError
from echorator.gateway.balancing.fair_queue import Flow

OVERDUE_S = 10.0


def waiting(loop: asyncio.AbstractEventLoop, priority: int = 0, size: int = 100, client: str = "") -> Waiting:
    return Waiting(loop.create_future(), None, priority, size, (), 0.0, Flow(client, client))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_first_come_first_served_within_a_priority(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(100, 1 << 20), OVERDUE_S)
    low, high, later = waiting(loop), waiting(loop, 5), waiting(loop)
    for w in (low, high, later):
        buffer.add(w, 10.0)
    again = waiting(loop)
    buffer.add(again, 10.0, first=True)
    taken = buffer.take(2, 0.0)
    assert taken == [high, again]
    buffer.put_back(taken)
    assert buffer.take(10, 0.0) == [high, again, low, later]


def test_its_bounds(loop: asyncio.AbstractEventLoop) -> None:
    room = Room(2, 1000)
    one, other = RequestBuffer(room, OVERDUE_S), RequestBuffer(room, OVERDUE_S)
    one.add(waiting(loop, client="a"), 10.0)
    with pytest.raises(QueueFullError, match="1 requests"):
        other.add(waiting(loop, size=901, client="b"), 10.0)
    second = waiting(loop, client="b")
    other.add(second, 10.0)
    with pytest.raises(QueueFullError) as caught:
        one.add(waiting(loop, client="c"), 10.0)
    assert caught.value.retry_after_s > 0
    one.add(waiting(loop), 10.0, first=True)  # what an agent gave back is not refused
    assert (room.requests, room.bytes) == (3, 300)
    other.leave(second)
    other.leave(second)
    assert (room.requests, room.bytes) == (2, 200)


def fill(buffer: RequestBuffer, loop: asyncio.AbstractEventLoop, client: str, size: int = 0) -> int:
    """Requests of one client until no more are taken; returns how many were."""
    count = 0
    while True:
        try:
            buffer.add(waiting(loop, size=size, client=client), 10.0)
        except QueueFullError as error:
            if "of this client wait already" not in str(error):
                raise
            return count
        count += 1


def test_one_client_holds_at_most_a_share_and_others_find_a_place(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(1000, 1 << 20), OVERDUE_S)
    assert [fill(buffer, loop, client) for client in "abc"] == [500, 250, 125]
    buffer.add(waiting(loop, client="victim"), 10.0)
    large = RequestBuffer(Room(1000, 10_000), OVERDUE_S)
    assert fill(large, loop, "a", size=100) == 50


def test_what_clients_send_and_take_back_does_not_pile_up(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(10, 1 << 20), OVERDUE_S)
    kept = waiting(loop)
    buffer.add(kept, 1e9)
    gone = []
    for i in range(5 * COMPACT):
        w = waiting(loop, client=str(i % 100))
        buffer.add(w, 1e9)
        buffer.leave(w)
        gone.append(weakref.ref(w.future))
        del w
    gc.collect()
    assert sum(future() is not None for future in gone) <= COMPACT + 1
    assert buffer.take(10, 0.0) == [kept]


def test_one_whose_client_went_away_this_moment_is_given_to_nobody(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(10, 1 << 20), OVERDUE_S)
    gone, next_one = waiting(loop), waiting(loop)
    buffer.add(gone, 10.0)
    buffer.add(next_one, 10.0)
    gone.future.cancel()
    assert buffer.take(10, 0.0) == [next_one]
    assert len(buffer) == 1


def test_deadlines(loop: asyncio.AbstractEventLoop) -> None:
    buffer = RequestBuffer(Room(100, 1 << 20), OVERDUE_S)
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


EVENTS = st.tuples(st.sampled_from(("add", "first", "give", "leave", "expire")), st.sampled_from("abc"), st.integers(0, 20))


@given(st.lists(EVENTS, max_size=60))
def test_any_order_of_events(events: list[tuple[str, str, int]]) -> None:
    """Nothing is given twice or lost, the counts are those of what waits, and a newcomer finds a place."""
    loop = asyncio.new_event_loop()
    room = Room(8, 10_000)
    buffer, model, now_s = RequestBuffer(room, OVERDUE_S), list[tuple[float, Waiting]](), 0.0
    for kind, client, number in events:
        if kind in ("add", "first"):
            w = waiting(loop, client=client)
            held = sum(m.flow.connection == client for _, m in model)
            try:
                buffer.add(w, now_s + number, first=kind == "first")
            except QueueFullError:
                assert len(model) >= 8 or held >= 8 - len(model)
                continue
            model.append((now_s + number, w))
        elif kind == "give" and model:
            (first,) = buffer.take(1, now_s)
            model.remove(next(entry for entry in model if entry[1] is first))
            buffer.give(first, "a")
        elif kind == "leave" and model:
            buffer.leave(model.pop(number % len(model))[1])
        elif kind == "expire":
            now_s += number / 4
            buffer.expire(now_s)
            for due_s, w in [entry for entry in model if entry[0] <= now_s]:
                assert isinstance(w.future.exception(), WaitTimeoutError)
                model.remove((due_s, w))
        assert (len(buffer), room.requests, room.bytes) == (len(model), len(model), 100 * len(model))
    assert buffer.fail_all(lambda: WaitTimeoutError("the end")) == len(model)
    assert all(w.future.exception() is not None for _, w in model)
    assert (room.requests, room.bytes) == (0, 0)
    loop.close()


def test_a_waiting_request_costs_less_than_a_kibibyte(loop: asyncio.AbstractEventLoop) -> None:
    count = 100_000
    buffer = RequestBuffer(Room(2 * count, 1 << 40), OVERDUE_S)
    tracemalloc.start()
    for i in range(count):
        buffer.add(Waiting(loop.create_future(), i << 40, 0, 0, (), float(i)), 1e6 + i)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(buffer) == count
    assert used / count < 1024
