"""Which agent serves what: tables, and what holds for any fleet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.controller.placement.placement import Host, Wanted, place

MIB = 1 << 20


def host(name: str, *assigned: str, **more: object) -> Host:
    return Host(name, assigned=frozenset(assigned), **more)  # type: ignore[arg-type]


def placed(wanted: list[Wanted], hosts: list[Host]) -> dict[str, set[str]]:
    return {name: set(models) for name, models in place(wanted, hosts).by_host.items() if models}


@pytest.mark.parametrize(
    ("wanted", "hosts", "expected"),
    [
        ([Wanted("m", 2)], [host("a"), host("b"), host("c")], {"a": {"m"}, "b": {"m"}}),
        ([Wanted("m", 1), Wanted("n", 1)], [host("a"), host("b")], {"a": {"m"}, "b": {"n"}}),
        ([Wanted("m", 1)], [host("a"), host("b", "m")], {"b": {"m"}}),  # nothing moves
        ([Wanted("m", 1)], [host("a", "m"), host("b", "m", ready=frozenset({"m"}))], {"b": {"m"}}),  # the ready one stays
        ([Wanted("m", 1)], [host("a", "m", running={"m": 1}), host("b", "m", running={"m": 7})], {"b": {"m"}}),  # then the busier one
        ([Wanted("m", 2)], [host("a", own=frozenset({"m"})), host("b")], {"b": {"m"}}),  # an agent's own model counts
        ([Wanted("m", 0)], [host("a", "m")], {}),
        ([Wanted("m", 1)], [host("a", "m", unfit=frozenset({"m"})), host("b")], {"b": {"m"}}),
        ([Wanted("m", 1)], [host("a", takes_more=False), host("b")], {"b": {"m"}}),
        ([Wanted("m", 1)], [host("a", "m", takes_more=False), host("b")], {"a": {"m"}}),  # lost for a moment: it keeps its place
        ([Wanted("m", 2, 100)], [host("a", memory_free_bytes=99), host("b", memory_free_bytes=100)], {"b": {"m"}}),
        ([Wanted("m", 1, 60), Wanted("n", 1, 60)], [host("a", memory_free_bytes=100)], {"a": {"m"}}),  # memory is counted once
        ([], [host("a", "m")], {}),
        ([Wanted("m", 0), Wanted("n", 2)], [host("a", only="m"), host("b")], {"a": {"m"}, "b": {"n"}}),  # started for a model
        ([Wanted("m", 1)], [host("a", "m", ready=frozenset({"m"})), host("b", only="m")], {"b": {"m"}}),  # it counts as a replica
        ([Wanted("m", 1)], [host("a", only="m", unfit=frozenset({"m"})), host("b")], {"b": {"m"}}),
    ],
)
def test_table(wanted: list[Wanted], hosts: list[Host], expected: dict[str, set[str]]) -> None:
    assert placed(wanted, hosts) == expected


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ([], "none is connected"),
        ([host("a", "m"), host("b", "m")], "all 2 connected ones serve it"),
        ([host("a", "m"), host("b", only="n")], "all connected ones serve it, or serve another model only"),
        ([host("a", "m"), host("b", unfit=frozenset({"m"}))], "it failed on b"),
        ([host("a", "m"), host("b", memory_free_bytes=5 * MIB)], "a replica takes 64 MiB, at most 5 MiB are free"),
    ],
)
def test_a_shortage_says_why(hosts: list[Host], says: str) -> None:
    shortage = place([Wanted("m", 3, 64 * MIB)], hosts).shortages["m"]
    assert says in shortage
    assert "needed" in shortage


MODELS = st.sampled_from("mnopq")
HOSTS = st.lists(
    st.builds(
        Host,
        st.text("abcdefgh", min_size=1, max_size=2),
        assigned=st.frozensets(MODELS),
        ready=st.frozensets(MODELS),
        own=st.frozensets(MODELS, max_size=1),
        unfit=st.frozensets(MODELS, max_size=1),
        memory_free_bytes=st.none() | st.integers(0, 20),
        takes_more=st.booleans(),
        only=st.sampled_from(["", "", "m", "n"]),
    ),
    unique_by=lambda h: h.id,
    max_size=8,
)
WANTED = st.lists(st.builds(Wanted, MODELS, st.integers(0, 6), st.integers(0, 12)), unique_by=lambda w: w.name, max_size=5)


@given(WANTED, HOSTS)
def test_any_fleet(wanted: list[Wanted], hosts: list[Host]) -> None:
    result = place(wanted, hosts)
    by_name = {w.name: w for w in wanted}
    for h in hosts:
        chosen = result.by_host[h.id]
        assert chosen <= by_name.keys()
        assert not chosen & h.own
        assert not chosen & h.unfit
        new = [by_name[name] for name in chosen - h.assigned]
        assert h.takes_more or not new
        assert not h.only or chosen <= {h.only}
        if h.memory_free_bytes is not None and not h.only:
            assert sum(w.memory_bytes for w in new) <= h.memory_free_bytes
    for w in wanted:
        serving = sum(w.name in result.by_host[h.id] for h in hosts)
        own = sum(w.name in h.own for h in hosts)
        started_for_it = sum(h.only == w.name and w.name in result.by_host[h.id] for h in hosts)
        assert serving + own <= max(w.replicas, own + started_for_it)
        assert (serving + own < w.replicas) == (w.name in result.shortages)


@given(WANTED, HOSTS)
def test_a_placement_is_stable(wanted: list[Wanted], hosts: list[Host]) -> None:
    """Carried out, it changes nothing more."""
    first = place(wanted, hosts).by_host
    then = [Host(h.id, first[h.id], h.ready, h.own, h.unfit, h.running, h.memory_free_bytes, h.takes_more, h.only) for h in hosts]
    for h in hosts:
        assert first[h.id] <= place(wanted, then).by_host[h.id] or not h.takes_more
