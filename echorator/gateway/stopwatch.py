"""Records the metrics of each client call: times of its first and further messages, tokens, duration and status. Fed by `front_end`."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import prometheus_client
from prometheus_client import Histogram

from echorator.rpc.v1 import model_pb2 as pb
from echorator.telemetry import gateway_metrics as metrics
from echorator.telemetry.gateway_metrics import NO_MODEL

_running: Counter[str] = Counter()  # calls under way, by method


def observe() -> None:
    """Set the gauge of the calls under way, by method."""
    for method, calls in _running.items():
        metrics.in_flight.labels(method).set(calls)


@lru_cache(maxsize=4096)
def _duration(method: str, model: str) -> Histogram:
    return metrics.duration.labels(method, model)


@lru_cache(maxsize=1024)
def _of_model(model: str) -> tuple[Histogram, Histogram]:
    return metrics.first_message.labels(model), metrics.between_messages.labels(model)


@lru_cache(maxsize=1024)
def _tokens(model: str) -> tuple[prometheus_client.Counter, prometheus_client.Counter, prometheus_client.Counter]:
    return metrics.prompt_tokens.labels(model), metrics.cached_tokens.labels(model), metrics.completion_tokens.labels(model)


@lru_cache(maxsize=4096)
def _ended(path: str, model: str, code: str) -> prometheus_client.Counter:
    service, _, method = path.removeprefix("/").rpartition("/")
    return metrics.requests.labels(service, method, model, code)


class Measured(Protocol):
    """A call: its path, /package.Service/Method, and the model that serves it, "" while none is found."""

    @property
    def path(self) -> str:
        """The path of the call, /package.Service/Method."""
        ...

    @property
    def served(self) -> str:
        """The full name of the model."""
        ...


@dataclass(frozen=True)
class OfMemory:
    """A call of the memory, which no model serves."""

    path: str
    served: str = ""


class Stopwatch:
    """A stopwatch that runs from a call's arrival to its end, and records its metrics.

    A label is the model that serves, and never the name that the client sent: a made-up one must not become a label.
    """

    __slots__ = ("_begin_s", "_call", "_code", "_last_s", "_method")

    def __init__(self, call: Measured) -> None:
        self._call = call
        self._method = call.path.rpartition("/")[2]
        self._begin_s = time.monotonic()
        self._last_s = 0.0
        self._code = "OK"
        _running[self._method] += 1

    def message(self) -> None:
        """Record a message of the answer: the time since the call began, or since the message before."""
        now_s = time.monotonic()
        first, between = _of_model(self._call.served)
        if self._last_s:
            between.observe(now_s - self._last_s)
        else:
            first.observe(now_s - self._begin_s)
        self._last_s = now_s

    def used(self, usage: pb.Usage) -> None:
        """Count the tokens of an answer that has ended."""
        prompt, cached, completion = _tokens(self._call.served)
        prompt.inc(usage.prompt_tokens)
        cached.inc(usage.cached_tokens)
        completion.inc(usage.completion_tokens)

    def failed(self, code: str) -> None:
        """Set the status code with which the call ends; OK unless this was called."""
        self._code = code

    def end(self) -> None:
        """Record the duration and the status of the call that has ended."""
        _running[self._method] -= 1
        model = self._call.served or NO_MODEL
        _duration(self._method, model).observe(time.monotonic() - self._begin_s)
        _ended(self._call.path, model, self._code).inc()
