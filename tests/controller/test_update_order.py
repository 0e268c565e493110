"""Who is told of a change, and when: never too many at once, and in the end all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.controller.placement.updates import CHANGING_PART, Holder, going_on

NEW = 9


@pytest.mark.parametrize(
    ("holders", "later"),
    [
        ([], set()),
        ([Holder("a", 1, 1)], set()),
        ([Holder("a", 1, 1), Holder("b", 1, 1)], {"b"}),
        ([Holder("a", 1, NEW), Holder("b", 1, 1)], {"b"}),
        ([Holder("a", None, NEW), Holder("b", 1, 1)], {"b"}),
        ([Holder("a", NEW, NEW), Holder("b", 1, 1)], set()),
        ([Holder("a", None, 0), Holder("b", 1, 1)], {"b"}),  # one more is on its way
        ([Holder("own", 0, 0), Holder("b", 1, 1)], set()),
        ([Holder(name, 1, 1) for name in "abcdefgh"], set("cdefgh")),
        ([Holder("a", 1, NEW), Holder("b", NEW, NEW), *(Holder(name, 1, 1) for name in "cdefgh")], set("defgh")),
    ],
)
def test_the_table(holders: list[Holder], later: set[str]) -> None:
    assert going_on(holders, NEW) == later


FLEETS = st.lists(st.tuples(st.sampled_from([None, 0, 1, 2, NEW]), st.sampled_from([0, 1, 2, NEW])), max_size=30)


def fleet(states: list[tuple[int | None, int]]) -> list[Holder]:
    return [Holder(f"a{i}", has, told) for i, (has, told) in enumerate(states)]


@given(FLEETS)
def test_only_those_that_serve_what_it_was_go_on_and_few_change(states: list[tuple[int | None, int]]) -> None:
    holders = fleet(states)
    later = going_on(holders, NEW)
    by_id = {holder.agent_id: holder for holder in holders}
    assert all(by_id[name].has in (1, 2) and by_id[name].told != NEW for name in later)
    newly = [h for h in holders if h.has in (1, 2) and h.told != NEW and h.agent_id not in later]
    before = [h for h in holders if h.has is None or (h.has in (1, 2) and h.told == NEW)]
    assert not newly or len(newly) + len(before) <= max(1, len(holders) // CHANGING_PART)


@given(FLEETS)
def test_in_the_end_all_are_told(states: list[tuple[int | None, int]]) -> None:
    holders = fleet(states)
    for _ in range(len(holders) + 1):
        later = going_on(holders, NEW)
        holders = [h if h.agent_id in later else replace(h, told=NEW) for h in holders]
        holders = [replace(h, has=NEW) if h.told == NEW and h.has != 0 else h for h in holders]  # each loads it
    assert all(h.has in (0, NEW) for h in holders)
    assert not going_on(holders, NEW)
