"""The step of a Model's life: the table of its actions, and what holds of any observation and of any life."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.errors import ErrorClass, InvalidRequestError, ResourceError
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.lifecycle import (
    LASTING_ATTEMPTS,
    Action,
    Agreement,
    Asked,
    Deploy,
    Deregister,
    DropFiles,
    Fetch,
    Hold,
    Memory,
    Register,
    Registration,
    Release,
    RemoveWorkload,
    Scale,
    failed,
    last_error,
    step,
)
from echorator.model_resource.phase import DIAGRAM, Phase
from echorator.model_resource.status import judged
from echorator.rpc.v1 import controller_pb2 as pb

ASKED = Asked(2)
DELETED = Asked(0, deleting=True)
NEW = Observed(held=False, replicas=2)
HELD = replace(NEW, held=True)
FETCHED = replace(HELD, fetched=True, files_asked_for=True)
MADE = replace(FETCHED, workload_made=True, workload_as_asked=True)
SETTLED = replace(MADE, registered=True, mesh_generation=3, mesh_replicas=2)
AGREED = Memory(Agreement(3, 2))


@pytest.mark.parametrize(
    ("asked", "observed", "memory", "actions"),
    [
        (ASKED, Observed(looked_at=False), Memory(), ()),
        (DELETED, Observed(looked_at=False), Memory(), ()),
        (ASKED, NEW, Memory(), (Hold(), Fetch())),
        (ASKED, replace(NEW, hindered=True), Memory(), (Hold(),)),
        (ASKED, replace(SETTLED, hindered=True, workload_as_asked=False), AGREED, ()),
        (ASKED, HELD, Memory(), (Fetch(),)),
        (ASKED, replace(HELD, files_asked_for=True), Memory(), ()),
        (ASKED, replace(FETCHED, storage_needed=True), Memory(), ()),
        (ASKED, replace(FETCHED, storage_needed=True, storage_ready=True), Memory(), (Deploy(), Register())),
        (ASKED, FETCHED, Memory(), (Deploy(), Register())),
        (ASKED, replace(FETCHED, files_asked_for=False), Memory(), (Fetch(), Deploy(), Register())),
        (ASKED, MADE, Memory(), (Register(),)),
        (ASKED, SETTLED, Memory(), ()),
        (ASKED, replace(SETTLED, workload_as_asked=False), AGREED, (Deploy(),)),
        (ASKED, replace(SETTLED, files_left_over=True), AGREED, (DropFiles(),)),
        (ASKED, replace(SETTLED, files_left_over=True, fetched=False), AGREED, ()),
        (ASKED, replace(HELD, files_left_over=True), Memory(), (Fetch(), DropFiles())),
        (ASKED, replace(SETTLED, registered=False, mesh_generation=4, mesh_replicas=5), AGREED, (Scale(5),)),
        (ASKED, replace(SETTLED, held=False, registered=False, mesh_generation=4, mesh_replicas=5), AGREED, (Hold(), Scale(5))),
        (ASKED, replace(SETTLED, registered=False, mesh_generation=4, mesh_replicas=5), Memory(), (Register(),)),
        (Asked(1), replace(SETTLED, registered=False, mesh_generation=4, mesh_replicas=5), AGREED, (Register(),)),
        (ASKED, replace(SETTLED, registered=False, mesh_generation=4), AGREED, (Register(),)),
        (ASKED, replace(SETTLED, registered=False, mesh_replicas=5), AGREED, (Register(),)),
        (DELETED, SETTLED, AGREED, (Deregister(required=True),)),
        (replace(DELETED, overdue=True), SETTLED, AGREED, (Deregister(required=False),)),
        (DELETED, replace(SETTLED, registered=False), AGREED, (RemoveWorkload(),)),
        (DELETED, replace(SETTLED, registered=False, workload_leaving=True), AGREED, ()),
        (DELETED, replace(SETTLED, workload_made=False, workload_as_asked=False), AGREED, (Deregister(required=True), Release())),
        (DELETED, HELD, Memory(), (Release(),)),
        (DELETED, NEW, Memory(), ()),
    ],
)
def test_the_actions(asked: Asked, observed: Observed, memory: Memory, actions: tuple[Action, ...]) -> None:
    assert step(asked, observed, memory).actions == actions


def test_what_the_controller_agrees_with_is_remembered() -> None:
    assert step(ASKED, SETTLED, Memory()).memory == AGREED
    assert step(ASKED, replace(SETTLED, registered=False), AGREED).memory == AGREED, "until it agrees again"
    assert step(ASKED, replace(SETTLED, fetched=False), Memory()).memory == Memory(), "what is not served was not asked for"
    mesh = pb.MeshModel(spec=pb.ModelSpec(name="m", replicas=2), generation=3)
    assert Memory().become_agreed(mesh) == AGREED


booleans = st.booleans()
counts = st.integers(0, 3)


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """What keeps the invariants of `Observed`."""
    made, generation = draw(booleans), draw(counts)
    return Observed(
        looked_at=draw(booleans),
        held=draw(booleans),
        hindered=draw(booleans),
        fetched=draw(booleans),
        files_asked_for=draw(booleans),
        files_left_over=draw(booleans),
        storage_needed=draw(booleans),
        storage_ready=draw(booleans),
        replicas=draw(counts),
        workload_made=made,
        workload_as_asked=made and draw(booleans),
        workload_leaving=made and draw(booleans),
        registered=generation > 0 and draw(booleans),
        mesh_generation=generation,
        mesh_replicas=draw(counts),
    )


requests = st.builds(Asked, counts, booleans)
memories = st.builds(Memory, st.none() | st.builds(Agreement, st.integers(1, 3), counts))


@given(requests, observations(), memories)
def test_every_action_has_its_reason_and_its_place(asked: Asked, o: Observed, memory: Memory) -> None:
    actions = step(asked, o, memory).actions
    kinds = [type(action) for action in actions]
    assert len(set(kinds)) == len(kinds), "each once"
    assert Hold not in kinds[1:]
    assert Release not in kinds[:-1]
    assert Register not in kinds or Deploy not in kinds[kinds.index(Register) :]
    ending = {Deregister, RemoveWorkload, Release}
    assert not actions or asked.deleting == bool(ending & set(kinds)), "nothing is taken away but by a deletion, and nothing else then"
    if Scale in kinds:
        assert set(kinds) <= {Hold, Scale}
        assert actions[-1] != Scale(asked.replicas)
        assert memory.agreed is not None
        assert memory.agreed.generation < o.mesh_generation
    if {Deploy, Register} & set(kinds):
        assert o.fetched
        assert o.storage_ready or not o.storage_needed
    if RemoveWorkload in kinds or kinds == [Release]:
        assert not o.registered
    if Release in kinds:
        assert not o.workload_made
    if o.hindered and not asked.deleting:
        assert set(kinds) <= {Hold}


@given(requests, observations(), memories, booleans)
def test_nothing_is_done_where_everything_is_as_asked(asked: Asked, o: Observed, memory: Memory, leaving: bool) -> None:
    asked = replace(asked, deleting=False)
    generation = max(1, o.mesh_generation)
    settled = replace(
        o,
        held=True,
        fetched=True,
        files_asked_for=True,
        files_left_over=False,
        storage_ready=True,
        workload_made=True,
        workload_as_asked=True,
        workload_leaving=leaving,
        registered=True,
        mesh_generation=generation,
        mesh_replicas=asked.replicas,  # as the controller has all of the spec
    )
    decided = step(asked, settled, memory)
    assert decided.actions == ()
    again = step(asked, settled, decided.memory)
    assert again == decided, "the second step is as the first"


# A whole life: a back end and a controller as simple as can be, to which anything may happen between two steps.


@dataclass
class Life:
    """One Model with its resource, its agents and its controller, in as few attributes as can be."""

    replicas: int = 1
    deleting: bool = False
    there: bool = True
    held: bool = False
    pulling: bool = False
    fetched: bool = False
    agents: int | None = None  # None: there is no workload
    leaving: bool = False
    controller: tuple[int, int] | None = None  # generation and replicas; None: it does not know the model
    memory: Memory = field(default_factory=Memory)
    phase: Phase = Phase.PENDING
    status: dict[str, object] = field(default_factory=dict)
    performed: list[Action] = field(default_factory=list)

    def observed(self) -> Observed:
        generation, replicas = self.controller or (0, 0)
        known = self.controller is not None
        return Observed(
            held=self.held,
            fetched=self.fetched,
            files_asked_for=self.fetched or self.pulling,
            replicas=self.replicas,
            running=self.agents or 0,
            workload_made=self.agents is not None,
            workload_as_asked=self.agents == self.replicas,
            workload_leaving=self.leaving,
            registered=known if self.deleting else known and replicas == self.replicas,
            mesh_generation=generation,
            mesh_replicas=replicas,
            serving=self.agents or 0 if known else 0,
            cognition_wanted=False,
        )

    def take_step(self) -> list[Action]:
        """As a pass of a back end does: actions in their order, then the status."""
        decided = step(Asked(self.replicas, self.deleting), self.observed(), self.memory)
        self.memory = decided.memory
        for action in decided.actions:
            self.perform(action)
        self.performed += decided.actions
        if self.there:
            conditions, way = judged(self.status, self.observed(), 1, self.deleting, "2026-01-01T00:00:00Z")
            for phase in way:
                assert phase is self.phase or phase in DIAGRAM[self.phase]
                self.phase = phase
            self.status = {"conditions": conditions, "phase": self.phase.value, "observedGeneration": 1}
        return list(decided.actions)

    def perform(self, action: Action) -> None:
        match action:
            case Hold():
                self.held = True
            case Scale():
                self.replicas = action.replicas
            case Fetch():
                self.pulling = True
            case Deploy():
                assert self.fetched
                self.agents = self.replicas
            case Register():
                generation = self.controller[0] + 1 if self.controller is not None else 1
                self.controller = (generation, self.replicas)
                mesh = pb.MeshModel(spec=pb.ModelSpec(name="m", replicas=self.replicas), generation=generation)
                self.memory = self.memory.become_agreed(mesh)
            case Deregister():
                assert self.deleting
                self.controller = None
            case RemoveWorkload():
                assert self.controller is None, "no call is sent to agents that are taken away"
                self.leaving = True
            case Release():
                assert self.deleting
                assert self.agents is None
                self.there = self.held = False
            case DropFiles():
                raise AssertionError("nothing is left over here")

    def happens(self, event: str) -> None:
        match event:
            case "pulled" if self.pulling:
                self.fetched, self.pulling = True, False
            case "files lost":
                self.fetched = self.pulling = False
            case "agents lost" if self.agents is not None:
                self.agents = None
                self.leaving = False
            case "gateway wakes" if self.controller is not None:
                self.controller = (self.controller[0] + 1, self.controller[1] + 1)
            case "user scales" if not self.deleting:
                self.replicas = (self.replicas + 1) % 3
            case "user deletes":
                self.deleting, self.there = True, self.held  # nothing keeps what is not held
            case "controller forgets":
                self.controller = None
            case "back end restarts":
                self.memory = Memory()
            case _:
                pass


EVENTS = (
    *("pulled", "files lost", "agents lost", "gateway wakes", "user scales", "user deletes", "controller forgets", "back end restarts"),
    "step",
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from((*EVENTS, "step", "step")), max_size=40))
def test_whatever_happens_it_comes_to_what_is_asked_for(events: list[str]) -> None:
    life = Life()
    for event in events:
        if not life.there:
            break
        if event == "step":
            life.take_step()
        else:
            life.happens(event)
    for _ in range(8):  # left alone
        if not life.there:
            break
        life.take_step()
        life.happens("pulled")
        if life.leaving:
            life.happens("agents lost")
    assert life.there != life.deleting, "it is gone exactly where somebody deleted it"
    if life.there:
        assert life.take_step() == []
        assert (life.agents, life.controller and life.controller[1], life.phase) == (life.replicas, life.replicas, Phase.READY)
    else:
        assert (life.controller, life.agents) == (None, None)
        assert life.performed[-1:] in ([], [Release()])


def test_a_gateway_wakes_a_model_at_zero_and_a_person_has_the_last_word() -> None:
    life = Life(replicas=0)
    for _ in range(3):
        life.take_step()
        life.happens("pulled")
    assert (life.agents, life.controller) == (0, (1, 0))
    life.happens("gateway wakes")
    assert life.take_step() == [Scale(1)]
    assert life.take_step() == [Deploy()]
    assert life.take_step() == []
    life.happens("gateway wakes")
    life.replicas = 0
    assert life.take_step() == [Deploy(), Register()]
    assert life.controller == (4, 0)
    life.happens("gateway wakes")
    life.happens("back end restarts")
    assert life.take_step() == [Register()], "who cannot tell which is newer follows the resource"


# Failures


def known_as(spec: pb.ModelSpec, generation: int = 1, observed: int = 1, error: bool = True) -> pb.MeshModel:
    status = pb.ModelStatus(ready=3, updated=2, observed_generation=observed)
    if error:
        status.last_error.CopyFrom(pb.MeshError(kind=2, message="no such file", agent_id="a", attempts=1))  # type: ignore[arg-type]
    return pb.MeshModel(spec=spec, generation=generation, status=status)


def test_what_agents_said_of_an_earlier_spec_is_not_said_again() -> None:
    spec, other = pb.ModelSpec(name="m", replicas=1), pb.ModelSpec(name="m", replicas=2)
    now = Registration(spec, known_as(spec))
    assert (now.current, now.serving, now.outdated, now.generation, now.replicas) == (True, 3, 1, 1, 1)
    assert now.failure == Failure(ErrorClass.CONFIGURATION, "no such file (agent a, attempt 1)")
    before = Registration(spec, known_as(other))
    assert (before.current, before.serving, before.outdated, before.failure) == (False, 3, 3, None)
    behind = Registration(spec, known_as(spec, generation=2))
    assert (behind.current, behind.outdated, behind.failure) == (True, 3, None)
    unknown = Registration(spec, None)
    assert (unknown.current, unknown.serving, unknown.outdated, unknown.failure, unknown.generation) == (False, 0, 0, None, 0)
    assert Registration(spec, known_as(spec, error=False)).failure is None


def test_the_error_that_keeps_the_others_from_going_on_is_shown() -> None:
    spec = pb.ModelSpec(name="m", replicas=1)
    mesh = Registration(spec, known_as(spec))
    attempt, files, agents = (Failure(ErrorClass.SYSTEM, name) for name in ("attempt", "files", "agents"))
    assert last_error(attempt, files, mesh, agents) == attempt
    assert last_error(None, files, mesh, agents) == files
    assert last_error(None, None, mesh, agents) == mesh.failure
    assert last_error(None, None, Registration(spec, None), agents) == agents
    assert last_error(None, None, Registration(spec, None)) is None


def test_an_error_that_lasts_is_for_a_person() -> None:
    assert failed(InvalidRequestError("x")) == Failure(ErrorClass.CONFIGURATION, "x")
    assert failed(ResourceError("x"), LASTING_ATTEMPTS - 1) == Failure(ErrorClass.RESOURCE, "x")
    assert failed(ResourceError("x"), LASTING_ATTEMPTS) == Failure(ErrorClass.RESOURCE, "x", lasting=True)
    assert failed(ResourceError("x"), kind=ErrorClass.CONFIGURATION) == Failure(ErrorClass.CONFIGURATION, "x")
