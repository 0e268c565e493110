"""`echorator operator` as a process of this machine: the try that its help shows, and the names of its metrics."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from echorator.cli.kube_options import OPERATOR_EXAMPLES
from tests.kube.control_plane import ControlPlane, needs_port_forwarder
from tests.kube.in_cluster import SYSTEM, answer, apply, get, pods, ready, until
from tests.kube.installed import install_crd
from tests.kube.operating import make, status
from tests.kube.process_cluster import ProcessCluster
from tests.mesh_processes import Process, free_port

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


@contextmanager
def operator(log: Path, kubeconfig: Path, *arguments: str) -> Iterator[str]:
    """The address of its /metrics, once there is somebody."""
    port = free_port()
    process = Process(log, "operator", "--port", str(port), *arguments, env={"KUBECONFIG": str(kubeconfig)})
    process.begin()
    try:
        process.wait_for(re.compile("operating as"))
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url))
        yield url
        assert process.terminate() == 0, log.read_text("utf-8")
    finally:
        process.end()


@contextmanager
def forwarding(cluster: ProcessCluster, *arguments: str) -> Iterator[None]:
    """`kubectl port-forward`."""
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    with subprocess.Popen((str(cluster.bin / "kubectl"), *arguments), env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "Forwarding from" in process.stdout.readline()
            yield
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=10).ok
    except requests.ConnectionError:
        return False


def families(url: str) -> dict[str, Metric]:
    text = requests.get(f"{url}/metrics", timeout=10).text
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(url: str, name: str, /, **labels: str) -> float:
    """Of the series that have these labels, together."""
    samples = [sample for family in families(url).values() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_metrics_have_the_names_and_labels_of_controller_runtime(
    control_plane: ControlPlane, namespace: str, controller: str, tmp_path: Path
) -> None:
    """Names: controller-runtime's pkg/internal/controller/metrics/metrics.go, pkg/metrics/{workqueue,client_go_adapter,leaderelection}.go.

    All are there before there is any Model, as they are in an operator made with it. The parser cuts "_total" off a counter's name.
    """
    install_crd(control_plane)
    options = ("--controller", controller, "--system-namespace", namespace, "--namespace", namespace, "--memory-server", "")
    with operator(tmp_path / "log", control_plane.kubeconfig, *options) as url:
        until(lambda: value(url, "leader_election_master_status", name="echorator-operator"), (1.0).__eq__)
        found = families(url)
        assert {name: found[name].type for name in NAMES if name in found} == {name: kind for name, (kind, _) in NAMES.items()}
        for name, (kind, labels) in NAMES.items():
            seen = {sample.name.removeprefix(name): set(sample.labels) - {"le"} for sample in found[name].samples}
            assert seen == dict.fromkeys(SUFFIXES[kind], labels), name
        results = {sample.labels["result"] for sample in found["controller_runtime_reconcile"].samples}
        assert results == {"success", "error", "requeue", "requeue_after"}
        assert value(url, "controller_runtime_reconcile_total", controller="model") == 0

        make(control_plane, namespace, "m")
        until(lambda: status(control_plane, namespace, "m").get("phase") == "ModelDeploying")
        host = urlsplit(control_plane.url).netloc
        assert value(url, "rest_client_requests_total", code="200", method="GET", host=host) > 0
        assert value(url, "rest_client_requests_total", code="201", method="PATCH", host=host) >= 4, "its objects were made"
        assert {sample.labels["host"] for sample in families(url)["rest_client_requests"].samples} == {host}
        until(lambda: value(url, "controller_runtime_reconcile_total", controller="model", result="success") > 0)
        until(lambda: value(url, "controller_runtime_active_workers"), (0.0).__eq__)
        reconciled = value(url, "controller_runtime_reconcile_total")
        for name in ("controller_runtime_reconcile_time_seconds", "workqueue_queue_duration_seconds", "workqueue_work_duration_seconds"):
            assert value(url, f"{name}_count", controller="model") >= reconciled, name
        assert value(url, "workqueue_adds_total", name="model", controller="model") >= reconciled
        assert value(url, "controller_runtime_reconcile_panics_total") == 0


def test_the_try_that_its_help_shows(installed: ProcessCluster, cluster_namespace: str, tmp_path: Path) -> None:
    """In place of the operators in the cluster, from outside of it, where no name of a Service is known."""
    needs_port_forwarder()
    scale, forward, command = (shlex.split(line) for line in OPERATOR_EXAMPLES.strip().splitlines()[-3:])
    assert (scale[0], forward[0], forward[-2:], command[:2]) == ("kubectl", "kubectl", ["50050", "&"], ["echorator", "operator"])
    port = free_port()
    options = [word.replace("127.0.0.1:50050", f"127.0.0.1:{port}") for word in command[2:]]
    options[options.index("--namespace") + 1] = cluster_namespace
    label = "app.kubernetes.io/name=echorator-operator"
    try:
        installed.kubectl(*scale[1:])
        until(lambda: pods(installed, SYSTEM, label), [].__eq__)
        with forwarding(installed, *forward[1:-2], f"{port}:50050"), operator(tmp_path / "log", installed.kubeconfig, *options) as url:
            apply(installed, cluster_namespace, "tried", image="echo-nano")
            ready(installed, cluster_namespace, "tried")
            assert answer(installed, "tried")
            assert value(url, "leader_election_master_status", name="echorator-operator") == 1
            installed.kubectl("delete", "model", "tried", "-n", cluster_namespace, "--timeout=30s")
    finally:
        installed.kubectl(*scale[1:-1], "--replicas=2")
        installed.kubectl("rollout", "status", "deployment/echorator-operator", "-n", SYSTEM, "--timeout=90s")
    assert get(installed, cluster_namespace, "deployments")["items"] == []
