"""Metrics of every role's gRPC server."""

from __future__ import annotations

from prometheus_client import Counter

requests = Counter("echorator_grpc_requests_total", "Calls that have ended, by method and gRPC status", ("method", "code"))
