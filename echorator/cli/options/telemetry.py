"""The options about logs, metrics and traces, and the context that starts these."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from echorator.cli.options.numbers import MOST_INT32, whole
from echorator.cli.options.output import add_output

LOG_LEVELS = ("debug", "info", "warning", "error")


def add_telemetry_options(parser: argparse.ArgumentParser, level: str, calls: bool = True) -> None:
    """Add the options of logs and traces, which every role has; those of calls only where the role serves `calls`."""
    group = parser.add_argument_group("logs, traces")
    group.add_argument(
        "--log-level", choices=LOG_LEVELS, default=level, metavar="LEVEL", help=f"least level of the log: {', '.join(LOG_LEVELS)} [{level}]"
    )
    group.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="format of the log, and of the lines on stdout beside it [text]"
    )
    if calls:
        group.add_argument("--access-log", action="store_true", help="log every call that ends, not only those that fail [no]")
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    group.add_argument(
        "--otlp", default=endpoint, metavar="URL", help="endpoint for traces, http://HOST:4318 [$OTEL_EXPORTER_OTLP_ENDPOINT]"
    )


def telemetry_options_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the options by which a child process logs and traces as this process does."""
    options = ("--log-level", arguments.log_level, "--log-format", arguments.log_format, "--otlp", arguments.otlp)
    return (*options, "--access-log") if arguments.access_log else options


def add_metrics_port(parser: argparse.ArgumentParser) -> None:
    """Add --metrics-port, for roles without an HTTP server of their own."""
    parser.add_argument("--metrics-port", type=int, default=-1, metavar="N", help="port of /metrics; 0: any free one; -1: none [-1]")


LOGS_EXAMPLES = """\
examples:
  echorator logs                what there is
  echorator logs nano -f        of all agents that serve the model nano, as it comes
  echorator logs nano-0 --lines 20
  echorator logs nano --data ./state   of an `up` that has ended
"""


def add_logs_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `echorator logs`."""
    parser.add_argument("name", nargs="?", default="", metavar="MODEL|AGENT", help="whose log to print [list what there is]")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged, until Ctrl-C [no]")
    parser.add_argument("--lines", type=whole(0, MOST_INT32, "lines"), default=100, metavar="N", help="the last N lines of each log [100]")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the `up` [of the `up` that runs, else ~/.local/share/echorator]"
    )
    add_output(parser, text="format of the list")


@contextmanager
def telemetry(arguments: argparse.Namespace, role: str, observe: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Export traces and metrics of this process while the context lasts.

    `observe` brings gauges up to date before they are read.
    """
    from echorator.telemetry import tracing
    from echorator.telemetry.exposition import serve_metrics, tell_build
    from echorator.telemetry.log_lines import METRICS_ON, say

    tell_build(role)
    if arguments.otlp:
        tracing.export_to(arguments.otlp, f"echorator-{role}", f"{socket.gethostname()}:{os.getpid()}")
    stop = None
    if getattr(arguments, "metrics_port", -1) >= 0:
        port, stop = serve_metrics(arguments.host, arguments.metrics_port, observe)
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        say(f"{METRICS_ON}http://{host}:{port}/metrics")
    try:
        yield
    finally:
        if stop is not None:
            stop()
        tracing.flush()
