"""Whose turn it is: clients in turn within a priority, priorities within a bound, and nobody's wait without an end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.fair_queue import FairQueue, Flow

OVERDUE_S = 10.0


@dataclass(eq=False)
class Request:
    flow: Flow
    priority: int = 0
    since_s: float = 0.0
    queued: bool = True
    name: str = ""


def drained(queue: FairQueue[Request], now_s: float = 0.0) -> list[Request]:
    found = []
    while (entry := queue.pop(now_s)) is not None:
        entry.queued = False
        found.append(entry)
    return found


def test_a_flood_of_one_client_costs_others_one_turn() -> None:
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    for i in range(9_999):
        queue.push(Request(Flow("10.0.0.1", "a", i)))
    victims = [Request(Flow("10.0.0.2", f"v{i}")) for i in range(4)]
    for victim in victims:
        queue.push(victim)
    order = drained(queue)
    assert max(order.index(v) for v in victims) <= 7, "every second turn is the victims' address's"
    assert len(order) == 10_003


def test_connections_of_one_address_take_turns_and_so_do_sessions_of_one_connection() -> None:
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    for name, flow in (
        *((f"bulk{i}", Flow("h", "c1", 1)) for i in range(5)),
        ("other session", Flow("h", "c1", 2)),
        ("other connection", Flow("h", "c2", 3)),
    ):
        queue.push(Request(flow, name=name))
    assert [r.name for r in drained(queue)] == ["bulk0", "other connection", "other session", "bulk1", "bulk2", "bulk3", "bulk4"]


def test_a_flood_of_priority_100_leaves_every_second_turn_to_what_waits_too_long() -> None:
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    victims = [Request(Flow("victim", str(i)), 0, 0.0) for i in range(4)]
    for victim in victims:
        queue.push(victim)
    order: list[Request] = []
    for second in range(20):
        for _ in range(5):
            queue.push(Request(Flow("flood", "f"), 100, float(second)))
        entry = queue.pop(float(second))
        assert entry is not None
        entry.queued = False
        order.append(entry)
    served = [order.index(v) for v in victims]
    assert served == [10, 12, 14, 16], "from the tenth second on, every second turn"


def test_a_higher_priority_goes_first_while_nothing_is_overdue() -> None:
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    low, high, later = Request(Flow("a")), Request(Flow("b"), 5), Request(Flow("c"))
    for entry in (low, high, later):
        queue.push(entry)
    again = Request(Flow("c"))
    queue.push(again, first=True)
    assert drained(queue, 9.9) == [high, again, low, later]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("push", "push", "first", "pop", "pop", "leave", "wait", "compact")),
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
        st.integers(0, 1),
        st.integers(-1, 1),
    ),
    max_size=120,
)


@given(EVENTS)
def test_any_order_of_events(events: list[tuple[str, str, str, int, int]]) -> None:
    """Work goes on while anything waits; nothing comes twice or is lost; priorities hold but for every second turn of overdue ones."""
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    waiting: list[Request] = []
    now_s, was_overdue = 0.0, False
    for kind, address, connection, session, priority in events:
        if kind in ("push", "first"):
            entry = Request(Flow(address, connection, session), priority, now_s)
            waiting.append(entry)
            queue.push(entry, first=kind == "first")
        elif kind == "leave" and waiting:
            waiting.pop(session % len(waiting)).queued = False
        elif kind == "wait":
            now_s += 4.0
        elif kind == "compact":
            queue.compact()
        elif kind == "pop":
            found = queue.pop(now_s)
            assert (found is None) == (not waiting), "work conserving"
            if found is None:
                was_overdue = False
                continue
            waiting.remove(found)
            found.queued = False
            highest = max([w.priority for w in waiting], default=found.priority)
            late = [w for w in (*waiting, found) if w.priority < max(highest, found.priority) and now_s - w.since_s >= OVERDUE_S]
            if found.priority < highest:
                assert late
                assert not was_overdue, "two turns in a row went to lower priorities"
                was_overdue = True
            else:
                lower_late = [w for w in waiting if w.priority < found.priority and now_s - w.since_s >= OVERDUE_S]
                assert was_overdue or not lower_late, "an overdue request was passed over twice"
                was_overdue = False
        assert sorted(map(id, queue)) == sorted(map(id, waiting))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 2)), min_size=1, max_size=80))
def test_nobody_is_served_twice_before_everybody_once(flows: list[tuple[str, str, int]]) -> None:
    """Of addresses that wait all the time no one is ahead of another by more than one turn; the same of connections in an address."""
    queue: FairQueue[Request] = FairQueue(OVERDUE_S)
    for flow in flows:
        queue.push(Request(Flow(*flow)))
    left, served = Counter(f[0] for f in flows), Counter[str]()
    for entry in drained(queue):
        served[entry.flow.address] += 1
        left[entry.flow.address] -= 1
        going = [served[a] for a in left if left[a]]
        assert not going or served[entry.flow.address] <= min(going) + 1
    assert not any(left.values())
