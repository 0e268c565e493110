"""`echorator operator` as a process of this machine: the try that its help shows, and the names of its metrics."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from echorator.cli.options.kube import OPERATOR_EXAMPLES
from tests.kube.operator_process import operator, value
from tests.support.kube_cluster.in_cluster import SYSTEM, answer, apply, get, pods, ready
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.ports import free_port
from tests.support.waiting import until


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


@pytest.mark.needs("port-forwarder")
def test_the_try_that_its_help_shows(installed: ProcessCluster, cluster_namespace: str, tmp_path: Path) -> None:
    """In place of the operators in the cluster, from outside of it, where no name of a Service is known."""
    scale, forward, command = (shlex.split(line) for line in OPERATOR_EXAMPLES.strip().splitlines()[-3:])
    assert (scale[0], forward[0], forward[-2:], command[:2]) == ("kubectl", "kubectl", ["50050", "&"], ["echorator", "operator"])
    port = free_port()
    options = [word.replace("127.0.0.1:50050", f"127.0.0.1:{port}") for word in command[2:]]
    options[options.index("--namespace") + 1] = cluster_namespace
    label = "app.kubernetes.io/name=echorator-operator"
    try:
        installed.kubectl(*scale[1:])
        until(lambda: pods(installed, SYSTEM, label), wanted=[].__eq__)
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
