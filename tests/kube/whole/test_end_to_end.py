"""Everything of manifests/install.yaml in a real cluster whose pods are processes: from `kubectl apply` to a streamed answer, and back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import requests

from echorator.agent.loading.embedded import embedded_model
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cognition_pb2 import ListMemoriesRequest
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.common_pb2 import Scope
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.support.kube_cluster.control_plane import mounts_images
from tests.support.kube_cluster.in_cluster import OPERATOR_METRICS, SYSTEM, agents, answer, apply, gateway, get, metric, pods, ready, status
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.models.servers import Manners, RegistryServer, bad_server
from tests.support.waiting import until

NANO = embedded_model().read_bytes()


def leader(cluster: ProcessCluster) -> str:
    return str(get(cluster, SYSTEM, "lease", "echorator-operator")["spec"].get("holderIdentity") or "")


def writes(pod: Any) -> float:
    """To the API server, but for those that renew the lease, which are the only PUTs. Reads are counted in test_operator.py."""
    text = requests.get(f"http://{pod['status']['podIP']}:{OPERATOR_METRICS}/metrics", timeout=10).text
    found = re.findall(r'^rest_client_requests_total\{[^}]*method="(\w+)"[^}]*\} (\S+)$', text, re.MULTILINE)
    return sum(float(value) for method, value in found if method in ("POST", "PATCH"))


def runs(found: list[Any], before: str) -> bool:
    """One pod, which is ready and another than `before`."""
    conditions = [(c["type"], c["status"]) for pod in found for c in pod["status"].get("conditions", ())]
    return [pod["metadata"]["uid"] == before for pod in found] == [False] and ("Ready", "True") in conditions


def test_apply_scale_repair_and_delete(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    apply(installed, namespace, "e2e", image="echo-nano")
    found = ready(installed, namespace, "e2e")
    assert all(c["status"] == "True" for c in found["conditions"] if c["type"] not in ("Progressing", "Stalled"))
    assert found["model"]["digest"].startswith("sha256:")
    assert answer(installed, "e2e")
    host, _, port = found["endpoint"].rpartition(":")
    assert host == f"model-e2e.{namespace}.svc"
    with grpc.insecure_channel(f"{agents(installed, namespace, 'e2e')[0]['status']['podIP']}:{port}") as channel:
        stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
        assert [model.name for model in stub.ListModels(pb.ListModelsRequest(), timeout=10).models] == ["e2e"]
    text = installed.kubectl("describe", "model", "e2e", "-n", namespace).stdout
    assert "1 of 1 replicas serve it" in text

    for replicas in (3, 0, 1):
        installed.kubectl("scale", "mdl/e2e", f"--replicas={replicas}", "-n", namespace)
        until(lambda: len(agents(installed, namespace, "e2e")), wanted=replicas.__eq__)
        if replicas:
            ready(installed, namespace, "e2e", replicas)
            assert answer(installed, "e2e")

    (pod,) = agents(installed, namespace, "e2e")
    installed.kubectl("delete", "pod", pod["metadata"]["name"], "-n", namespace, "--wait=false")
    (pod,) = until(lambda: agents(installed, namespace, "e2e"), wanted=lambda found: runs(found, pod["metadata"]["uid"]))
    ready(installed, namespace, "e2e")
    installed.kubelet.kill(namespace, pod["metadata"]["name"])
    until(lambda: agents(installed, namespace, "e2e")[0]["status"]["containerStatuses"][0]["restartCount"], wanted=lambda n: n == 1)
    ready(installed, namespace, "e2e")
    installed.kubectl("delete", "deployment", "model-e2e", "-n", namespace)
    ready(installed, namespace, "e2e")
    assert answer(installed, "e2e")

    installed.kubectl("delete", "model", "e2e", "-n", namespace, "--timeout=30s")
    kinds = "deployments,statefulsets,services,networkpolicies,pods,pvc,poddisruptionbudgets"
    until(lambda: get(installed, namespace, kinds)["items"], wanted=lambda items: items == [])
    assert installed.kubelet.processes(namespace) == []


def test_kollama_from_deploy_to_chat(installed: ProcessCluster, cluster_namespace: str) -> None:
    def kollama(*arguments: str) -> str:
        options = ("--kubeconfig", str(installed.kubeconfig), "-n", cluster_namespace)
        command = (sys.executable, "-P", "-m", "echorator.cli.kollama.program", arguments[0], *options, *arguments[1:])
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    operators = pods(installed, SYSTEM, "app.kubernetes.io/name=echorator-operator")
    (leading,) = (pod for pod in operators if metric(pod, OPERATOR_METRICS, "leader_election_master_status") == 1)
    until(lambda: installed.kubectl("get", "echomodels", "-A", "-o", "name").stdout == "")  # those of other tests are on their way out
    before = writes(leading)
    said = kollama("deploy", "nano", "--image", "echo-nano", "--wait", "--timeout", "90")
    assert "model/nano Ready" in said
    assert writes(leading) - before <= 12, "API calls of one Model, from nothing to Ready"
    assert "Ready" in kollama("list")
    assert "1 of 1 agents run" in kollama("status", "nano")
    assert kollama("chat", "nano", "Hello!", "--gateway", f"{gateway(installed)}:50052").strip()
    assert "listening on" in kollama("logs", "nano")
    kollama("undeploy", "nano", "--wait")
    assert installed.kubelet.processes(cluster_namespace) == []


def test_the_download_is_shown_while_it_lasts(installed: ProcessCluster, cluster_namespace: str) -> None:
    manners = Manners(bytes_per_s=len(NANO) / 100)
    with bad_server({"/nano.gguf": NANO}, manners) as server:
        apply(installed, cluster_namespace, "slow", image=server.source("/nano.gguf"))
        seen = until(
            lambda: status(installed, cluster_namespace, "slow"), wanted=lambda s: 0 < s.get("download", {}).get("percent", 0) < 100
        )
        assert seen["phase"] == "ImagePulling"
        assert seen["download"]["totalBytes"] == len(NANO)
        (fetched,) = (c for c in seen["conditions"] if c["type"] == "ModelFetched")
        assert fetched["reason"] == "Pulling"
        assert re.match(r"\d+ %, \d+ of \d+ MiB", fetched["message"])
        manners.bytes_per_s = 1e12
        found = ready(installed, cluster_namespace, "slow", within_s=90)
        assert "download" not in found


def test_a_file_of_a_claim(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mine"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    installed.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps({**claim, "spec": spec}))
    folder = installed.kubelet.folder / "claims" / namespace / "mine"
    folder.mkdir(parents=True)
    (folder / "nano.gguf").write_bytes(NANO)
    apply(installed, namespace, "claimed", image="pvc://mine/nano.gguf")
    ready(installed, namespace, "claimed")
    assert answer(installed, "claimed")
    assert get(installed, namespace, "statefulset")["items"] == [], "nothing was pulled"


def test_an_image_is_mounted_where_the_cluster_can(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    image = installed.kubelet.images / "registry.example.com_ann_nano_v1"
    image.mkdir(parents=True)
    (image / "model.gguf").write_bytes(NANO)
    apply(installed, namespace, "mounted", image="oci://registry.example.com/ann/nano:v1")
    if mounts_images():
        ready(installed, namespace, "mounted")
        assert answer(installed, "mounted")
        assert get(installed, namespace, "statefulset")["items"] == [], "nothing was pulled"
    else:
        until(lambda: get(installed, namespace, "statefulset")["items"] != [])  # a store pulls it


@needs_redis
def test_a_memory_of_its_own(installed: ProcessCluster, cluster_namespace: str, tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        apply(installed, cluster_namespace, "mindful", image="echo-nano", cognition={"store": redis.url, "resources": {}})
        ready(installed, cluster_namespace, "mindful")
        (pod,) = agents(installed, cluster_namespace, "mindful")
        with grpc.insecure_channel(f"{pod['status']['podIP']}:50051") as channel:
            stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
            memory = pb.ChatMemory(scope=Scope(user="ann"))
            request = pb.ChatRequest(messages=[pb.Message(role="user", content="My dog is called Pixel.")], memory=memory)
            assert [reply.text for reply in stub.Chat(request, timeout=60)]
        (own,) = pods(installed, cluster_namespace, "app.kubernetes.io/component=memory")
        with grpc.insecure_channel(f"{own['status']['podIP']}:50053") as channel:
            cognition: Any = CognitionServiceStub(channel)  # type: ignore[arg-type]
            found = cognition.ListMemories(ListMemoriesRequest(scope=Scope(user="ann")), timeout=10)
            assert "Pixel" in str(found)
        installed.kubectl("delete", "model", "mindful", "-n", cluster_namespace, "--timeout=30s")
    finally:
        redis.stop()


def test_a_model_at_zero_is_woken_by_the_first_request(installed: ProcessCluster, cluster_namespace: str) -> None:
    scaling = {"minReplicas": 0, "maxReplicas": 2, "cooldownSeconds": 2}
    apply(installed, cluster_namespace, "sleepy", image="echo-nano", replicas=0, autoscaling=scaling)
    until(lambda: status(installed, cluster_namespace, "sleepy").get("phase") == "Ready")
    assert agents(installed, cluster_namespace, "sleepy") == []
    assert answer(installed, "sleepy")
    assert get(installed, cluster_namespace, "model", "sleepy")["spec"]["replicas"] == 1
    until(lambda: get(installed, cluster_namespace, "model", "sleepy")["spec"]["replicas"] == 0)
    until(lambda: agents(installed, cluster_namespace, "sleepy") == [])


def test_a_pulled_model_with_its_store(installed: ProcessCluster, cluster_namespace: str, registry: RegistryServer) -> None:
    namespace = cluster_namespace
    registry.ollama("ann/nano", NANO, "q8")
    image = f"{registry.host}/ann/nano:q8"
    apply(installed, namespace, "one", image=image, storage={"size": "1Gi"})
    ready(installed, namespace, "one", within_s=90)
    assert answer(installed, "one")
    apply(installed, namespace, "two", image=image, storage={"size": "1Gi"}, cognition={"enabled": False})
    ready(installed, namespace, "two")
    (store,) = get(installed, namespace, "statefulset")["items"]
    assert [owner["name"] for owner in store["metadata"]["ownerReferences"]] == ["one", "two"]
    (claim,) = get(installed, namespace, "pvc")["items"]
    assert claim["status"]["phase"] == "Bound"
    logs = installed.kubectl("logs", "-n", namespace, "-l", "echorator.dev/model=two", "-c", "pull").stdout
    assert "ready" in logs
    installed.kubectl("delete", "model", "one", "-n", namespace, "--timeout=30s")
    assert answer(installed, "two")
    assert len(get(installed, namespace, "statefulset")["items"]) == 1
    installed.kubectl("delete", "model", "two", "-n", namespace, "--timeout=30s")
    until(lambda: get(installed, namespace, "statefulset,pvc,pods,services")["items"], wanted=lambda items: items == [])


def test_images_that_cannot_be_pulled_say_why(installed: ProcessCluster, cluster_namespace: str, registry: RegistryServer) -> None:
    apply(installed, cluster_namespace, "absent", image=f"{registry.host}/ann/absent")
    found = until(lambda: status(installed, cluster_namespace, "absent"), wanted=lambda s: s.get("phase") == "Failed")
    assert "look at the name, the tag and the spelling" in found["lastError"]["message"]
    assert found["lastError"]["class"] == "Configuration"
    registry.ollama("ann/absent", NANO)
    ready(installed, cluster_namespace, "absent", within_s=90)


def test_the_leader_is_killed_and_the_other_goes_on(installed: ProcessCluster, cluster_namespace: str) -> None:
    first = until(lambda: leader(installed))
    apply(installed, cluster_namespace, "before", image="echo-nano", replicas=0)
    until(lambda: status(installed, cluster_namespace, "before").get("phase") == "Ready")
    version = get(installed, cluster_namespace, "deployment", "model-before")["metadata"]["generation"]
    installed.kubectl("delete", "pod", first, "-n", SYSTEM, "--grace-period=0", "--force")
    apply(installed, cluster_namespace, "after", image="echo-nano")
    ready(installed, cluster_namespace, "after")
    assert leader(installed) not in ("", first)
    assert get(installed, cluster_namespace, "deployment", "model-before")["metadata"]["generation"] == version
    installed.kubectl("rollout", "status", "deployment/echorator-operator", "-n", SYSTEM, "--timeout=90s")
    operators = pods(installed, SYSTEM, "app.kubernetes.io/name=echorator-operator")
    leading = [metric(pod, OPERATOR_METRICS, "leader_election_master_status") for pod in operators]
    assert sum(leading) == 1
    assert sum(metric(pod, OPERATOR_METRICS, "controller_runtime_reconcile_panics_total") for pod in operators) == 0
