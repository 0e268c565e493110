"""What an agent does about the models that a controller placed on it: the plan for anything, and what is retried when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.loading.registry import Registry
from echorator.agent.mesh.placed_models import RETRY, Failure, Next, Placed, PlacedModels, Steps, plan, retry_after_s
from echorator.errors import EchoratorError, ErrorClass
from echorator.model_files.puller import Image
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.settings import EMBEDDED_NAME, EngineSettings
from tests.support.waiting import eventually

NEVER = float("inf")


class AwayError(EchoratorError):
    retryable = True


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
        expected = min(RETRY.longest_s, 0.5 * 2 ** (attempts - 1))
        waits = [retry_after_s(ErrorClass.SYSTEM, attempts) for _ in range(50)]
        assert all(0.75 * expected <= wait <= 1.25 * expected for wait in waits)
        assert len(set(waits)) > 1, "agents would retry in step"


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_wanted_no_more_is_not_tried_again() -> None:
    """A change that cannot be had, and is taken back: what serves goes on, and all is quiet."""
    changes = 0

    def changed() -> None:
        nonlocal changes
        changes += 1

    def find(source: str) -> Image:
        if source != EMBEDDED_NAME:
            raise AwayError("the registry is away")
        return Image(source, Path())

    registry = Registry()
    models = PlacedModels(registry, EngineSettings(embedded_model(), slots=1), find, changed)

    async def wants(generation: int, source: str, reached: Callable[[Placed], bool]) -> None:
        models.want(mesh_pb2.Desired(models=[mesh_pb2.DesiredModel(name="m", source=source, generation=generation)]))

        async def holds() -> bool:
            return reached(models.placed()["m"])

        await eventually(holds, f"generation {generation}")

    try:
        await wants(1, EMBEDDED_NAME, lambda placed: placed == Placed(1))
        served = registry.get("m")
        await wants(2, "phi", lambda placed: placed.next is not None and placed.next.failure is not None)
        await wants(1, EMBEDDED_NAME, lambda placed: placed == Placed(1))
        before = changes
        await asyncio.sleep(2 * 1.25 * RETRY.first_s)  # when it would have been tried again
        assert changes == before
        assert registry.get("m") is served
    finally:
        await models.close()
        await registry.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_an_error_that_nobody_expected_is_reported_and_tried_again() -> None:
    faults = [KeyError("a fault of a program")]

    def find(source: str) -> Image:
        if faults:
            raise faults.pop()
        return Image(source, Path())

    registry, failures = Registry(), list[Failure]()

    def changed() -> None:
        failures.extend(placed.failure for placed in models.placed().values() if placed.failure is not None)

    models = PlacedModels(registry, EngineSettings(embedded_model(), slots=1), find, changed)
    try:
        models.want(mesh_pb2.Desired(models=[mesh_pb2.DesiredModel(name="m", source=EMBEDDED_NAME, generation=1)]))

        async def loaded() -> bool:
            return models.placed()["m"] == Placed(1)

        await eventually(loaded, "the model is loaded at the second attempt")
        assert {failure.kind for failure in failures} == {ErrorClass.SYSTEM}
    finally:
        await models.close()
        await registry.close()
