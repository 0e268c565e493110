"""Records the metrics of each client call: time to first message, time between messages, duration and status. Fed by `front_end`."""

from __future__ import annotations

import time
from collections import Counter
from functools import lru_cache

import prometheus_client
from prometheus_client import Histogram

from echorator.telemetry import gateway_metrics as metrics

_running: Counter[str] = Counter()  # calls under way, by method


def observe() -> None:
    """Set the gauge of the calls under way, by method."""
    for method, calls in _running.items():
        metrics.in_flight.labels(method).set(calls)


@lru_cache(maxsize=64)
def _duration(method: str) -> Histogram:
    return metrics.duration.labels(method)


@lru_cache(maxsize=1024)
def _of_model(model: str) -> tuple[Histogram, Histogram]:
    return metrics.first_message.labels(model), metrics.between_messages.labels(model)


@lru_cache(maxsize=4096)
def _ended(method: str, model: str, code: str) -> prometheus_client.Counter:
    return metrics.requests.labels(method, model, code)


class Stopwatch:
    """A stopwatch that runs from a call's arrival to its end, and records its metrics."""

    __slots__ = ("_begin_s", "_code", "_last_s", "_method", "_model")

    def __init__(self, path: str, model: str) -> None:
        self._method = path.rpartition("/")[2]
        self._model = model
        self._begin_s = time.monotonic()
        self._last_s = 0.0
        self._code = "OK"
        _running[self._method] += 1

    def message(self) -> None:
        """Record a message of the answer: the time since the call began, or since the message before."""
        now_s = time.monotonic()
        first, between = _of_model(self._model)
        if self._last_s:
            between.observe(now_s - self._last_s)
        else:
            first.observe(now_s - self._begin_s)
        self._last_s = now_s

    def failed(self, code: str) -> None:
        """Set the status code with which the call ends; OK unless this was called."""
        self._code = code

    def end(self) -> None:
        """Record the duration and the status of the call that has ended."""
        _running[self._method] -= 1
        _duration(self._method).observe(time.monotonic() - self._begin_s)
        known = "" if self._code == "NOT_FOUND" else self._model  # a client's made-up name must not become a label
        _ended(self._method, known, self._code).inc()
