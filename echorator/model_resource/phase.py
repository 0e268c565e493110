"""The phases of a Model: which phase its conditions mean, and which one may follow which.

`phase_of` returns the phase that the conditions mean; `step` goes there along DIAGRAM, one phase at a time. A local cluster shows each of
them; on Kubernetes phases that are already over are not written, since every write wakes all watchers. Pure.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from echorator.model_resource.conditions import Condition, Status


class Phase(enum.StrEnum):
    """A phase of a Model's life, in the order in which a model goes through them."""

    PENDING = "Pending"
    IMAGE_PULLING = "ImagePulling"
    IMAGE_READY = "ImageReady"
    STORAGE_PROVISIONING = "StorageProvisioning"
    STORAGE_READY = "StorageReady"
    MODEL_DEPLOYING = "ModelDeploying"
    MODEL_RUNNING = "ModelRunning"
    ECHO_LLAMA_INTEGRATION = "EchoLlamaIntegration"
    DEEP_TREE_ECHO = "DeepTreeEcho"
    READY = "Ready"
    SCALING = "Scaling"
    FAILED = "Failed"
    TERMINATING = "Terminating"


P = Phase
_MAIN = (
    P.PENDING,
    P.IMAGE_PULLING,
    P.IMAGE_READY,
    P.STORAGE_PROVISIONING,
    P.STORAGE_READY,
    P.MODEL_DEPLOYING,
    P.MODEL_RUNNING,
    P.ECHO_LLAMA_INTEGRATION,
    P.DEEP_TREE_ECHO,
    P.READY,
)


def _diagram() -> dict[Phase, frozenset[Phase]]:
    edges: dict[Phase, set[Phase]] = {phase: set() for phase in Phase}
    for before, after in pairwise(_MAIN):
        edges[before].add(after)
    for up in (P.ECHO_LLAMA_INTEGRATION, P.DEEP_TREE_ECHO, P.READY, P.SCALING):
        edges[up].add(P.MODEL_RUNNING)  # a health check failed
    edges[P.READY].add(P.SCALING)
    edges[P.SCALING].add(P.READY)
    for phase in Phase:
        if phase is not P.TERMINATING:
            edges[phase] |= {P.FAILED, P.TERMINATING} - {phase}
            if phase is not P.PENDING:
                edges[phase].add(P.PENDING)  # after a changed spec or a failure that is over, the way begins again
    return {phase: frozenset(after) for phase, after in edges.items()}


DIAGRAM = _diagram()


def phase_of(conditions: Sequence[Condition], deleting: bool) -> Phase:
    """Return the phase that the conditions mean; `conditions` as `conditions_of` returns them."""
    by_type = {condition.type: condition for condition in conditions}
    status = {name: condition.status for name, condition in by_type.items()}
    if deleting:
        return P.TERMINATING
    if status["Stalled"] is Status.TRUE:
        return P.FAILED
    if status["Accepted"] is not Status.TRUE:
        return P.PENDING
    if status["ModelFetched"] is not Status.TRUE:
        return P.IMAGE_PULLING  # even while an earlier spec is served
    if status["StorageReady"] is not Status.TRUE:
        return P.IMAGE_READY if status["StorageReady"] is Status.UNKNOWN else P.STORAGE_PROVISIONING
    if status["Ready"] is Status.TRUE:
        return P.SCALING if by_type["Progressing"].reason == "Scaling" else P.READY
    if status["WorkloadReady"] is not Status.TRUE:
        if status["WorkloadReady"] is Status.UNKNOWN:
            return P.STORAGE_READY
        return P.MODEL_RUNNING if by_type["WorkloadReady"].reason == "Recovering" else P.MODEL_DEPLOYING
    if status["EngineRegistered"] is not Status.TRUE:
        return P.MODEL_RUNNING if status["EngineRegistered"] is Status.UNKNOWN else P.ECHO_LLAMA_INTEGRATION
    return P.DEEP_TREE_ECHO


def step(current: Phase, target: Phase) -> Phase:
    """Return the phase after `current` on the shortest way to `target`; `current` itself at its end, or where no way leads there."""
    return _NEXT[current].get(target, current)


def way(current: Phase, conditions: Sequence[Condition], deleting: bool) -> list[Phase]:
    """Return the phases after `current` on the shortest way to where the conditions point; where there are none, `current` alone."""
    target = phase_of(conditions, deleting)
    phases = [step(current, target)]
    while step(phases[-1], target) != phases[-1]:
        phases.append(step(phases[-1], target))
    return phases


def _first_steps(start: Phase) -> dict[Phase, Phase]:
    """Return, for each reachable phase, the first phase of a shortest way from `start` to it."""
    first: dict[Phase, Phase] = {}
    waiting = deque((after, after) for after in sorted(DIAGRAM[start], key=list(Phase).index))
    while waiting:
        phase, begun = waiting.popleft()
        if phase in first or phase is start:
            continue
        first[phase] = begun
        waiting.extend((after, begun) for after in sorted(DIAGRAM[phase], key=list(Phase).index))
    return first


_NEXT = {phase: _first_steps(phase) for phase in Phase}
