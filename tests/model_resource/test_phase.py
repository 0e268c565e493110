"""The conditions and the phases of a Model: the table, and what holds of any sequence of observations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.errors import ErrorClass
from echorator.model_resource.conditions import CHAIN, Condition, Failure, Observed, Status, conditions_of
from echorator.model_resource.phase import DIAGRAM, Phase, phase_of, step
from tests.support.rounds import rounds

P = Phase
NOTHING = Observed(looked_at=False, replicas=2)
SEEN = replace(NOTHING, looked_at=True)
FETCHED = replace(SEEN, fetched=True)
NEEDS = replace(FETCHED, storage_needed=True)
STORED = replace(NEEDS, storage_ready=True)
MADE = replace(STORED, workload_made=True)
RUNNING = replace(MADE, running=2)
KNOWN = replace(RUNNING, registered=True)
LOADED = replace(KNOWN, serving=2)
READY = replace(LOADED, cognition_ready=True)


@pytest.mark.parametrize(
    ("observed", "phase"),
    [
        (NOTHING, P.PENDING),
        (SEEN, P.IMAGE_PULLING),
        (NEEDS, P.STORAGE_PROVISIONING),
        (STORED, P.STORAGE_READY),
        (FETCHED, P.STORAGE_READY),
        (MADE, P.MODEL_DEPLOYING),
        (RUNNING, P.MODEL_RUNNING),
        (KNOWN, P.ECHO_LLAMA_INTEGRATION),
        (LOADED, P.DEEP_TREE_ECHO),
        (READY, P.READY),
        (replace(LOADED, cognition_wanted=False), P.READY),
        (replace(READY, replicas=0, running=0, serving=0), P.READY),
        (replace(SEEN, failure=Failure(ErrorClass.CONFIGURATION, "no such file")), P.FAILED),
        (replace(SEEN, failure=Failure(ErrorClass.TRANSIENT, "try again")), P.IMAGE_PULLING),
        (replace(SEEN, failure=Failure(ErrorClass.TRANSIENT, "tried too often", lasting=True)), P.FAILED),
    ],
)
def test_the_table(observed: Observed, phase: Phase) -> None:
    assert phase_of(conditions_of(observed, {}), False) is phase
    assert phase_of(conditions_of(observed, {}), True) is P.TERMINATING


def by_type(conditions: tuple[Condition, ...]) -> dict[str, Condition]:
    return {condition.type: condition for condition in conditions}


def test_a_model_that_was_ready_scales_recovers_and_fails_differently() -> None:
    ready = by_type(conditions_of(READY, {}))
    more = conditions_of(replace(READY, replicas=3), ready, changed=True)
    assert phase_of(more, False) is P.SCALING
    assert by_type(more)["Ready"].holds
    assert phase_of(conditions_of(replace(READY, replicas=3), by_type(more)), False) is P.SCALING, "until it is done"
    updating = conditions_of(replace(READY, outdated=1), ready, changed=True)
    assert phase_of(updating, False) is P.SCALING
    assert by_type(updating)["Ready"].holds, "calls are answered meanwhile"
    assert by_type(updating)["EngineRegistered"].message == "1 of 2 agents have it loaded, 1 serve what it was before"
    stuck = conditions_of(replace(READY, outdated=2, failure=Failure(ErrorClass.CONFIGURATION, "no such file")), ready, changed=True)
    assert phase_of(stuck, False) is P.FAILED, "what was asked for cannot be"
    assert by_type(stuck)["Ready"].holds, "but what was before serves"
    pulling = conditions_of(replace(SEEN, running=2, workload_made=True, serving=2, outdated=2, cognition_ready=True), ready, changed=True)
    assert phase_of(pulling, False) is P.IMAGE_PULLING
    assert by_type(pulling)["Ready"].message == "2 of 2 replicas serve it, 2 of them as it was before"
    lost = conditions_of(replace(READY, running=1, serving=1), ready)
    assert phase_of(lost, False) is P.READY
    assert by_type(lost)["Progressing"].reason == "Recovering"
    gone = conditions_of(replace(READY, running=0, serving=0), ready)
    assert phase_of(gone, False) is P.MODEL_RUNNING, "a health check failed; it is not deployed anew"
    assert not by_type(gone)["Ready"].holds
    assert by_type(conditions_of(replace(READY, failure=Failure(ErrorClass.RESOURCE, "x")), ready))["Stalled"].status is Status.FALSE


def test_what_keeps_a_spec_from_being_carried_out_is_said_of_a_model_that_serves_too() -> None:
    ready = by_type(conditions_of(READY, {}))
    taken = by_type(conditions_of(replace(READY, failure=Failure(ErrorClass.CONFIGURATION, "port taken"), carried_out=False), ready, True))
    assert taken["Ready"].holds
    assert taken["Stalled"].status is Status.TRUE
    assert (taken["Progressing"].status, taken["Progressing"].message) == (Status.FALSE, "port taken")
    assert phase_of(tuple(taken.values()), False) is P.FAILED
    busy = by_type(conditions_of(replace(READY, failure=Failure(ErrorClass.TRANSIENT, "busy"), carried_out=False), ready, True))
    assert (busy["Stalled"].status, busy["Stalled"].reason) == (Status.FALSE, "Retrying")
    assert (busy["Progressing"].status, busy["Progressing"].reason) == (Status.TRUE, "Retrying"), "it is not as asked for yet"
    often = by_type(conditions_of(replace(READY, failure=Failure(ErrorClass.TRANSIENT, "busy", True), carried_out=False), ready, True))
    assert (often["Stalled"].status, often["Stalled"].reason) == (Status.TRUE, "RetriesExhausted")


def test_an_agent_that_does_not_come_up_says_why() -> None:
    failing = by_type(conditions_of(replace(MADE, running=1, trouble="m-0: no such file"), {}))["WorkloadReady"]
    assert failing.message == "1 of 2 agents run; m-0: no such file"
    assert by_type(conditions_of(replace(RUNNING, trouble="m-0: it was once"), {}))["WorkloadReady"].message == "2 of 2 agents run"


def test_pulling_says_how_far_it_is() -> None:
    pulling = by_type(conditions_of(replace(SEEN, image_bytes=400 << 20, fetched_bytes=100 << 20), {}))["ModelFetched"]
    assert pulling.message == "25 %, 100 of 400 MiB"


observations = st.builds(
    Observed,
    looked_at=st.booleans(),
    fetched=st.booleans(),
    fetched_bytes=st.integers(0, 100),
    image_bytes=st.integers(0, 100),
    storage_needed=st.booleans(),
    storage_ready=st.booleans(),
    replicas=st.integers(0, 3),
    running=st.integers(0, 4),
    workload_made=st.booleans(),
    registered=st.booleans(),
    serving=st.integers(0, 4),
    outdated=st.integers(0, 4),
    cognition_wanted=st.booleans(),
    cognition_ready=st.booleans(),
    failure=st.none() | st.builds(Failure, st.sampled_from(ErrorClass), st.text(max_size=3), st.booleans()),
    carried_out=st.booleans(),
)
looks = st.lists(st.tuples(observations, st.booleans()), max_size=30)


@settings(max_examples=rounds(300))
@given(looks, st.integers(0, 40))
def test_no_sequence_of_observations_leaves_the_diagram(seen: list[tuple[Observed, bool]], deleted_after: int) -> None:
    phase, before = P.PENDING, dict[str, Condition]()
    for index, (observed, changed) in enumerate(seen):
        conditions = conditions_of(observed, before, changed)
        before = by_type(conditions)
        assert [c.type for c in conditions] == [*CHAIN, "Ready", "Progressing", "Stalled"]
        assert all(c.reason for c in conditions)
        target = phase_of(conditions, index >= deleted_after)
        for _ in range(len(P)):
            after = step(phase, target)
            assert after is phase or after in DIAGRAM[phase]
            phase = after
        assert phase is target or phase is P.TERMINATING, "it gets there"
        if phase is P.READY:
            assert before["Ready"].holds


def test_terminating_is_the_end() -> None:
    assert DIAGRAM[P.TERMINATING] == frozenset()
    assert all(step(P.TERMINATING, phase) is P.TERMINATING for phase in P)
