"""What an agent does about the models that a controller placed on it: the plan for anything, and what is retried when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.placed_models import LONGEST_RETRY_S, Failure, Placed, plan, retry_after_s, settings_of
from echorator.errors import ErrorClass, InvalidRequestError
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1 import model_pb2
from echorator.settings import EngineSettings

NEVER = float("inf")
NAMES = st.sampled_from("abcd")


def failure(retry_s: float) -> Failure:
    return Failure(ErrorClass.TRANSIENT, "no", 1, retry_s)


@pytest.mark.parametrize(
    ("desired", "placed", "own", "unload", "load"),
    [
        ({}, {}, (), [], []),
        ({"a": 1}, {}, (), [], ["a"]),
        ({"a": 1}, {"a": Placed(1)}, (), [], []),
        ({"a": 2}, {"a": Placed(1)}, (), ["a"], []),
        ({}, {"a": Placed(1)}, (), ["a"], []),
        ({"a": 2}, {"a": Placed(1, busy=True)}, (), [], []),
        ({"a": 1}, {}, ("a",), [], []),
        ({"a": 1}, {"a": Placed(1, failure=failure(9.0))}, (), [], ["a"]),
        ({"a": 1}, {"a": Placed(1, failure=failure(11.0))}, (), [], []),
        ({"a": 1}, {"a": Placed(1, failure=failure(NEVER))}, (), [], []),
        ({"a": 2}, {"a": Placed(1, failure=failure(NEVER))}, (), ["a"], []),
    ],
)
def test_plan(desired: dict[str, int], placed: dict[str, Placed], own: tuple[str, ...], unload: list[str], load: list[str]) -> None:
    assert plan(desired, placed, frozenset(own), 10.0) == (unload, load)


GENERATIONS = st.integers(1, 3)
PLACED = st.builds(Placed, GENERATIONS, st.booleans(), st.none() | st.builds(failure, st.sampled_from([5.0, 15.0, NEVER])))


@given(st.dictionaries(NAMES, GENERATIONS), st.dictionaries(NAMES, PLACED), st.frozensets(NAMES))
def test_carried_out_it_is_what_was_desired(desired: dict[str, int], placed: dict[str, Placed], own: frozenset[str]) -> None:
    own -= placed.keys()
    placed = {name: replace(there, busy=False) for name, there in placed.items()}
    for _ in range(3):
        unload, load = plan(desired, placed, own, NEVER)
        assert not set(unload) & set(load)
        assert not set(unload) & own
        for name in unload:
            del placed[name]
        for name in load:
            placed[name] = Placed(desired[name])
    assert plan(desired, placed, own, 0.0) == ([], [])
    assert {name: there.generation for name, there in placed.items()} == {n: g for n, g in desired.items() if n not in own}


def test_retries_wait_longer_each_time_and_a_mistake_waits_for_its_change() -> None:
    assert retry_after_s(ErrorClass.CONFIGURATION, 1) == NEVER
    for attempts in range(1, 12):
        expected = min(LONGEST_RETRY_S, 0.5 * 2 ** (attempts - 1))
        waits = [retry_after_s(ErrorClass.SYSTEM, attempts) for _ in range(50)]
        assert all(0.75 * expected <= wait <= 1.25 * expected for wait in waits)
        assert len(set(waits)) > 1, "agents would retry in step"


def test_the_controllers_options_over_the_agents_own() -> None:
    defaults = EngineSettings(Path("x"), slots=3, batch_tokens=256)
    made = settings_of(pb.DesiredModel(name="a", source="/m.gguf", options=model_pb2.EngineOptions(slots=5)), Path("/m.gguf"), defaults)
    assert (str(made.path), made.slots, made.batch_tokens) == ("/m.gguf", 5, 256)
    with pytest.raises(InvalidRequestError, match=r"slots must be 1\.\.128"):
        settings_of(pb.DesiredModel(name="a", source="/m.gguf", options=model_pb2.EngineOptions(slots=500)), Path("/m.gguf"), defaults)
