"""Sets of adapters take turns in the planner: each gets on within a bound, and a set that is alone pays nothing for the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native.planner_simulation import Simulation
from tests.support.rounds import rounds

SETS = 4


def make(**changes: object) -> Simulation:
    config: dict[str, object] = {"slots": 8, "sequences": 16, "cells": 4096, "request_tokens": 256, "budget_tokens": 32, "turn_steps": 4}
    return Simulation(**(config | changes))


def steps_of(*jobs: tuple[int, int]) -> int:
    """The decode calls that requests take together, eight at a time; a job is the number of its prompt and its set of adapters."""
    sim = make()
    for i, (number, adapter_set) in enumerate(jobs):
        sim.submit(i + 1, [1 + number % 3] * (2 + 5 * number), 12, adapter_set=adapter_set)
    sim.drain()
    sim.check_end()
    return sim.steps


def rows_of(sim: Simulation, prefill_budget: int = 1 << 30) -> tuple[int, int, int]:
    """The set, the streams and the rows of prompts of the next step, after which no answer has ended."""
    plan = sim.planner.plan(prefill_budget)
    for request, *_, logits in plan["rows"]:
        if logits:
            sim.planner.append(request, 1)
    return plan["adapter_set"], plan["decode_rows"], len(plan["rows"]) - plan["decode_rows"]


arrivals = st.lists(
    st.one_of(
        st.none(),  # a step
        st.tuples(st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(1, 30), st.integers(0, SETS - 1)),
    ),
    max_size=80,
)


@pytest.mark.parametrize("layout", ["unified", "separate"])
@settings(max_examples=rounds(150), deadline=None)
@given(arrivals=arrivals, slots=st.integers(1, 8), turn_steps=st.integers(1, 6), whole=st.booleans(), budget=st.integers(1, 32))
def test_each_set_that_has_a_slot_gets_on_in_time(
    layout: str, arrivals: list[tuple[list[int], int, int] | None], slots: int, turn_steps: int, whole: bool, budget: int
) -> None:
    layout = "unified" if whole else layout
    sim = make(slots=slots, sequences=slots + 8 * (layout == "unified"), layout=layout, turn_steps=turn_steps, whole_state=whole)
    longest = 0
    for i, arrival in enumerate([*arrivals, *[None] * 200]):
        if arrival is None:
            sim.step(budget)
            longest = max([longest, *sim.waited.values()])
        else:
            prompt, tokens, adapter_set = arrival
            sim.submit(i + 1, prompt, tokens, adapter_set=adapter_set)
    assert sim.planner.state()["preemptions"] == 0, "cells ran out, which this test is not about"
    assert longest <= (SETS - 1) * turn_steps
    sim.drain()
    sim.check_end()


def test_sets_alternate_by_turns() -> None:
    sim = make(turn_steps=3)
    for request, adapter_set in ((1, 0), (2, 2), (3, 1)):
        sim.planner.submit(request, [1, 2, 3], adapter_set=adapter_set)
    prompts, streams = [rows_of(sim) for _ in range(3)], [rows_of(sim) for _ in range(18)]
    assert prompts == [(one, 0, 3) for one in (0, 1, 2)]  # a prefill ends a turn
    assert streams == [(one, 1, 0) for one in (*[0] * 3, *[1] * 3, *[2] * 3)] * 2


def test_a_set_that_is_alone_takes_as_many_steps_as_no_set() -> None:
    assert steps_of(*((i, 3) for i in range(6))) == steps_of(*((i, 0) for i in range(6)))


def test_mixed_sets_take_no_more_steps_than_one_after_the_other() -> None:
    jobs = [(i, i % 3) for i in range(6)]
    assert steps_of(*jobs) <= sum(steps_of(*(job for job in jobs if job[1] == one)) for one in range(3))


def test_a_long_prompt_of_one_set_does_not_stall_the_streams_of_another() -> None:
    sim = make()
    sim.planner.submit(1, [1], adapter_set=1)
    assert rows_of(sim) == (1, 0, 1)
    sim.planner.submit(2, [2] * 64, adapter_set=2)
    assert [rows_of(sim, 8) for _ in range(4)] == [(1, 1, 0)] * 4  # it is admitted, and waits for its turn
    turns = [rows_of(sim, 8) for _ in range(5 * 7)]
    assert turns == [(2, 0, 8), *[(1, 1, 0)] * 4] * 7, "a prefill takes more than its share, or its turn goes on"
    assert rows_of(sim, 8) == (2, 0, 8)
    assert rows_of(sim, 8) == (1, 1, 0)
