"""Metrics of the operator, by the names that controller-runtime has, so that its dashboards and alerts serve here too."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

reconciles = Counter("controller_runtime_reconcile", "Reconciliations by how they ended", ("controller", "result"))
reconcile_errors = Counter("controller_runtime_reconcile_errors", "Reconciliations that failed", ("controller",))
reconcile_panics = Counter("controller_runtime_reconcile_panics", "Reconciliations that failed in a way nobody foresaw", ("controller",))
reconcile_s = Histogram("controller_runtime_reconcile_time_seconds", "Length of a reconciliation", ("controller",), buckets=_SECONDS)
active_workers = Gauge("controller_runtime_active_workers", "Workers that reconcile now", ("controller",))
queue_depth = Gauge("workqueue_depth", "Keys that wait", ("name",))
queue_adds = Counter("workqueue_adds", "Keys added", ("name",))
queue_wait_s = Histogram("workqueue_queue_duration_seconds", "How long a key waited", ("name",), buckets=_SECONDS)
queue_work_s = Histogram("workqueue_work_duration_seconds", "How long a key took", ("name",), buckets=_SECONDS)
queue_retries = Counter("workqueue_retries", "Keys that are to be tried again", ("name",))
unfinished_s = Gauge("workqueue_unfinished_work_seconds", "Of the keys being worked on, together", ("name",))
longest_running_s = Gauge("workqueue_longest_running_processor_seconds", "Of the key that takes longest now", ("name",))
requests = Counter("rest_client_requests", "Calls of the API server", ("code", "method"))
leading = Gauge("leader_election_master_status", "1 where this one leads", ("name",))
