"""How a model stands, in the same words in every command: its phase, its ready replicas, and what keeps it from being ready. Pure.

Fed by the documents of Models, of the local cluster and of Kubernetes alike, and by a controller's messages where no Model stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echorator.rpc.v1 import controller_pb2

CONFIGURATION = "ConfigurationError"  # the controller's reason of a failure that only a change of the model ends
_STEPS = ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "m"))


@dataclass(frozen=True)
class ModelStanding:
    """How one model stands.

    `says` is what keeps it from being ready, "" for nothing. `trouble` is the same where that is an error, and not only time that it takes.
    """

    phase: str
    ready: int
    replicas: int
    says: str
    trouble: str = ""

    @property
    def share(self) -> str:
        """Return the ready replicas and the wanted ones, such as "1/2"."""
        return f"{self.ready}/{self.replicas}"

    @property
    def line(self) -> str:
        """Return all of it in one line, such as "Loading, 1/2 ready, agent a loads it"."""
        return f"{self.phase}, {self.share} ready{f', {self.says}' if self.says else ''}"


def standing_of(document: Mapping[str, Any]) -> ModelStanding:
    """Return how a Model stands, from its spec and its status, which may be missing."""
    status = document.get("status") or {}
    replicas = document["spec"].get("replicas", 1)
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    ready = int(status.get("readyReplicas", 0))
    trouble = _trouble(conditions.get("Stalled", {}), ready >= replicas)
    return ModelStanding(str(status.get("phase", "Pending")), ready, replicas, trouble or _lacks(conditions.get("Ready", {})), trouble)


def _trouble(stalled: Mapping[str, str], complete: bool) -> str:
    """Return the error that keeps a model from what its spec asks for: the one that ended the attempts, or that of the last attempt."""
    if stalled.get("status") == "True":
        return stalled.get("message") or stalled["reason"]
    retried = stalled.get("reason") == "Retrying" and stalled.get("message") and not complete
    return f"tried again after: {stalled['message']}" if retried else ""


def _lacks(ready: Mapping[str, str]) -> str:
    return str(ready.get("message") or ready["reason"]) if ready.get("status") in ("False", "Unknown") else ""


def standing_in_mesh(model: controller_pb2.MeshModel) -> ModelStanding:
    """Return how a model stands that was applied to a controller alone."""
    ready, replicas = model.status.ready, model.spec.replicas
    serves = any(c.type == "Ready" and c.status == controller_pb2.CONDITION_STATUS_TRUE for c in model.status.conditions)
    phase = "Failed" if failed_for_good(model) else "Ready" if ready >= replicas else "Loading"
    return ModelStanding(phase, ready, replicas, "" if serves else mesh_condition(model))


def failed_for_good(model: controller_pb2.MeshModel) -> bool:
    """Return whether what the spec asks for is not tried again until somebody changes it; agents may serve an earlier spec meanwhile."""
    return any(c.type == "Degraded" and c.reason == CONFIGURATION for c in model.status.conditions)


def mesh_condition(model: controller_pb2.MeshModel) -> str:
    """Return what the condition says that matters most, of a model that is ready too."""
    conditions = {c.type: c for c in model.status.conditions}
    if not conditions:
        return "not looked at yet"
    if conditions["Degraded"].status == controller_pb2.CONDITION_STATUS_TRUE:
        return f"{conditions['Degraded'].reason}: {conditions['Degraded'].message}"
    if conditions["Placed"].status != controller_pb2.CONDITION_STATUS_TRUE:
        return str(conditions["Placed"].message)
    return str(conditions["Ready"].message or conditions["Ready"].reason)


def age(begun: datetime, now: datetime) -> str:
    """Format the time between the two as kubectl does: 45s, 12m, 5d."""
    seconds = max(0, int((now - begun).total_seconds()))
    return next((f"{seconds // size}{unit}" for size, unit in _STEPS if seconds >= 2 * size), f"{seconds}s")
