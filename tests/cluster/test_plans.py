"""The pure parts of the local cluster: replicas, restarts, histories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cluster.history import history_of
from echorator.cluster.replica_plan import Replica, index_of, plan_replicas
from echorator.cluster.resources import ContainerSpec, Key, Kind, Resource
from echorator.cluster.restarts import RETRY, STABLE_S, Restarts
from echorator.cluster.store import Change, Event


def replicas(*marks: str) -> list[Replica]:
    """ "r" ready, "u" unready, "R" and "U" of an older template, "d" being deleted."""
    return [Replica(f"a-{n}", n, mark in "rR", mark in "rud", mark == "d") for n, mark in enumerate(marks)]


@pytest.mark.parametrize(
    ("wanted", "there", "create", "delete"),
    [
        (0, "", [], []),
        (2, "", ["a-0", "a-1"], []),
        (2, "rr", [], []),
        (3, "r", ["a-1", "a-2"], []),
        (1, "rrr", [], ["a-2", "a-1"]),
        (1, "rur", [], ["a-1", "a-2"]),
        (2, "Rrr", [], ["a-0"]),
        (2, "dr", ["a-2"], []),
        (2, "ddr", ["a-3"], []),
        (2, "RR", [], ["a-0"]),
        (2, "RU", [], ["a-1"]),
        (2, "Ru", [], []),
        (2, "Rd", ["a-2"], []),
        (2, "uu", [], []),
    ],
)
def test_replicas(wanted: int, there: str, create: list[str], delete: list[str]) -> None:
    made = replicas(*there)
    assert plan_replicas("a", wanted, made, {r.name for r in made}) == (create, delete)


@given(st.integers(0, 6), st.lists(st.sampled_from("ruRUd"), max_size=8), st.sets(st.integers(0, 12), max_size=5))
def test_replicas_come_to_what_is_asked_for(wanted: int, marks: list[str], others: set[int]) -> None:
    there = replicas(*marks)
    foreign = {f"a-{n}" for n in others} - {r.name for r in there}
    for _ in range(40):
        create, delete = plan_replicas("a", wanted, there, {r.name for r in there} | foreign)
        assert not set(create) & ({r.name for r in there} | foreign)
        assert not create or not delete
        there = [replace(r, deleting=r.deleting or r.name in delete) for r in there]
        kept = [r for r in there if not r.deleting]
        there = kept + [Replica(name, index_of(name), ready=False) for name in create]
        if not create and not delete and all(r.ready for r in there):
            break
        there = [replace(r, ready=True) for r in there]
    assert len(there) == wanted
    assert all(r.current for r in there)


@pytest.mark.parametrize(("name", "index"), [("a-0", 0), ("a-b-17", 17), ("a", -1), ("a-", -1)])
def test_indexes(name: str, index: int) -> None:
    assert index_of(name) == index


def test_restarts_wait_longer_and_longer_until_a_run_was_stable() -> None:
    restarts, waits = Restarts(), []
    for _ in range(12):
        restarts = restarts.after_failure(0.1, 100.0)
        waits.append(restarts.next_s - 100.0)
    assert waits[:5] == [0.0, 0.25, 0.5, 1.0, 2.0]
    assert waits == sorted(waits)
    assert waits[-1] == RETRY.longest_s
    restarts = restarts.after_failure(STABLE_S, 200.0)
    assert (restarts.next_s, restarts.failures, restarts.count) == (200.0, 1, 13)


def test_a_history_tells_of_a_resource_and_what_it_made() -> None:
    key, child = Key(Kind.REPLICA_SET, "a"), Key(Kind.CONTAINER, "a-0")
    made = Resource(child, ContainerSpec(worker="m:f"), owner=key)
    owner = Resource(key, ContainerSpec(worker="m:f"))
    other = Resource(Key(Kind.CONTAINER, "b"), ContainerSpec(worker="m:f"))
    running = replace(made, status={"phase": "Running", "restarts": 0})
    crashed = replace(made, status={"phase": "CrashLoopBackOff", "restarts": 1, "lastError": "boom"})
    events = [
        Event(Change.ADDED, owner, 1.0),
        Event(Change.ADDED, other, 1.0),
        Event(Change.ADDED, made, 2.0),
        Event(Change.MODIFIED, running, 3.0),
        Event(Change.MODIFIED, crashed, 4.0),
        Event(Change.MODIFIED, replace(owner, generation=2), 5.0),
        Event(Change.DELETED, crashed, 6.0),
    ]
    assert [(h.at_s, str(h.key), h.text) for h in history_of(key, events)] == [
        (1.0, "replicaset/a", "created"),
        (2.0, "container/a-0", "created"),
        (3.0, "container/a-0", "Running"),
        (4.0, "container/a-0", "Running -> CrashLoopBackOff"),
        (4.0, "container/a-0", "started again (1): boom"),
        (5.0, "replicaset/a", "changed, generation 2"),
        (6.0, "container/a-0", "gone"),
    ]
