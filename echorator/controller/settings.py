"""Times of the controller, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.errors import InvalidRequestError


@dataclass(frozen=True)
class ControllerSettings:
    """How often it looks, and how long it waits."""

    reconcile_interval_s: float = 1.0  # desired and observed are compared at least this often
    report_interval_s: float = 0.3  # agents report at least this often
    lost_after_s: float = 0.9  # of silence: the agent is out of rotation
    forget_after_s: float = 5.0  # of being lost: its models are placed elsewhere
    rebuild_s: float = 5.0  # after a start, known agents have this long to come back before anything is planned without them
    load_push_s: float = 0.1  # watchers hear of load at most this often; of readiness at once

    def __post_init__(self) -> None:
        """Raises InvalidRequestError, naming the field and its range."""
        for name, low, high in (
            ("reconcile_interval_s", 0.01, 60.0),
            ("report_interval_s", 0.01, 60.0),
            ("lost_after_s", 0.05, 600.0),
            ("forget_after_s", 0.0, 86_400.0),
            ("rebuild_s", 0.0, 600.0),
            ("load_push_s", 0.0, 10.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidRequestError(f"{name} must be {low:g}..{high:g}, not {value:g}")
        if self.lost_after_s < 2 * self.report_interval_s:
            raise InvalidRequestError("lost_after_s must be at least twice report_interval_s, or a late report looks like a lost agent")
