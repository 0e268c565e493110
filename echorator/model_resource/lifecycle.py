"""The life of one Model: derives the next actions from what its resource asks for, what was observed and what is remembered.

`step` is pure. Both back ends, the local cluster (`cluster.models`) and Kubernetes (`kube.models.reconciler`), use it in the same way:
observe, call `step`, perform its actions in their order until one fails, observe again, and write the status that `status.judged` returns.
How an action is performed is up to the back end; when an action is due is decided here alone.

Level-based: the actions name the state to reach, and a second step after they were performed returns none of them again. Nothing is
deployed before its files are there, and no agent is removed before the controller was told to send no more calls to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from echorator.errors import ErrorClass, class_of
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.mesh_spec import failure_of, serving_of
from echorator.rpc.v1 import controller_pb2 as pb

LASTING_ATTEMPTS = 15  # failures in a row after which a person should look; with the Kubernetes queue's backoff they take three minutes


class Link(Protocol):
    """The controller of the mesh as a back end uses it; see `mesh_client.link.MeshLink`. `apply` and `delete` block until it answers.

    `synced`: every model that the controller knows has been heard of once. It stays True when the connection breaks.
    """

    synced: bool

    def find(self, name: str) -> pb.MeshModel | None:
        """Return the model of that name as the controller reported it last; None where it has none."""

    def apply(self, spec: pb.ModelSpec) -> pb.MeshModel:
        """Register or change a model and return it. Raises EchoratorError. Blocking."""

    def delete(self, name: str) -> None:
        """Take a model out of the mesh. Raises EchoratorError. Blocking."""


@dataclass(frozen=True)
class Asked:
    """The part of the Model resource that the step depends on."""

    replicas: int  # Invariant: 0 <= replicas
    deleting: bool = False
    overdue: bool = False  # it waited for the controller so long that it is deleted without it. Invariant: overdue implies deleting


@dataclass(frozen=True)
class Agreement:
    """The controller's state when it last agreed with the Model. A later generation with other replicas was asked for by somebody else."""

    generation: int  # the controller's. Invariant: 1 <= generation, and it never falls while the model is registered
    replicas: int  # Invariant: 0 <= replicas


@dataclass(frozen=True)
class Memory:
    """What a back end remembers of one Model between two steps; a process that has just started remembers nothing.

    Invariant: without an agreement no wake-up is followed, since it is not known whether the controller or the resource is newer.
    """

    agreed: Agreement | None = None

    def become_agreed(self, mesh: pb.MeshModel) -> Memory:
        """Remember that the controller has the model as the resource asks; `mesh` is what `Link.apply` returned."""
        return replace(self, agreed=Agreement(mesh.generation, mesh.spec.replicas))


@dataclass(frozen=True)
class Hold:
    """The action to keep the resource from being removed until `Release`, so that a deletion is not missed. It precedes all others."""


@dataclass(frozen=True)
class Scale:
    """The action to write `replicas` into the resource: a gateway asked the controller for them, as it does for a model at zero.

    Only `Hold` comes with it: the changed resource is observed anew.
    """

    replicas: int  # Invariant: 0 <= replicas, and it differs from Asked.replicas


@dataclass(frozen=True)
class Fetch:
    """The action to have the model's files brought to where agents can read them, without waiting for them."""


@dataclass(frozen=True)
class DropFiles:
    """The action to remove what kept the files of an earlier spec. Never while agents that use those files run."""


@dataclass(frozen=True)
class Deploy:
    """The action to make the agents, and all that belongs to them, what the spec asks for. Only once the files are there."""


@dataclass(frozen=True)
class Register:
    """The action to send the spec to the controller and call `Memory.become_agreed` with its answer. Comes after `Deploy`."""


@dataclass(frozen=True)
class Deregister:
    """The action to remove the model from the controller, so that agents get no more calls. Only for a Model that is being deleted."""

    required: bool  # False: go on even if the controller does not answer. Invariant: required != Asked.overdue


@dataclass(frozen=True)
class RemoveWorkload:
    """The action to begin to remove the agents. Never while the controller knows the model."""


@dataclass(frozen=True)
class Release:
    """The last action, when nothing of the Model is left: let the resource go, and forget what was remembered."""


Action = Hold | Scale | Fetch | DropFiles | Deploy | Register | Deregister | RemoveWorkload | Release


@dataclass(frozen=True)
class Step:
    """The actions in the order in which they are performed, and what is remembered from now on."""

    actions: tuple[Action, ...]
    memory: Memory

    @property
    def supersedes(self) -> bool:
        """Whether the actions make all that was observed outdated: the spec is changed, or everything is gone."""
        return any(isinstance(action, Scale | Release) for action in self.actions)


