"""`kollama logs` of pods that are processes: of agents and of the puller, whole and followed."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from echorator.kube.api.resources import MODEL_LABEL, PART_LABEL, STORE_LABEL
from echorator.kube.models.source import store_name
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from tests.cli.kollama.user import Json, Kollama
from tests.support.commands import TIMEOUT_S
from tests.support.kube_cluster.in_cluster import without_operator
from tests.support.kube_cluster.installed import install_crd
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.workloads import Workspace, pod, python
from tests.support.waiting import until


@pytest.fixture
def in_cluster(cluster: ProcessCluster, space: Workspace) -> Iterator[Kollama]:
    """The test makes the pods of its Model itself: an operator that other tests have installed stands still meanwhile."""
    install_crd(cluster)
    with without_operator(cluster):
        yield Kollama(cluster, space.namespace, cluster.kubeconfig)


def test_logs_of_agents_and_of_the_puller(in_cluster: Kollama, space: Workspace) -> None:
    k = in_cluster
    k("deploy", "phi")
    store = store_name(check(KubeModelSpec, k.get("phi")["spec"]))

    def agent(name: str) -> Json:
        made = pod(name, python("print('one'); print('two', flush=True); import time; time.sleep(600)", name="agent"))
        made["metadata"]["labels"] = {MODEL_LABEL: "phi", PART_LABEL: "agent"}
        return made

    puller = pod("store-0", python("print('pulling phi', flush=True)", name="pull"), restartPolicy="Never")
    puller["metadata"]["labels"] = {STORE_LABEL: store}
    space.apply(agent("phi-a"), puller)
    space.wait_for("condition=Ready", "pod/phi-a")
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/store-0")
    until(lambda: k("logs", "phi") == "one\ntwo\n", "what it prints")
    assert k("logs", "phi", "--tail", "1") == "two\n"
    assert k("logs", "phi", "--puller") == "pulling phi\n"
    following = k.start("logs", "phi", "-f")
    assert following.stdout is not None
    assert [following.stdout.readline(), following.stdout.readline()] == ["one\n", "two\n"]
    space.apply(agent("phi-b"))
    assert [following.stdout.readline(), following.stdout.readline()] == ["[phi-b] one\n", "[phi-b] two\n"]
    following.send_signal(signal.SIGINT)
    assert following.wait(TIMEOUT_S) == 130
    assert following.communicate() == ("", "")
    assert k("logs", "phi") == "[phi-a] one\n[phi-a] two\n[phi-b] one\n[phi-b] two\n"
