"""The conditions of a Model: a pure function of what was observed, shared by the local cluster and Kubernetes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from echorator.errors import ErrorClass


class Status(enum.StrEnum):
    """The status of a condition, as Kubernetes writes it."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Condition:
    """One statement about a Model, in the form of Kubernetes' conditions."""

    type: str  # Invariant: one of CHAIN, Ready, Progressing or Stalled, each of which a status has exactly once
    status: Status
    reason: str  # one word for machines. Invariant: never empty, as the API server requires
    message: str = ""  # for people

    @property
    def holds(self) -> bool:
        """Return whether the status is True, neither False nor Unknown."""
        return self.status is Status.TRUE


@dataclass(frozen=True)
class Failure:
    """An error that keeps a Model from what its spec asks for."""

    kind: ErrorClass  # says whether another attempt is worth while
    message: str  # for people: what is wrong, and what to change
    lasting: bool = False  # so many attempts failed that a person should look, though attempts go on


@dataclass(frozen=True)
class Observed:
    """A Model's surroundings at one moment, as one of the back ends sees them. Counts are replicas, sizes bytes.

    The counts come from different sources at different moments, so that none of them bounds another one: the controller may have heard of
    an agent that the back end has not seen start.
    """

    looked_at: bool = True  # False: nothing is known of the Model yet, and all other fields have no meaning
    held: bool = True  # the resource stays until the back end releases it
    hindered: bool = False  # `failure` says why nothing can be done for it, such as another Model that serves its name
    fetched: bool = False  # the model file is where agents can read it
    fetched_bytes: int = 0  # Invariant: 0 <= fetched_bytes
    image_bytes: int = 0  # Invariant: 0 <= image_bytes; 0: not known. A pull that resumes may have fetched more than this
    files_asked_for: bool = False  # the files are there or being fetched, so that no action is needed
    files_left_over: bool = False  # the storage of an earlier spec's files still exists
    storage_needed: bool = False
    storage_ready: bool = False  # has a meaning only where `storage_needed`
    replicas: int = 1  # Invariant: 0 <= replicas; what the spec asks for
    running: int = 0  # agents that are up
    trouble: str = ""  # why one of the other agents is not up
    workload_made: bool = False  # the object that runs the agents exists
    workload_as_asked: bool = False  # the workload is what the spec asks for. Invariant: implies workload_made
    workload_leaving: bool = False  # the workload is being removed. Invariant: implies workload_made
    registered: bool = False  # the controller has the model as the spec asks; for a deleted Model: has it at all
    mesh_generation: int = 0  # the controller's generation of the model; 0: it does not know it. Invariant: registered implies >= 1
    mesh_replicas: int = 0  # the replicas that the controller was asked for
    serving: int = 0  # agents that serve the model
    outdated: int = 0  # those of `serving` that still have an earlier spec
    cognition_wanted: bool = True
    cognition_ready: bool = False  # has a meaning only where `cognition_wanted`
    failure: Failure | None = None
    carried_out: bool = True  # False: `failure` prevents what the spec asks for. Invariant: False implies failure


CHAIN = ("Accepted", "ModelFetched", "StorageReady", "WorkloadReady", "EngineRegistered", "CognitionReady")

_STALLED = {
    ErrorClass.CONFIGURATION: "Configuration",
    ErrorClass.RESOURCE: "Resource",
    ErrorClass.SYSTEM: "System",
}


def conditions_of(o: Observed, before: Mapping[str, Condition], changed: bool = False) -> tuple[Condition, ...]:
    """Return the conditions of CHAIN, then Ready, Progressing and Stalled.

    Args:
        o: what was observed now.
        before: the conditions of the last look, by type: a workload that was up once recovers, it is not deployed anew.
        changed: whether the spec has changed since the last look.
    """
    chain = (_accepted(o), _fetched(o), _storage(o), _workload(o, before), _engine(o), _cognition(o))
    was_ready = "Ready" in before and before["Ready"].holds
    lacking = next((c for c in chain if not c.holds), None)
    serves = o.serving > 0 and chain[0].holds and chain[5].holds
    if lacking is None or (was_ready and serves):
        outdated = f", {o.outdated} of them as it was before" if o.outdated else ""
        ready = Condition("Ready", Status.TRUE, "Serving", f"{o.serving} of {o.replicas} replicas serve it{outdated}")
    else:
        ready = Condition("Ready", Status.FALSE, lacking.reason, lacking.message)
    stalled = _stalled(o)
    if lacking is None and o.carried_out:
        progressing = Condition("Progressing", Status.FALSE, "AsAskedFor")
    elif lacking is None:
        progressing = Condition("Progressing", Status.FALSE if stalled.holds else Status.TRUE, stalled.reason, stalled.message)
    elif ready.holds:
        scaling = changed or before["Progressing"].reason == "Scaling"
        progressing = Condition("Progressing", Status.TRUE, "Scaling" if scaling else "Recovering", ready.message)
    else:
        progressing = Condition("Progressing", Status.TRUE, lacking.reason, lacking.message)
    return (*chain, ready, progressing, stalled)


