"""Metrics of the operator, by the names and labels that controller-runtime has, so that its dashboards and alerts serve here too.

Their source: controller-runtime's pkg/internal/controller/metrics/metrics.go, pkg/metrics/workqueue.go (here without priorities),
pkg/metrics/client_go_adapter.go and pkg/metrics/leaderelection.go.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_RESULTS = ("success", "error", "requeue", "requeue_after")
_QUEUE = ("name", "controller")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

reconciles = Counter("controller_runtime_reconcile", "Reconciliations by how they ended", ("controller", "result"))
reconcile_errors = Counter("controller_runtime_reconcile_errors", "Reconciliations that failed", ("controller",))
reconcile_panics = Counter("controller_runtime_reconcile_panics", "Reconciliations that failed in a way nobody foresaw", ("controller",))
reconcile_s = Histogram("controller_runtime_reconcile_time_seconds", "Length of a reconciliation", ("controller",), buckets=_SECONDS)
active_workers = Gauge("controller_runtime_active_workers", "Workers that reconcile now", ("controller",))
queue_depth = Gauge("workqueue_depth", "Keys that wait", _QUEUE)
queue_adds = Counter("workqueue_adds", "Keys added", _QUEUE)
queue_wait_s = Histogram("workqueue_queue_duration_seconds", "How long a key waited", _QUEUE, buckets=_SECONDS)
queue_work_s = Histogram("workqueue_work_duration_seconds", "How long a key took", _QUEUE, buckets=_SECONDS)
queue_retries = Counter("workqueue_retries", "Keys that are to be tried again", _QUEUE)
unfinished_s = Gauge("workqueue_unfinished_work_seconds", "Of the keys being worked on, together", _QUEUE)
longest_running_s = Gauge("workqueue_longest_running_processor_seconds", "Of the key that takes longest now", _QUEUE)
requests = Counter("rest_client_requests", "Calls of the API server", ("code", "method", "host"))
leading = Gauge("leader_election_master_status", "1 where this one leads", ("name",))


def begin(controller: str, lease: str) -> None:
    """Every series is there from the start, at 0: of what is absent an alert knows no rate."""
    for result in _RESULTS:
        reconciles.labels(controller, result)
    for metric in (reconcile_errors, reconcile_panics, reconcile_s, active_workers):
        metric.labels(controller)
    for metric in (queue_depth, queue_adds, queue_wait_s, queue_work_s, queue_retries, unfinished_s, longest_running_s):
        metric.labels(controller, controller)
    leading.labels(lease)
