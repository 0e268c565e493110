"""Serves the metrics: `http://HOST:PORT/metrics`, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import start_http_server

from echorator.errors import ResourceError


def serve_metrics(host: str, port: int) -> tuple[int, Callable[[], None]]:
    """On a thread; returns the port and what stops it. Raises ResourceError where the port cannot be had."""
    try:
        server, _ = start_http_server(port, host)
    except OSError as error:
        raise ResourceError(f"cannot serve metrics on {host}:{port}: {error.strerror or error}; choose another --metrics-port") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return int(server.server_port), stop