def _accepted(o: Observed) -> Condition:
    if not o.looked_at:
        return Condition("Accepted", Status.UNKNOWN, "NotLookedAt")
    return Condition("Accepted", Status.TRUE, "Valid")


def _fetched(o: Observed) -> Condition:
    if not o.looked_at:
        return Condition("ModelFetched", Status.UNKNOWN, "NotLookedAt")
    if o.fetched:
        return Condition("ModelFetched", Status.TRUE, "Present")
    if o.image_bytes:
        percent = f"{100 * o.fetched_bytes // o.image_bytes} %, {o.fetched_bytes >> 20} of {o.image_bytes >> 20} MiB"
        return Condition("ModelFetched", Status.FALSE, "Pulling", percent)
    return Condition("ModelFetched", Status.FALSE, "Pulling")


def _storage(o: Observed) -> Condition:
    if not o.fetched:
        return Condition("StorageReady", Status.UNKNOWN, "WaitsForModel")
    if not o.storage_needed:
        return Condition("StorageReady", Status.TRUE, "NotNeeded")
    if o.storage_ready:
        return Condition("StorageReady", Status.TRUE, "Bound")
    return Condition("StorageReady", Status.FALSE, "Provisioning")


def _workload(o: Observed, before: Mapping[str, Condition]) -> Condition:
    if not o.fetched or (o.storage_needed and not o.storage_ready) or not o.workload_made:
        return Condition("WorkloadReady", Status.UNKNOWN, "WaitsForStorage" if o.fetched else "WaitsForModel")
    count = f"{o.running} of {o.replicas} agents run{f'; {o.trouble}' if o.trouble and o.running < o.replicas else ''}"
    if o.running >= o.replicas:
        return Condition("WorkloadReady", Status.TRUE, "Running", count)
    known = before.get("WorkloadReady")
    deployed = known is not None and (known.holds or known.reason == "Recovering")
    return Condition("WorkloadReady", Status.FALSE, "Recovering" if deployed else "Deploying", count)


def _engine(o: Observed) -> Condition:
    if not o.registered:
        return Condition("EngineRegistered", Status.UNKNOWN, "WaitsForController", "the controller has not confirmed it yet")
    count = f"{max(0, o.serving - o.outdated)} of {o.replicas} agents have it loaded"
    if o.outdated:
        return Condition("EngineRegistered", Status.FALSE, "Updating", f"{count}, {o.outdated} serve what it was before")
    if o.serving >= o.replicas:
        return Condition("EngineRegistered", Status.TRUE, "Loaded", count)
    return Condition("EngineRegistered", Status.FALSE, "Loading", count)


def _cognition(o: Observed) -> Condition:
    if not o.cognition_wanted:
        return Condition("CognitionReady", Status.TRUE, "Disabled")
    if o.cognition_ready:
        return Condition("CognitionReady", Status.TRUE, "Serving")
    return Condition("CognitionReady", Status.FALSE, "NotServing", "no memory serves here; or set spec.cognition.enabled to false")


def _stalled(o: Observed) -> Condition:
    """Return Stalled; it does not hold while agents serve the present spec, since then no person need be called."""
    if o.failure is None:
        return Condition("Stalled", Status.FALSE, "NoError")
    if (o.failure.kind in _STALLED or o.failure.lasting) and (not o.carried_out or o.serving <= o.outdated):
        return Condition("Stalled", Status.TRUE, _STALLED.get(o.failure.kind, "RetriesExhausted"), o.failure.message)
    return Condition("Stalled", Status.FALSE, "Retrying", o.failure.message)
