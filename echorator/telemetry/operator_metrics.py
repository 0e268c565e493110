"""Metrics of the operator under the names and labels of controller-runtime, so that its dashboards and alerts work here too.

Sources: controller-runtime's pkg/internal/controller/metrics/metrics.go, pkg/metrics/workqueue.go (here without priorities),
pkg/metrics/client_go_adapter.go and pkg/metrics/leaderelection.go.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_RESULTS = ("success", "error", "requeue", "requeue_after")
_QUEUE = ("name", "controller")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

reconciles = Counter("controller_runtime_reconcile", "Reconciliations by how they ended", ("controller", "result"))
reconcile_errors = Counter("controller_runtime_reconcile_errors", "Reconciliations that failed", ("controller",))
reconcile_panics = Counter(
    "controller_runtime_reconcile_panics", "Reconciliations that failed with an unexpected exception", ("controller",)
)
reconcile_s = Histogram("controller_runtime_reconcile_time_seconds", "Duration of a reconciliation", ("controller",), buckets=_SECONDS)
active_workers = Gauge("controller_runtime_active_workers", "Workers that reconcile now", ("controller",))
queue_depth = Gauge("workqueue_depth", "Keys that wait in the queue", _QUEUE)
queue_adds = Counter("workqueue_adds", "Keys that were added to the queue", _QUEUE)
queue_wait_s = Histogram("workqueue_queue_duration_seconds", "Time that a key waited in the queue", _QUEUE, buckets=_SECONDS)
queue_work_s = Histogram("workqueue_work_duration_seconds", "Time that the work on a key took", _QUEUE, buckets=_SECONDS)
queue_retries = Counter("workqueue_retries", "Keys that were queued again after a failure", _QUEUE)
unfinished_s = Gauge("workqueue_unfinished_work_seconds", "Time that the keys in work have taken so far, summed up", _QUEUE)
longest_running_s = Gauge(
    "workqueue_longest_running_processor_seconds", "Time that the longest of the keys in work has taken so far", _QUEUE
)
requests = Counter("rest_client_requests", "Calls to the API server", ("code", "method", "host"))
leading = Gauge("leader_election_master_status", "1 where this replica is the leader, else 0", ("name",))


def begin(controller: str, lease: str) -> None:
    """Create every series at 0 at the start, since an alert cannot compute the rate of an absent series."""
    for result in _RESULTS:
        reconciles.labels(controller, result)
    for metric in (reconcile_errors, reconcile_panics, reconcile_s, active_workers):
        metric.labels(controller)
    for metric in (queue_depth, queue_adds, queue_wait_s, queue_work_s, queue_retries, unfinished_s, longest_running_s):
        metric.labels(controller, controller)
    leading.labels(lease)
