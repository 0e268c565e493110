"""Metrics of the controller. Times are seconds."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

agents = Gauge("echorator_controller_agents", "Known agents, by state", ("state",))
models = Gauge("echorator_controller_models", "Models that were applied")
replicas = Gauge("echorator_controller_model_replicas", "Agents asked to serve a model", ("model",))
ready_replicas = Gauge("echorator_controller_model_ready_replicas", "Agents that serve a model", ("model",))
reports = Counter("echorator_controller_agent_reports_total", "Reports that agents have sent")
reconcile = Histogram(
    "echorator_controller_reconcile_duration_seconds",
    "Duration of one pass of the placer",
    buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0),
)
xds_clients = Gauge("echorator_controller_xds_clients", "Connected xDS clients")
xds_pushes = Counter("echorator_controller_xds_pushes_total", "Responses sent to xDS clients", ("type",))
xds_nacks = Counter("echorator_controller_xds_nacks_total", "Responses that xDS clients refused", ("type",))
