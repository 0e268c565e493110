"""The commands of the guide for Kubernetes, word for word, in a cluster of this test's own: installed, tried again, freed, removed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from echorator.agent.loading.embedded import embedded_model
from tests.support.kube_cluster.in_cluster import SYSTEM, agents, apply, get, ready, status
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.models.servers import RegistryServer
from tests.support.programs import needing
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs/guides/kubernetes.md"
IMAGE = "registry.example.com/echorator:0.1.0"
PASSING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "endpoints"}


@pytest.fixture(scope="module")
@needing("kube-apiserver")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    with ProcessCluster(tmp_path_factory.mktemp("own-cluster")) as cluster:
        yield cluster


def commands() -> dict[str, str]:
    """Return the guide's commands by name."""
    return dict(re.findall(r"<!-- run: kubernetes-(\w+) -->\n```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))


def sh(cluster: ProcessCluster, folder: Path, text: str) -> str:
    """What a person sees who types it in a clone, with the cluster's kubectl and kubeconfig."""
    (folder / "echorator").write_text(f'#!/bin/sh\nexec {sys.executable} -m echorator "$@"\n')
    (folder / "echorator").chmod(0o755)
    path = f"{folder}:{cluster.bin}:{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(folder), "IMAGE": IMAGE}
    command = ("bash", "-eu", "-o", "pipefail", "-c", text)
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, cwd=ROOT, env=settings)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def everything(cluster: ProcessCluster) -> set[str]:
    """Names of all objects, but for those that come and go by themselves."""
    kinds = set(cluster.kubectl("api-resources", "--verbs=list", "-o", "name").stdout.split()) - PASSING
    listed = cluster.kubectl("get", ",".join(sorted(kinds)), "--all-namespaces", "--ignore-not-found", "-o", "json").stdout
    items = json.loads(listed)["items"]
    return {f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}" for item in items}


def images(pod: Any) -> set[str]:
    return {container["image"] for part in ("initContainers", "containers") for container in pod["spec"].get(part, ())}


def test_the_image_is_named_everywhere(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "echorator", "manifests", "--image", IMAGE, "--gpu-image", f"{IMAGE}-cuda")
    documents = list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout))
    pods = {d["metadata"]["name"]: d["spec"]["template"] for d in documents if d["kind"] in ("Deployment", "StatefulSet")}
    assert pods.keys() == {"echorator-operator", "echorator-controller", "echorator-gateway", "echorator-cognition"}
    assert set.union(*map(images, pods.values())) == {IMAGE}
    arguments = pods["echorator-operator"]["spec"]["containers"][0]["args"]
    assert arguments[arguments.index("--image") + 1] == IMAGE, "of agents"
    assert arguments[arguments.index("--gpu-image") + 1] == f"{IMAGE}-cuda"


@pytest.mark.slow
def test_installed_tried_again_freed_and_removed(own_cluster: ProcessCluster, tmp_path: Path, registry: RegistryServer) -> None:
    cluster, step = own_cluster, commands()
    assert step.keys() == {"install", "retry", "remove", "free"}
    before = everything(cluster)

    said = sh(cluster, tmp_path, step["install"])
    assert "model.echorator.dev/nano scaled" in said
    ready(cluster, "default", "nano", replicas=3, within_s=120)
    for pod in [*get(cluster, SYSTEM, "pods")["items"], *agents(cluster, "default", "nano")]:
        assert images(pod) == {IMAGE}, pod["metadata"]["name"]

    assert "FIELD: spec" in cluster.kubectl("explain", "echomodel.spec").stdout
    assert "3 of 3 replicas serve it" in cluster.kubectl("describe", "echomodel", "nano").stdout

    other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "model-phi"}, "spec": {"ports": [{"port": 1}]}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(other))
    registry.ollama("readme/phi", embedded_model().read_bytes())
    apply(cluster, "default", "phi", image=f"{registry.host}/readme/phi", storage={"size": "1Gi"})
    until(lambda: status(cluster, "default", "phi").get("phase") == "Failed", within_s=90)
    cluster.kubectl("delete", "service", "model-phi")
    sh(cluster, tmp_path, step["retry"])
    ready(cluster, "default", "phi", within_s=90)
    assert get(cluster, "default", "pvc")["items"] != [], "a file was pulled into a claim"

    operator = ("deployment/echorator-operator", "-n", SYSTEM)
    cluster.kubectl("scale", *operator, "--replicas=0")
    until(lambda: get(cluster, SYSTEM, "pods", "-l", "app.kubernetes.io/name=echorator-operator")["items"] == [])
    cluster.kubectl("delete", "echomodel", "phi", "--wait=false")
    metadata = get(cluster, "default", "echomodel", "phi")["metadata"]
    assert ("deletionTimestamp" in metadata, metadata["finalizers"]) == (True, ["echorator.dev/mesh"])
    sh(cluster, tmp_path, step["free"])
    until(lambda: [model["metadata"]["name"] for model in get(cluster, "default", "echomodel")["items"]] == ["nano"])
    until(lambda: [made["metadata"]["name"] for made in get(cluster, "default", "deployments")["items"]] == ["model-nano"])
    cluster.kubectl("scale", *operator, "--replicas=2")
    cluster.kubectl("rollout", "status", *operator, "--timeout=90s")

    sh(cluster, tmp_path, step["remove"])
    until(lambda: everything(cluster) - before == set())
    assert before - everything(cluster) == set(), "nor anything else gone"
    assert cluster.kubelet.processes("default") == cluster.kubelet.processes(SYSTEM) == []
