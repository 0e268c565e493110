"""The phases of a Model: which one its conditions stand for, and which one may follow which.

`phase_of` is where the conditions point to; `step` goes there along DIAGRAM, one phase at a time: a local cluster shows each of them, on
Kubernetes those that were over when it was looked at are not written, since every write wakes all who watch. Pure.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from echorator.model.conditions import Condition, Status


class Phase(enum.StrEnum):
    """In the order in which a model goes through them."""

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
                edges[phase].add(P.PENDING)  # another spec, or a failure that is over: from the beginning
    return {phase: frozenset(after) for phase, after in edges.items()}


DIAGRAM = _diagram()


def phase_of(conditions: Sequence[Condition], deleting: bool) -> Phase:
    """Where the conditions point to; `conditions` as `conditions_of` gives them."""
    by_type = {condition.type: condition for condition in conditions}
    status = {name: condition.status for name, condition in by_type.items()}
    if deleting:
        return P.TERMINATING
    if status["Stalled"] is Status.TRUE:
        return P.FAILED
    if status["Accepted"] is not Status.TRUE:
        return P.PENDING
    if status["ModelFetched"] is not Status.TRUE:
        return P.IMAGE_PULLING  # even where an earlier spec is served meanwhile
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
    """The phase after `current` on the shortest way to `target`; `current` itself where it is there or no way leads there."""
    return _NEXT[current].get(target, current)


def _first_steps(start: Phase) -> dict[Phase, Phase]:
    """By where to: the first phase of a shortest way from `start`."""
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
