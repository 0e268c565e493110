"""Computes how many replicas the mesh's own signals ask for. Pure: the caller passes the time.

Source: the HorizontalPodAutoscaler's algorithm and its stabilisation window,
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details. Fed by the controller's status of a
model; feeds `kube.models.autoscaling`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from echorator.model_resource.kube_spec import AutoscalingSpec, SignalsSpec

TOLERANCE = 0.1  # relative distance from its target at which a signal asks for no change
MEASURED_S = 60.0  # the period over which agents measure response times


@dataclass(frozen=True)
class Load:
    """The load of a model in the mesh: sums over its ready agents. `first_token_p95_s` is 0 if there were no requests recently."""

    ready: int = 0
    slots: int = 0
    busy: int = 0
    queued: int = 0
    first_token_p95_s: float = 0.0


def desired(load: Load, signals: SignalsSpec, measured: int) -> int:
    """Return the replicas that the most demanding signal asks for; 0 if none asks for any, or all are off.

    Args:
        load: the load now.
        signals: the targets of the signals.
        measured: the number of replicas that served while the response times were measured.
    """
    return max(_by_queue(load, signals.queue_depth), _by_response_time(load, signals.response_time_seconds, measured))


def _by_queue(load: Load, target: int) -> int:
    """Return the replicas with which each has `target` requests waiting.

    There are never fewer than the running requests need, because a queue is empty where there are enough replicas.
    """
    if not target:
        return 0
    needed = math.ceil(load.busy * load.ready / load.slots) if load.slots else 0
    if load.ready and _tolerated(load.queued / (target * load.ready)):
        return max(needed, load.ready)
    return max(needed, math.ceil(load.queued / target))


def _by_response_time(load: Load, target_s: int, measured: int) -> int:
    """Return the measured replicas times the ratio of response time and target."""
    if not target_s:
        return 0
    ratio = load.first_token_p95_s / target_s
    return measured if _tolerated(ratio) else math.ceil(measured * ratio)


def _tolerated(ratio: float) -> bool:
    return abs(ratio - 1.0) <= TOLERANCE


def within(asked: int, scaling: AutoscalingSpec) -> int:
    """Return `asked` within the bounds, but at least 1: scaling to 0 is decided by idleness, not by load."""
    return min(max(asked, scaling.min_replicas, 1), scaling.max_replicas)


class Highest:
    """The maximum of a value over a sliding window; a value stands until the next one."""

    def __init__(self) -> None:
        self._falling: deque[tuple[int, float]] = deque()  # (value, when it was last current), with falling values

    def add(self, value: int, now_s: float) -> None:
        """Set the value from now on."""
        if self._falling:
            self._falling[-1] = (self._falling[-1][0], now_s)
        while self._falling and self._falling[-1][0] <= value:
            self._falling.pop()
        self._falling.append((value, now_s))

    def within(self, window_s: float, now_s: float) -> tuple[int, float]:
        """Return the maximum of the window, and the seconds until it falls if no value is added; 0 if it does not.

        At least one value must have been added.
        """
        while len(self._falling) > 1 and self._falling[0][1] + window_s <= now_s:
            self._falling.popleft()
        value, last_s = self._falling[0]
        return value, last_s + window_s - now_s if len(self._falling) > 1 else 0.0


class Recommendation:
    """The recommended replicas of one model: more at once, fewer only after the cooldown has asked for fewer throughout."""

    def __init__(self, replicas: int, now_s: float) -> None:
        """Begin with `replicas` as asked for, until a load is known."""
        self._asked = Highest()
        self._fewer = Highest()  # numbers of ready replicas, negated, since `Highest` keeps the maximum
        self._asked.add(replicas, now_s)

    def hear(self, load: Load, scaling: AutoscalingSpec, now_s: float) -> None:
        """Take the current load.

        Response times were measured over MEASURED_S, so the least number of replicas in that time is the one that they are attributed to.
        """
        self._fewer.add(-load.ready, now_s)
        measured = -self._fewer.within(MEASURED_S, now_s)[0]
        self._asked.add(desired(load, scaling.signals, measured), now_s)

    def now(self, scaling: AutoscalingSpec, now_s: float) -> tuple[int, float]:
        """Return the recommended replicas, and the seconds until they may become fewer; 0: only new load changes them."""
        asked, falls_s = self._asked.within(scaling.cooldown_seconds, now_s)
        return within(asked, scaling), falls_s
