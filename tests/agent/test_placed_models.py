"""What an agent does about the models that a controller placed on it: the plan for anything, and what is retried when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.placed_models import LONGEST_RETRY_S, Failure, Next, Placed, Steps, plan, retry_after_s
from echorator.errors import ErrorClass

NEVER = float("inf")
NAMES = st.sampled_from("abcd")


def failure(retry_s: float) -> Failure:
    return Failure(ErrorClass.TRANSIENT, "no", 1, retry_s)


@pytest.mark.parametrize(
    ("desired", "placed", "own", "steps"),
    [
        ({}, {}, (), Steps([], [], [])),
        ({"a": 1}, {}, (), Steps([], [], ["a"])),
        ({"a": 1}, {"a": Placed(1)}, (), Steps([], [], [])),
        ({}, {"a": Placed(1)}, (), Steps([], ["a"], [])),
        ({"a": 2}, {"a": Placed(1)}, (), Steps(["a"], [], [])),
        ({"a": 2}, {"a": Placed(1, next=Next(2))}, (), Steps([], ["a"], [])),
        ({"a": 3}, {"a": Placed(1, next=Next(2))}, (), Steps(["a"], [], [])),
        ({"a": 2}, {"a": Placed(1, next=Next(2, failure(9.0)))}, (), Steps(["a"], [], [])),
        ({"a": 2}, {"a": Placed(1, next=Next(2, failure(11.0)))}, (), Steps([], [], [])),
        ({"a": 1}, {"a": Placed(1, next=Next(2, failure(9.0)))}, (), Steps([], [], [])),
        ({"a": 2}, {"a": Placed(1, busy=True)}, (), Steps([], [], [])),
        ({"a": 1}, {}, ("a",), Steps([], [], [])),
        ({"a": 1}, {"a": Placed(1, failure=failure(9.0))}, (), Steps([], [], ["a"])),
        ({"a": 1}, {"a": Placed(1, failure=failure(11.0))}, (), Steps([], [], [])),
        ({"a": 1}, {"a": Placed(1, failure=failure(NEVER))}, (), Steps([], [], [])),
        ({"a": 2}, {"a": Placed(1, failure=failure(NEVER))}, (), Steps([], ["a"], [])),
    ],
)
def test_plan(desired: dict[str, int], placed: dict[str, Placed], own: tuple[str, ...], steps: Steps) -> None:
    assert plan(desired, placed, frozenset(own), 10.0) == steps


GENERATIONS = st.integers(1, 3)
FAILURES = st.none() | st.builds(failure, st.sampled_from([5.0, 15.0, NEVER]))
PLACED = st.builds(Placed, GENERATIONS, st.booleans(), FAILURES, next=st.none() | st.builds(Next, GENERATIONS, FAILURES))


@given(st.dictionaries(NAMES, GENERATIONS), st.dictionaries(NAMES, PLACED), st.frozensets(NAMES))
def test_carried_out_it_is_what_was_desired(desired: dict[str, int], placed: dict[str, Placed], own: frozenset[str]) -> None:
    own -= placed.keys()
    placed = {name: replace(there, busy=False) for name, there in placed.items()}
    for _ in range(4):
        steps = plan(desired, placed, own, NEVER)
        assert len({*steps.find, *steps.unload, *steps.load}) == len(steps.find) + len(steps.unload) + len(steps.load)
        assert not {*steps.find, *steps.unload} & own
        for name in steps.find:
            placed[name] = replace(placed[name], next=Next(desired[name]))
        for name in steps.unload:
            del placed[name]
        for name in steps.load:
            placed[name] = Placed(desired[name])
    assert plan(desired, placed, own, 0.0) == Steps([], [], [])
    assert {name: there.generation for name, there in placed.items()} == {n: g for n, g in desired.items() if n not in own}


def test_retries_wait_longer_each_time_and_a_mistake_waits_for_its_change() -> None:
    assert retry_after_s(ErrorClass.CONFIGURATION, 1) == NEVER
    for attempts in range(1, 12):
        expected = min(LONGEST_RETRY_S, 0.5 * 2 ** (attempts - 1))
        waits = [retry_after_s(ErrorClass.SYSTEM, attempts) for _ in range(50)]
        assert all(0.75 * expected <= wait <= 1.25 * expected for wait in waits)
        assert len(set(waits)) > 1, "agents would retry in step"
