"""What is said of a model, for every state it can be in."""

from __future__ import annotations

import pytest

from echorator.controller.placement.conditions import Observed, Trouble, conditions_of, gravest
from echorator.errors import (
    DrainingError,
    EngineError,
    ErrorClass,
    InvalidRequestError,
    ModelFileError,
    QueueFullError,
    ResourceError,
    class_of,
)


def shown(observed: Observed) -> dict[str, tuple[bool, str]]:
    return {c.type: (c.holds, c.reason) for c in conditions_of(observed)}


@pytest.mark.parametrize(
    ("observed", "placed", "available", "ready"),
    [
        (Observed(2, 2, 2, 2), (True, "AgentsChosen"), (True, "AgentsReady"), (True, "AsAskedFor")),
        (Observed(2, 2, 1, 1), (True, "AgentsChosen"), (True, "AgentsReady"), (False, "Loading")),
        (Observed(2, 2, 0, 0), (True, "AgentsChosen"), (False, "NoAgentReady"), (False, "Loading")),
        (Observed(2, 2, 2, 1), (True, "AgentsChosen"), (True, "AgentsReady"), (False, "Updating")),
        (Observed(2, 1, 1, 1, "1 more agent needed"), (False, "AgentsMissing"), (True, "AgentsReady"), (False, "AgentsMissing")),
        (Observed(0, 0, 0, 0), (True, "AgentsChosen"), (False, "ScaledToZero"), (True, "AsAskedFor")),
        (Observed(0, 0, 1, 1), (True, "AgentsChosen"), (True, "AgentsReady"), (True, "AsAskedFor")),  # the last one still drains
    ],
)
def test_counts(observed: Observed, placed: tuple[bool, str], available: tuple[bool, str], ready: tuple[bool, str]) -> None:
    assert shown(observed) == {"Placed": placed, "Available": available, "Ready": ready, "Degraded": (False, "NoError")}


@pytest.mark.parametrize(
    ("kind", "reason", "says"),
    [
        (ErrorClass.TRANSIENT, "TransientError", "it is tried again"),
        (ErrorClass.CONFIGURATION, "ConfigurationError", "until the model is changed"),
        (ErrorClass.RESOURCE, "ResourceError", "on another agent"),
        (ErrorClass.SYSTEM, "SystemError", "after three times"),
    ],
)
def test_an_error_is_shown_with_what_follows(kind: ErrorClass, reason: str, says: str) -> None:
    degraded = conditions_of(Observed(1, 1, 0, 0, "", [Trouble(kind, "it broke", "a", 2)]))[-1]
    assert (degraded.type, degraded.holds, degraded.reason) == ("Degraded", True, reason)
    for part in ("it broke", "agent a", "attempt 2", says):
        assert part in degraded.message


def test_the_gravest_error_is_the_one_that_needs_a_person() -> None:
    troubles = [Trouble(kind, "", "a", 1) for kind in ErrorClass]
    chosen = gravest(troubles)
    assert chosen is not None
    assert chosen.kind is ErrorClass.CONFIGURATION
    assert gravest([]) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelFileError("not a GGUF"), ErrorClass.CONFIGURATION),
        (InvalidRequestError("slots must be 1..128"), ErrorClass.CONFIGURATION),
        (ResourceError("no memory"), ErrorClass.RESOURCE),
        (MemoryError(), ErrorClass.RESOURCE),
        (OSError("disk"), ErrorClass.RESOURCE),
        (DrainingError("bye"), ErrorClass.TRANSIENT),
        (QueueFullError("full"), ErrorClass.TRANSIENT),
        (EngineError("llama_decode"), ErrorClass.SYSTEM),
        (RuntimeError("a bug"), ErrorClass.SYSTEM),
    ],
)
def test_classes(error: Exception, kind: ErrorClass) -> None:
    assert class_of(error) is kind
