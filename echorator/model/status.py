"""The status that both back ends write: conditions with their times, and the phase on its way to where they point. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echorator.model.conditions import Condition, Observed, Status, conditions_of
from echorator.model.phase import Phase, phase_of, step


def judged(
    before: Mapping[str, Any], observed: Observed, generation: int, deleting: bool, now: str
) -> tuple[list[dict[str, Any]], list[Phase]]:
    """Conditions as they are written, and the phases from the one in `before` to where they point, at least one.

    Args:
        before: the status as it was written last; {} for none.
        observed: what was seen now.
        generation: of the spec that was looked at.
        deleting: the model is to go.
        now: RFC 3339, for conditions that changed.
    """
    known = {c["type"]: _condition(c) for c in before.get("conditions", ())}
    conditions = conditions_of(observed, known, before.get("observedGeneration") != generation)
    current = Phase(before.get("phase", Phase.PENDING.value))
    target = phase_of(conditions, deleting)
    way = [step(current, target)]
    while step(way[-1], target) != way[-1]:
        way.append(step(way[-1], target))
    return _stamped(conditions, before.get("conditions", ()), generation, now), way


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
