"""Builds the status that both back ends write: conditions with their times, and the phases on the way to the current one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echorator.model_resource.conditions import Condition, Observed, Status, conditions_of
from echorator.model_resource.phase import Phase, way


def judged(
    before: Mapping[str, Any], observed: Observed, generation: int, deleting: bool, now: str
) -> tuple[list[dict[str, Any]], list[Phase]]:
    """Return the conditions as they are written, and the phases from that of `before` to the one that the conditions mean.

    There is always at least one phase.

    Args:
        before: the last status; {} for none.
        observed: what was observed now.
        generation: the generation of the observed spec.
        deleting: whether the model is being deleted.
        now: the time in RFC 3339, for conditions that changed.
    """
    known = {c["type"]: _condition(c) for c in before.get("conditions", ())}
    conditions = conditions_of(observed, known, before.get("observedGeneration") != generation)
    current = Phase(before.get("phase", Phase.PENDING.value))
    stamped = _stamped(conditions, before.get("conditions", ()), generation, now)
    return stamped, way(current, conditions, deleting)


def _stamped(conditions: Sequence[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: str) -> list[dict[str, Any]]:
    known = {c["type"]: c for c in before}
    stamped = []
    for c in conditions:
        earlier = known.get(c.type)
        since = earlier["lastTransitionTime"] if earlier is not None and earlier["status"] == c.status.value else now
        shown = {"type": c.type, "status": c.status.value, "reason": c.reason, "message": c.message}
        stamped.append(shown | {"lastTransitionTime": since, "observedGeneration": generation})
    return stamped


def _condition(given: Mapping[str, Any]) -> Condition:
    return Condition(given["type"], Status(given["status"]), given["reason"], given.get("message", ""))
