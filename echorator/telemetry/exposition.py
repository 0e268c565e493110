"""Serves the metrics at `http://HOST:PORT/metrics`, in Prometheus' text format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from echorator.errors import ResourceError

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus-client: the processes of one role share their metrics in this folder


def shared() -> bool:
    """Return whether other processes add to the same metrics."""
    return FOLDER_VARIABLE in os.environ


def text_of(observe: Callable[[], None]) -> bytes:
    """Return all metrics of this process, or of all that share them, in Prometheus' text format."""
    observe()
    if not shared():
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class _Fresh:
    """The default registry, whose gauges are updated before each collection."""

    def __init__(self, observe: Callable[[], None]) -> None:
        self._observe = observe

    def collect(self) -> Iterable[Metric]:
        self._observe()
        return REGISTRY.collect()


def serve_metrics(host: str, port: int, observe: Callable[[], None]) -> tuple[int, Callable[[], None]]:
    """Serve the metrics on a thread; return the port and a function that stops it. Raises ResourceError if the port is not available."""
    try:
        server, _ = start_http_server(port, host, registry=_Fresh(observe))
    except OSError as error:
        raise ResourceError(f"cannot serve metrics on {host}:{port}: {error.strerror or error}; choose another --metrics-port") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return int(server.server_port), stop
