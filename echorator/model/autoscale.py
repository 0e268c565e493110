"""How many replicas the mesh's own signals ask for. Pure: no clock of its own, the time is given.

Source: the HorizontalPodAutoscaler's algorithm and its stabilisation window,
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details. Fed by what the controller says of a
model; feeds `kube.autoscaling`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from echorator.model.kube_spec import AutoscalingSpec, SignalsSpec

TOLERANCE = 0.1  # a signal this near to its target asks for no change
MEASURED_S = 60.0  # agents take response times over so long


@dataclass(frozen=True)
class Load:
    """Of a model in the mesh. `slots` of its ready agents together; `first_token_p95_s` 0: nobody asked recently."""

    ready: int = 0
    slots: int = 0
    busy: int = 0
    queued: int = 0
    first_token_p95_s: float = 0.0


def desired(load: Load, signals: SignalsSpec, measured: int) -> int:
    """The most that a signal asks for; 0 where none asks for anything, or all are off.

    Args:
        load: now.
        signals: their targets.
        measured: replicas that served while the response times were measured.
    """
    return max(_by_queue(load, signals.queue_depth), _by_response_time(load, signals.response_time_seconds, measured))


def _by_queue(load: Load, target: int) -> int:
    """So that each has `target` waiting; no fewer than the running requests need, for a queue is empty where there are enough."""
    if not target:
        return 0
    needed = math.ceil(load.busy * load.ready / load.slots) if load.slots else 0
    if load.ready and _tolerated(load.queued / (target * load.ready)):
        return max(needed, load.ready)
    return max(needed, math.ceil(load.queued / target))


def _by_response_time(load: Load, target_s: int, measured: int) -> int:
    """As many times more as it takes too long."""
    if not target_s:
        return 0
    ratio = load.first_token_p95_s / target_s
    return measured if _tolerated(ratio) else math.ceil(measured * ratio)


def _tolerated(ratio: float) -> bool:
    return abs(ratio - 1.0) <= TOLERANCE


def within(asked: int, scaling: AutoscalingSpec) -> int:
    """The bounds; none at all is for whoever waits until nobody asks."""
    return min(max(asked, scaling.min_replicas, 1), scaling.max_replicas)


class Highest:
    """The highest of what a value was within a window, where it stands until the next one."""

    def __init__(self) -> None:
        self._falling: deque[tuple[int, float]] = deque()  # values, each with when it was last so; the higher first

    def add(self, value: int, now_s: float) -> None:
        """So it is from now on."""
        if self._falling:
            self._falling[-1] = (self._falling[-1][0], now_s)
        while self._falling and self._falling[-1][0] <= value:
            self._falling.pop()
        self._falling.append((value, now_s))

    def within(self, window_s: float, now_s: float) -> tuple[int, float]:
        """It, and in how many seconds it falls where nothing comes; 0: it does not. There has to be a value."""
        while len(self._falling) > 1 and self._falling[0][1] + window_s <= now_s:
            self._falling.popleft()
        value, last_s = self._falling[0]
        return value, last_s + window_s - now_s if len(self._falling) > 1 else 0.0


class Recommendation:
    """Of one model, over time: up at once, down once it has been asked for throughout the cooldown."""

    def __init__(self, replicas: int, now_s: float) -> None:
        """`replicas`: what was asked for before anything was heard."""
        self._asked = Highest()
        self._fewer = Highest()  # of ready replicas, negated
        self._asked.add(replicas, now_s)

    def hear(self, load: Load, scaling: AutoscalingSpec, now_s: float) -> None:
        """How it is now. A response time that was measured with fewer replicas than there are now says what those few lacked."""
        self._fewer.add(-load.ready, now_s)
        measured = -self._fewer.within(MEASURED_S, now_s)[0]
        self._asked.add(desired(load, scaling.signals, measured), now_s)

    def now(self, scaling: AutoscalingSpec, now_s: float) -> tuple[int, float]:
        """Replicas, and in how many seconds there may be fewer; 0: not before something else is heard."""
        asked, falls_s = self._asked.within(scaling.cooldown_seconds, now_s)
        return within(asked, scaling), falls_s
