"""What tests do in a cluster that Echorator is installed in: apply Models, see how they stand, call them.

Fed by the fixtures `installed` and `cluster_namespace`; what is seen is the API server's, what is called are pods that are processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import requests

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.waiting import until

SYSTEM = "echorator-system"
OPERATOR_METRICS, AGENT_METRICS = 8081, 9090  # ports
_INSTALL = Path(__file__).parents[3] / "manifests/install.yaml"


def install(cluster: ProcessCluster) -> None:
    """As the guide for Kubernetes says it; all of it runs when this returns. Once more does no harm."""
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", str(_INSTALL))
    for part in (
        "statefulset/echorator-controller",
        "statefulset/echorator-cognition",
        "deployment/echorator-gateway",
        "deployment/echorator-operator",
    ):
        cluster.kubectl("rollout", "status", part, "-n", SYSTEM, "--timeout=90s")
    for kind in ("validating", "mutating"):  # this API server has no way to the IP of a Service; test_webhooks.py has them
        cluster.kubectl("delete", f"{kind}webhookconfiguration", "echorator-operator", "--ignore-not-found")


@contextmanager
def without_operator(cluster: ProcessCluster) -> Iterator[None]:
    """While this lasts no operator runs; one that is installed has as many replicas afterwards as before."""
    operator = ("deployment/echorator-operator", "-n", SYSTEM)
    replicas = cluster.kubectl("get", *operator, "--ignore-not-found", "-o", "jsonpath={.spec.replicas}", check=False).stdout
    if not replicas:
        yield
        return
    cluster.kubectl("scale", *operator, "--replicas=0")
    until(lambda: pods(cluster, SYSTEM, "app.kubernetes.io/name=echorator-operator"), wanted=lambda found: not found)
    try:
        yield
    finally:
        cluster.kubectl("scale", *operator, f"--replicas={replicas}")
        cluster.kubectl("rollout", "status", *operator, "--timeout=90s")


def get(cluster: ProcessCluster, namespace: str, *what: str) -> Any:
    """An object, or a list."""
    return json.loads(cluster.kubectl("get", *what, "-n", namespace, "-o", "json").stdout)


def status(cluster: ProcessCluster, namespace: str, name: str) -> dict[str, Any]:
    """Of a Model; {} for none."""
    return get(cluster, namespace, "model", name).get("status") or {}


def apply(cluster: ProcessCluster, namespace: str, name: str, **spec: Any) -> None:
    """A Model."""
    document = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(document))


def ready(cluster: ProcessCluster, namespace: str, name: str, replicas: int = 1, within_s: float = 60) -> dict[str, Any]:
    """The status of a Model, once so many replicas serve it."""

    def serves(found: dict[str, Any]) -> bool:
        return found.get("phase") == "Ready" and found.get("readyReplicas") == replicas

    return until(lambda: status(cluster, namespace, name), wanted=serves, within_s=within_s)


def pods(cluster: ProcessCluster, namespace: str, selector: str) -> list[Any]:
    """Those that are not about to go."""
    return [pod for pod in get(cluster, namespace, "pods", "-l", selector)["items"] if "deletionTimestamp" not in pod["metadata"]]


def agents(cluster: ProcessCluster, namespace: str, name: str) -> list[Any]:
    """The pods of a Model."""
    return pods(cluster, namespace, f"echorator.dev/model={name},app.kubernetes.io/component=agent")


def gateway(cluster: ProcessCluster) -> str:
    """The address of one of its pods."""
    pod = pods(cluster, SYSTEM, "app.kubernetes.io/name=echorator-gateway")[0]
    return str(pod["status"]["podIP"])


def answer(cluster: ProcessCluster, model: str, within_s: float = 60) -> str:
    """Streamed through the gateway."""
    with grpc.insecure_channel(f"{gateway(cluster)}:50052") as channel:
        request = pb.ChatRequest(model=model, messages=[pb.Message(role="user", content="Hello!")], limits=pb.Limits(max_tokens=8))
        stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]  # typed for grpc.aio
        return "".join(reply.text for reply in stub.Chat(request, timeout=within_s))


def metric(pod: Any, port: int, name: str) -> float:
    """The sum of a metric's values."""
    text = requests.get(f"http://{pod['status']['podIP']}:{port}/metrics", timeout=10).text
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))
