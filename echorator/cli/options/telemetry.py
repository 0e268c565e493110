"""The options about logs, metrics and traces, and the context that starts these."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOG_LEVELS = ("debug", "info", "warning", "error")


def add_telemetry_options(parser: argparse.ArgumentParser, level: str) -> None:
    """Add the options of logs and traces, which every role has."""
    group = parser.add_argument_group("logs, traces")
    group.add_argument(
        "--log-level", choices=LOG_LEVELS, default=level, metavar="LEVEL", help=f"least level of the log: {', '.join(LOG_LEVELS)} [{level}]"
    )
    group.add_argument("--log-format", choices=("text", "json"), default="text", help="format of the log [text]")
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    group.add_argument(
        "--otlp", default=endpoint, metavar="URL", help="endpoint for traces, http://HOST:4318 [$OTEL_EXPORTER_OTLP_ENDPOINT]"
    )


def add_metrics_port(parser: argparse.ArgumentParser) -> None:
    """Add --metrics-port, for roles without an HTTP server of their own."""
    parser.add_argument("--metrics-port", type=int, default=-1, metavar="N", help="port of /metrics; 0: any free one; -1: none [-1]")


@contextmanager
def telemetry(arguments: argparse.Namespace, role: str, observe: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Export traces and metrics of this process while the context lasts.

    `observe` brings gauges up to date before they are read.
    """
    from echorator.telemetry import tracing
    from echorator.telemetry.exposition import serve_metrics

    if arguments.otlp:
        tracing.export_to(arguments.otlp, f"echorator-{role}", f"{socket.gethostname()}:{os.getpid()}")
    stop = None
    if getattr(arguments, "metrics_port", -1) >= 0:
        port, stop = serve_metrics(arguments.host, arguments.metrics_port, observe)
        print(f"metrics on http://{arguments.host}:{port}/metrics", flush=True)
    try:
        yield
    finally:
        if stop is not None:
            stop()
        tracing.flush()
