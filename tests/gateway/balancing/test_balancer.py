"""Which agent gets which request: tables, and what holds for any fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.balancer import Want, assign, choose
from echorator.gateway.balancing.hash_ring import HashRing, hash64


@dataclass
class Load:
    name: str
    slots: int = 4
    taken: int = 0
    open: bool = True

    def take(self) -> None:
        self.taken += 1


def fleet(*loads: Load) -> tuple[dict[str, Load], HashRing]:
    return {load.name: load for load in loads}, HashRing((load.name, load.slots) for load in loads)


def keys(count: int) -> list[int]:
    return [hash64(f"key {i}".encode()) for i in range(count)]


def test_without_a_key_the_least_busy_one_by_share_of_its_slots() -> None:
    agents, ring = fleet(Load("a", 8, 4), Load("b", 4, 1), Load("c", 2, 1))
    assert choose(agents, ring, Want(None), 1.5) == "b"


@pytest.mark.parametrize("key", [None, 7])
def test_nobody_is_free(key: int | None) -> None:
    agents, ring = fleet(Load("a", 2, 2), Load("b", 2, 0, open=False))
    assert choose(agents, ring, Want(key), 1.5) is None
    assert choose({}, HashRing(()), Want(key), 1.5) is None


def test_the_same_key_goes_to_the_same_agent_while_it_has_a_slot() -> None:
    agents, ring = fleet(*(Load(name, 4) for name in "abcd"))
    homes = {key: choose(agents, ring, Want(key), 1.5) for key in keys(100)}
    assert set(homes.values()) == set("abcd")
    assert all(choose(agents, ring, Want(key), 1.5) == home for key, home in homes.items())


def test_a_free_slot_elsewhere_is_better_than_a_warm_cache_behind_a_queue() -> None:
    agents, ring = fleet(*(Load(name, 1) for name in "ab"))
    key = keys(1)[0]
    home = choose(agents, ring, Want(key), 1.5)
    assert home is not None
    agents[home].taken = 1
    other = choose(agents, ring, Want(key), 1.5)
    assert other is not None
    assert other != home


def test_a_conversation_goes_on_where_it_is_warm_while_that_agent_has_a_slot() -> None:
    agents, ring = fleet(Load("a", 4, 3), Load("b", 4, 0))
    for key in keys(20):
        assert choose(agents, ring, Want(key, (), "a"), 1.5) == "a"
        assert choose(agents, ring, Want(key, ("a",), "a"), 1.5) == "b"
        assert choose(agents, ring, Want(key, (), "gone"), 1.5) == "b"
    agents["a"].taken = 4
    assert choose(agents, ring, Want(keys(1)[0], (), "a"), 1.5) == "b"


def test_a_key_that_everyone_has_does_not_fill_one_agent() -> None:
    agents, ring = fleet(*(Load(name, 16) for name in "abcd"))
    assign([Want(7)] * 32, agents, ring, 1.5)
    assert max(agent.taken for agent in agents.values()) <= 1.5 * 32 / 4 + 1


def test_what_failed_a_request_is_asked_again_only_where_no_other_is_left() -> None:
    agents, ring = fleet(Load("a"), Load("b", taken=3))
    for key in (None, *keys(20)):
        assert choose(agents, ring, Want(key, ["a"]), 1.5) == "b"
        assert choose(agents, ring, Want(key, ["a", "b"]), 1.5) in ("a", "b")


def test_when_an_agent_goes_only_its_own_keys_move() -> None:
    agents, ring = fleet(*(Load(name) for name in "abcdefgh"))
    before = {key: choose(agents, ring, Want(key), 1.5) for key in keys(400)}
    left = {name: load for name, load in agents.items() if name != "c"}
    smaller = HashRing((name, load.slots) for name, load in left.items())
    moved = [key for key, home in before.items() if choose(left, smaller, Want(key), 1.5) != home]
    assert set(moved) == {key for key, home in before.items() if home == "c"}


def test_twice_the_slots_are_twice_the_keys() -> None:
    agents, ring = fleet(Load("a", 8), Load("b", 16))
    homes = [next(ring.walk(key)) for key in keys(4000)]
    assert agents.keys() == set(homes)
    assert 1.5 < homes.count("b") / homes.count("a") < 2.7


NAMES = st.sampled_from("abcdefgh")
LOADS = st.lists(st.builds(Load, NAMES, st.integers(1, 5), st.integers(0, 6), st.booleans()), unique_by=lambda a: a.name, max_size=8)
WANT = st.builds(Want, st.none() | st.integers(0, 2**64 - 1), st.frozensets(NAMES, max_size=2), st.none() | NAMES)
WAITING = st.lists(WANT, max_size=30)


@given(WAITING, LOADS)
def test_any_fleet(waiting: list[Want], loads: list[Load]) -> None:
    agents, ring = fleet(*(replace(load) for load in loads))
    free = sum(max(0, load.slots - load.taken) for load in loads if load.open)
    chosen = assign(waiting, agents, ring, 1.25)
    assert len(chosen) == min(free, len(waiting)), "a slot stayed free while a request waited"
    for load in loads:
        given_to = chosen.count(load.name)
        assert agents[load.name].taken == load.taken + given_to
        assert not given_to or (load.open and agents[load.name].taken <= load.slots)
    for name, (_, without, _) in zip(chosen, waiting, strict=False):
        others = [load for load in loads if load.open and load.taken < load.slots and load.name not in without]
        assert name not in without or not others or len(chosen) > 1
