"""Derives the conditions of a model's status. Pure; fed by `placer`, shown by GetModel and `echorator mesh models`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echorator.errors import ErrorClass


@dataclass(frozen=True)
class Trouble:
    """The newest failure of a model on an agent."""

    kind: ErrorClass
    message: str
    agent_id: str
    attempts: int


@dataclass(frozen=True)
class Observed:
    """The observed state of one model.

    `replicas` agents are asked for, `placed` are assigned, `ready` serve the model, `updated` of them as its current spec demands.
    `shortage` says why fewer agents are assigned than asked for, "" where none lacks.
    """

    replicas: int
    placed: int
    ready: int
    updated: int
    shortage: str = ""
    troubles: Sequence[Trouble] = ()


@dataclass(frozen=True)
class Condition:
    """One condition of a model: whether it holds, the reason (one word for machines), and a message for people."""

    type: str
    holds: bool
    reason: str
    message: str = ""


_REASONS = {
    ErrorClass.TRANSIENT: "TransientError",
    ErrorClass.CONFIGURATION: "ConfigurationError",
    ErrorClass.RESOURCE: "ResourceError",
    ErrorClass.SYSTEM: "SystemError",
}
_NEXT = {
    ErrorClass.TRANSIENT: "it is tried again",
    ErrorClass.CONFIGURATION: "it is not tried again until the model is changed",
    ErrorClass.RESOURCE: "it is tried on another agent",
    ErrorClass.SYSTEM: "it is tried again, and after three times on another agent",
}
_GRAVITY = (ErrorClass.CONFIGURATION, ErrorClass.SYSTEM, ErrorClass.RESOURCE, ErrorClass.TRANSIENT)


def gravest(troubles: Sequence[Trouble]) -> Trouble | None:
    """Return the trouble that most needs a person's attention; None for no troubles."""
    return min(troubles, key=lambda t: (_GRAVITY.index(t.kind), -t.attempts, t.agent_id), default=None)


def conditions_of(observed: Observed) -> list[Condition]:
    """Return the conditions Placed, Available, Ready and Degraded, in this order."""
    o = observed
    count = f"{o.ready} of {o.replicas} agents serve it"
    trouble = gravest(o.troubles)
    if o.shortage:
        placed = Condition("Placed", False, "AgentsMissing", o.shortage)
    else:
        placed = Condition("Placed", True, "AgentsChosen", f"{o.placed} agents are to serve it")
    if o.ready:
        available = Condition("Available", True, "AgentsReady", count)
    elif o.replicas == 0:
        available = Condition("Available", False, "ScaledToZero", "none is asked for; a gateway asks for one when a request comes")
    else:
        available = Condition("Available", False, "NoAgentReady", count)
    if o.updated >= o.replicas:
        ready = Condition("Ready", True, "AsAskedFor", count)
    elif o.ready >= o.replicas:
        ready = Condition("Ready", False, "Updating", f"{o.updated} of {o.replicas} agents serve it as it was changed last")
    else:
        ready = Condition("Ready", False, "AgentsMissing" if o.shortage else "Loading", count)
    if trouble is None:
        degraded = Condition("Degraded", False, "NoError")
    else:
        text = f"{trouble.message} (agent {trouble.agent_id}, attempt {trouble.attempts}): {_NEXT[trouble.kind]}"
        degraded = Condition("Degraded", True, _REASONS[trouble.kind], text)
    return [placed, available, ready, degraded]
