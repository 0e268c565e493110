"""The times of the controller, in seconds; set by the command line and read by all modules of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from echorator.errors import InvalidRequestError
from echorator.ranged import Range, check_ranges

_RANGES: Mapping[str, Range] = {
    "reconcile_interval_s": Range(0.01, 60.0),
    "report_interval_s": Range(0.01, 60.0),
    "lost_after_s": Range(0.05, 600.0),
    "forget_after_s": Range(0.0, 86_400.0),
    "rebuild_s": Range(0.0, 600.0),
    "load_push_s": Range(0.0, 10.0),
}


@dataclass(frozen=True)
class ControllerSettings:
    """The intervals and waits of one controller; immutable and checked when created."""

    reconcile_interval_s: float = 1.0  # longest time between two passes of the placer
    report_interval_s: float = 0.3  # agents report at least this often
    lost_after_s: float = 0.9  # silence after which an agent is out of rotation
    forget_after_s: float = 5.0  # time after which a lost agent is forgotten and its models are placed elsewhere
    rebuild_s: float = 5.0  # after a start, known agents have this long to register again before they are forgotten
    load_push_s: float = 0.1  # watchers hear of load changes at most this often, of readiness at once

    def __post_init__(self) -> None:
        """Check all fields; raises InvalidRequestError that names the field and its range."""
        check_ranges(self, _RANGES)
        if self.lost_after_s < 2 * self.report_interval_s:
            raise InvalidRequestError("lost_after_s must be at least twice report_interval_s, or a late report looks like a lost agent")
