"""The conditions of a Model: a pure function of what was observed. One table for the local cluster and for Kubernetes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from echorator.errors import ErrorClass


class Status(enum.StrEnum):
    """As Kubernetes writes it."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Condition:
    """`reason` is one word for machines and never empty, `message` is for people."""

    type: str
    status: Status
    reason: str
    message: str = ""

    @property
    def holds(self) -> bool:
        """True, not False and not Unknown."""
        return self.status is Status.TRUE


@dataclass(frozen=True)
class Failure:
    """What stands in the way; `kind` says whether it is worth another try. Source of the classes: `ErrorClass`.

    `lasting`: it was tried so often that a person had better look, though it is tried on.
    """

    kind: ErrorClass
    message: str
    lasting: bool = False


@dataclass(frozen=True)
class Observed:
    """A Model's surroundings at one moment. Counts are replicas, sizes bytes."""

    looked_at: bool = True  # False: nothing is known of it yet
    fetched: bool = False  # the model file is where agents can read it
    fetched_bytes: int = 0
    image_bytes: int = 0  # 0: not known
    storage_needed: bool = False
    storage_ready: bool = False
    replicas: int = 1
    running: int = 0  # agents that are up
    trouble: str = ""  # why one of the others is not
    workload_made: bool = False
    registered: bool = False  # the controller knows the model
    serving: int = 0  # agents that answer for it
    outdated: int = 0  # of those, the ones that have it as it was before the last change
    cognition_wanted: bool = True
    cognition_ready: bool = False
    failure: Failure | None = None
    carried_out: bool = True  # False: `failure` keeps what the spec asks for from being made


CHAIN = ("Accepted", "ModelFetched", "StorageReady", "WorkloadReady", "EngineRegistered", "CognitionReady")

_STALLED = {
    ErrorClass.CONFIGURATION: "Configuration",
    ErrorClass.RESOURCE: "Resource",
    ErrorClass.SYSTEM: "System",
}


def conditions_of(o: Observed, before: Mapping[str, Condition], changed: bool = False) -> tuple[Condition, ...]:
    """CHAIN, then Ready, Progressing and Stalled.

    `before` are those of the last look, by type: a workload that was up once recovers, it is not deployed anew. `changed`: the spec is
    another one since then.
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
    """What some agents cannot do while others serve the spec as it is now is no reason to call a person."""
    if o.failure is None:
        return Condition("Stalled", Status.FALSE, "NoError")
    if (o.failure.kind in _STALLED or o.failure.lasting) and (not o.carried_out or o.serving <= o.outdated):
        return Condition("Stalled", Status.TRUE, _STALLED.get(o.failure.kind, "RetriesExhausted"), o.failure.message)
    return Condition("Stalled", Status.FALSE, "Retrying", o.failure.message)
