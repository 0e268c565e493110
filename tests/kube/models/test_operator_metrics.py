"""The metrics of `echorator operator` have the names and labels of controller-runtime's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.kube.operating import apply_models, status
from tests.kube.operator_process import families, operator, value
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd
from tests.support.waiting import until

NAMES = {
    "controller_runtime_reconcile": ("counter", {"controller", "result"}),
    "controller_runtime_reconcile_errors": ("counter", {"controller"}),
    "controller_runtime_reconcile_panics": ("counter", {"controller"}),
    "controller_runtime_reconcile_time_seconds": ("histogram", {"controller"}),
    "controller_runtime_active_workers": ("gauge", {"controller"}),
    "workqueue_depth": ("gauge", {"name", "controller"}),
    "workqueue_adds": ("counter", {"name", "controller"}),
    "workqueue_queue_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_work_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_unfinished_work_seconds": ("gauge", {"name", "controller"}),
    "workqueue_longest_running_processor_seconds": ("gauge", {"name", "controller"}),
    "workqueue_retries": ("counter", {"name", "controller"}),
    "rest_client_requests": ("counter", {"code", "method", "host"}),
    "leader_election_master_status": ("gauge", {"name"}),
}
SUFFIXES = {"counter": {"_total"}, "histogram": {"_bucket", "_count", "_sum"}, "gauge": {""}}


def test_metrics_have_the_names_and_labels_of_controller_runtime(
    control_plane: ControlPlane, namespace: str, controller: str, tmp_path: Path
) -> None:
    """Names: controller-runtime's pkg/internal/controller/metrics/metrics.go, pkg/metrics/{workqueue,client_go_adapter,leaderelection}.go.

    All are there before there is any Model, as they are in an operator made with it. The parser cuts "_total" off a counter's name.
    """
    install_crd(control_plane)
    options = ("--controller", controller, "--system-namespace", namespace, "--namespace", namespace, "--memory-server", "")
    with operator(tmp_path / "log", control_plane.kubeconfig, *options) as url:
        until(lambda: value(url, "leader_election_master_status", name="echorator-operator"), wanted=(1.0).__eq__)
        found = families(url)
        assert {name: found[name].type for name in NAMES if name in found} == {name: kind for name, (kind, _) in NAMES.items()}
        for name, (kind, labels) in NAMES.items():
            seen = {sample.name.removeprefix(name): set(sample.labels) - {"le"} for sample in found[name].samples}
            assert seen == dict.fromkeys(SUFFIXES[kind], labels), name
        results = {sample.labels["result"] for sample in found["controller_runtime_reconcile"].samples}
        assert results == {"success", "error", "requeue", "requeue_after"}
        assert value(url, "controller_runtime_reconcile_total", controller="model") == 0

        apply_models(control_plane, namespace, "m")
        until(lambda: status(control_plane, namespace, "m").get("phase") == "ModelDeploying")
        host = urlsplit(control_plane.url).netloc
        assert value(url, "rest_client_requests_total", code="200", method="GET", host=host) > 0
        assert value(url, "rest_client_requests_total", code="201", method="PATCH", host=host) >= 4, "its objects were made"
        assert {sample.labels["host"] for sample in families(url)["rest_client_requests"].samples} == {host}
        until(lambda: value(url, "controller_runtime_reconcile_total", controller="model", result="success") > 0)
        until(lambda: value(url, "controller_runtime_active_workers"), wanted=(0.0).__eq__)
        reconciled = value(url, "controller_runtime_reconcile_total")
        for name in ("controller_runtime_reconcile_time_seconds", "workqueue_queue_duration_seconds", "workqueue_work_duration_seconds"):
            assert value(url, f"{name}_count", controller="model") >= reconciled, name
        assert value(url, "workqueue_adds_total", name="model", controller="model") >= reconciled
        assert value(url, "controller_runtime_reconcile_panics_total") == 0
