"""What the metrics say of one call of a client."""

from __future__ import annotations

import time
from collections import Counter
from functools import lru_cache

import prometheus_client
from prometheus_client import Histogram

from echorator.errors import EchoratorError
from echorator.serving.calls import Calls
from echorator.telemetry import gateway_metrics as metrics

_running: Counter[str] = Counter()  # calls under way, by method


def observe() -> None:
    """Bring the gauge of calls under way up to date."""
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
    """From a call's arrival to its end."""

    __slots__ = ("_begin_s", "_code", "_last_s", "_method", "_model")

    def __init__(self, path: str, model: str) -> None:
        self._method = path.rpartition("/")[2]
        self._model = model
        self._begin_s = time.monotonic()
        self._last_s = 0.0
        self._code = "OK"
        _running[self._method] += 1

    def message(self) -> None:
        """One has come."""
        now_s = time.monotonic()
        first, between = _of_model(self._model)
        if self._last_s:
            between.observe(now_s - self._last_s)
        else:
            first.observe(now_s - self._begin_s)
        self._last_s = now_s

    def failed(self, error: BaseException, service: Calls) -> None:
        """It ended with this."""
        self._code = service.code_of(error).name if isinstance(error, EchoratorError) else "CANCELLED"

    def end(self) -> None:
        """It is over."""
        _running[self._method] -= 1
        _duration(self._method).observe(time.monotonic() - self._begin_s)
        known = "" if self._code == "NOT_FOUND" else self._model  # a name that a client made up is no label
        _ended(self._method, known, self._code).inc()
