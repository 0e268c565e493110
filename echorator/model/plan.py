"""What is to be done next for a Model: a pure function of its spec and what was observed. The back ends carry it out.

Level-based: the plan says what is to be, and doing it twice does nothing more. Nothing is deployed before its model is there, nothing is
taken away before the controller has been told to send no more calls to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from echorator.model.conditions import Observed
from echorator.model.spec import ModelSpec


@dataclass(frozen=True)
class Plan:
    """`replicas` None: leave the workload as it is, or do not make it yet."""

    fetch: bool = False
    provide_storage: bool = False
    replicas: int | None = None
    register: bool = False
    deregister: bool = False
    remove_workload: bool = False
    gone: bool = False  # nothing of it is left: the resource may go too


def plan(spec: ModelSpec, o: Observed, deleting: bool = False) -> Plan:
    """What is to be now."""
    if not o.looked_at:
        return Plan()
    if deleting:
        if o.registered:
            return Plan(deregister=True)
        return Plan(remove_workload=o.workload_made, gone=not o.workload_made)
    if not o.fetched:
        return Plan(fetch=True)
    if o.storage_needed and not o.storage_ready:
        return Plan(provide_storage=True)
    return Plan(replicas=spec.replicas, register=True)
