"""What a call asked for: a method of gRPC or a route of HTTP. Names the call in its log line, and counts it in the metrics.

The set of them is fixed by the code, so that no client can make up labels. Fed by `life`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from google.protobuf import descriptor_pool
from prometheus_client import Counter, Histogram

from echorator.telemetry import serving_metrics as metrics

NO_ROUTE = "(none)"  # the route of requests for paths that are not served


class Called(Protocol):
    """A method or a route. `span` is the name of its calls' spans."""

    @property
    def span(self) -> str:
        """The name of the span of each call."""
        ...

    @property
    def named(self) -> Mapping[str, str]:
        """The fields that name it in a log line."""
        ...

    def count(self, code: str, status: int, seconds: float) -> None:
        """Count a call that has ended with a gRPC status, and over HTTP with an HTTP status, after some seconds."""
        ...


class GrpcMethod:
    """A method of a gRPC service."""

    __slots__ = ("_counters", "_labels", "named", "span")

    def __init__(self, service: str, method: str) -> None:
        """Name the method; `service` is the fully qualified name of its service."""
        self.span = method
        self.named: Mapping[str, str] = {"method": f"{service}/{method}"}
        self._labels = (service, method)
        self._counters: dict[str, tuple[Counter, Histogram]] = {}

    def count(self, code: str, _status: int, seconds: float) -> None:
        """Count a call that has ended."""
        counters = self._counters.get(code)
        if counters is None:  # series begin with the first call: most methods are never called in a process
            counters = self._counters[code] = metrics.requests.labels(*self._labels, code), metrics.duration.labels(*self._labels)
        counters[0].inc()
        counters[1].observe(seconds)


class HttpRoute:
    """A route of an HTTP server: a verb and the pattern of a path, such as /v1/models/{model}."""

    __slots__ = ("_counters", "_labels", "named", "span")

    def __init__(self, span: str, verb: str, route: str) -> None:
        self.span = span
        self.named: Mapping[str, str] = {"method": verb, "route": route}
        self._labels = (verb, route)
        self._counters: dict[int, tuple[Counter, Histogram]] = {}

    def count(self, _code: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        counters = self._counters.get(status)
        if counters is None:
            made = metrics.http_requests.labels(*self._labels, str(status)), metrics.http_duration.labels(*self._labels)
            counters = self._counters[status] = made
        counters[0].inc()
        counters[1].observe(seconds)


@lru_cache(maxsize=1024)
def grpc_method(services: Sequence[str], method: str) -> GrpcMethod:
    """Return the method of that one of `services`, fully qualified names, which has it; of the first where none is known to have it."""
    pool = descriptor_pool.Default()
    for service in services:
        try:
            if method in pool.FindServiceByName(service).methods_by_name:
                return GrpcMethod(service, method)
        except KeyError:
            continue
    return GrpcMethod(services[0], method)
