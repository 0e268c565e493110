"""Metrics of every role's servers, of gRPC and of HTTP. Times are seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

LONG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

build = Gauge(
    "echorator_build_info",
    "Always 1; the labels are the role and the versions of Echorator and llama-cpp-python that run",
    ("role", "version", "llama_cpp_python"),
    multiprocess_mode="livemax",
)
requests = Counter(
    "echorator_grpc_requests_total", "gRPC calls that have ended, by service, method and status", ("service", "method", "code")
)
duration = Histogram(
    "echorator_grpc_request_duration_seconds", "Time from a gRPC call's arrival to its end", ("service", "method"), buckets=LONG
)
http_requests = Counter(
    "echorator_http_requests_total",
    "HTTP requests that have ended, by the route's pattern and the HTTP status; a stream that fails after its headers has 200",
    ("method", "route", "status"),
)
http_duration = Histogram(
    "echorator_http_request_duration_seconds", "Time from an HTTP request's arrival to its end", ("method", "route"), buckets=LONG
)