def step(asked: Asked, o: Observed, memory: Memory) -> Step:
    """Return what is to be done next for one Model.

    Args:
        asked: what the resource asks for.
        o: what was observed of its surroundings.
        memory: what the step before returned, or what an action made of it.
    """
    if not o.looked_at:
        return Step((), memory)
    if asked.deleting:
        return Step(_end(asked, o), memory)
    hold: tuple[Action, ...] = () if o.held else (Hold(),)
    if o.hindered:
        return Step(hold, memory)
    replicas = _woken(asked, o, memory)
    if replicas is not None:
        return Step((*hold, Scale(replicas)), memory)
    deployable = o.fetched and (o.storage_ready or not o.storage_needed)
    actions = list(hold)
    if not o.files_asked_for:
        actions.append(Fetch())
    if o.files_left_over and (deployable or not o.workload_made):
        actions.append(DropFiles())
    if deployable and not o.workload_as_asked:
        actions.append(Deploy())
    if deployable and not o.registered:
        actions.append(Register())
    if deployable and o.registered:
        memory = replace(memory, agreed=Agreement(o.mesh_generation, o.mesh_replicas))
    return Step(tuple(actions), memory)


def _end(asked: Asked, o: Observed) -> tuple[Action, ...]:
    """Return the actions of a deletion. Agents are removed in a step after the deregistration, so that gateways hear of that first."""
    if not o.held:
        return ()  # released already
    deregister: tuple[Action, ...] = (Deregister(required=not asked.overdue),) if o.registered else ()
    if not o.workload_made:
        return (*deregister, Release())
    return deregister or (() if o.workload_leaving else (RemoveWorkload(),))


def _woken(asked: Asked, o: Observed, memory: Memory) -> int | None:
    """Return the replicas that somebody asked the controller for since the last agreement; None for nobody.

    Where both sides changed the number, the resource wins: it is the place to change it.
    """
    agreed = memory.agreed
    if agreed is None or o.mesh_generation <= agreed.generation:
        return None
    if o.mesh_replicas == agreed.replicas or asked.replicas != agreed.replicas:
        return None
    return o.mesh_replicas


@dataclass(frozen=True)
class Registration:
    """The state of a Model at the controller, beside the state that it should have there.

    `known` None: the controller does not know the model.
    """

    wanted: pb.ModelSpec
    known: pb.MeshModel | None

    @property
    def current(self) -> bool:
        """Whether the controller has the model as the resource asks. Implies that it knows the model."""
        return self.known is not None and self.known.spec == self.wanted

    @property
    def serving(self) -> int:
        """The number of agents that serve the model, with the present or an earlier spec."""
        return serving_of(self.known, self.wanted)[0]

    @property
    def outdated(self) -> int:
        """The number of those agents with an earlier spec. Invariant: 0 <= outdated <= serving, and equal where not `current`."""
        return serving_of(self.known, self.wanted)[1]

    @property
    def generation(self) -> int:
        """The controller's generation of the model, at least 1; 0 where it does not know the model."""
        return self.known.generation if self.known is not None else 0

    @property
    def replicas(self) -> int:
        """The replicas that the controller was last asked for; 0 where it does not know the model."""
        return self.known.spec.replicas if self.known is not None else 0

    @property
    def failure(self) -> Failure | None:
        """The last failure that agents reported for the present spec; None where they reported none or one of an earlier spec."""
        known = self.known
        if known is None or not self.current or known.status.observed_generation != known.generation:
            return None
        return failure_of(known.status.last_error) if known.status.HasField("last_error") else None


def failed(error: Exception, attempts: int = 0, kind: ErrorClass | None = None) -> Failure:
    """Return what an action's error means for the status.

    Args:
        error: what the action raised.
        attempts: how many attempts before this one failed in a row.
        kind: the class, where the back end knows it better than `class_of` does.
    """
    return Failure(kind or class_of(error), str(error), lasting=attempts >= LASTING_ATTEMPTS)


def last_error(attempt: Failure | None, files: Failure | None, registration: Registration, agents: Failure | None = None) -> Failure | None:
    """Return the failure that a Model shows: the first, on its way from the spec to serving agents, that keeps the next from coming.

    Args:
        attempt: what kept the actions of this step from being performed.
        files: why the files do not come, or the agents may not be made.
        registration: what agents said to the controller.
        agents: what keeps the agents' processes from running.
    """
    return attempt or files or registration.failure or agents
