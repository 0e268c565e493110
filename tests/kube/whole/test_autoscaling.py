"""The cluster's own controller of HorizontalPodAutoscalers scales Models, by their scale subresource, and the operator follows it.

The cluster has no metrics: what the controller does without them, it does at once, and of the rest it says how far it came. What the mesh
measures needs none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.kube_cluster.in_cluster import agents, apply, gateway, get, ready
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.waiting import until

ONE_SLOT = {"image": "echo-nano", "cognition": {"enabled": False}, "engine": {"slots": 1, "threads": 1}}
SCALED = {"image": "echo-nano", "cognition": {"enabled": False}, "autoscaling": {"minReplicas": 2, "maxReplicas": 2}}


def condition(cluster: ProcessCluster, namespace: str, kind: str) -> dict[str, Any]:
    """Of the autoscaler; {} where it has not said so yet."""
    found = get(cluster, namespace, "horizontalpodautoscalers")["items"]
    said = [c for scaler in found for c in scaler.get("status", {}).get("conditions", ())]
    return next((c for c in said if c["type"] == kind), {})


def rescales(cluster: ProcessCluster, namespace: str) -> list[str]:
    """What the controller has done, oldest first."""
    items = get(cluster, namespace, "events", "--field-selector=reason=SuccessfulRescale", "--sort-by=.metadata.creationTimestamp")["items"]
    return [item["message"] for item in items]


def asked(cluster: ProcessCluster, namespace: str, name: str) -> int:
    """Replicas that a Model is to have."""
    return int(get(cluster, namespace, "model", name)["spec"]["replicas"])


def test_an_autoscaler_keeps_a_model_within_its_bounds(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    apply(installed, namespace, "scaled", **SCALED)
    ready(installed, namespace, "scaled", replicas=2)
    assert asked(installed, namespace, "scaled") == 2
    assert len(agents(installed, namespace, "scaled")) == 2
    below = "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
    assert until(lambda: rescales(installed, namespace)) == [below]

    able = until(lambda: condition(installed, namespace, "AbleToScale"), wanted=lambda c: c.get("reason") == "SucceededGetScale")
    assert able["status"] == "True"
    active = until(lambda: condition(installed, namespace, "ScalingActive"))
    assert active["reason"] == "FailedGetResourceMetric", "without a selector it would not have come to the metrics"
    (scaler,) = get(installed, namespace, "horizontalpodautoscalers")["items"]
    assert (scaler["status"]["currentReplicas"], scaler["status"]["desiredReplicas"]) == (2, 2)

    apply(installed, namespace, "scaled", **SCALED)
    assert asked(installed, namespace, "scaled") == 2, "who applies a manifest without replicas again does not scale"
    installed.kubectl("scale", "mdl/scaled", "--replicas=3", "-n", namespace)
    above = "New size: 2; reason: Current number of replicas above Spec.MaxReplicas"
    until(lambda: rescales(installed, namespace), wanted=lambda done: above in done)
    assert asked(installed, namespace, "scaled") == 2
    until(lambda: len(agents(installed, namespace, "scaled")), wanted=lambda count: count == 2)


def test_at_zero_and_without_an_autoscaler_replicas_are_a_persons(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    apply(installed, namespace, "resting", replicas=0, **SCALED)
    until(lambda: condition(installed, namespace, "ScalingActive"), wanted=lambda c: c.get("reason") == "ScalingDisabled")
    assert asked(installed, namespace, "resting") == 0

    patch = {"spec": {"autoscaling": None, "replicas": 1}}
    installed.kubectl("patch", "model", "resting", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    until(lambda: get(installed, namespace, "horizontalpodautoscalers")["items"], wanted=lambda items: items == [])
    ready(installed, namespace, "resting")
    assert (asked(installed, namespace, "resting"), rescales(installed, namespace)) == (1, [])


@contextmanager
def asking(cluster: ProcessCluster, model: str, callers: int) -> Iterator[None]:
    """So many clients of the gateway that ask again as soon as they have an answer, while the context lasts."""
    request = pb.GenerateRequest(model=model, prompt="a", limits=pb.Limits(max_tokens=300, ignore_eos=True))
    done, failures = threading.Event(), list[grpc.RpcError]()

    def ask(address: str) -> None:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]  # typed for grpc.aio
            try:
                while not done.is_set():
                    assert "".join(reply.text for reply in stub.Generate(request, timeout=120))
            except grpc.RpcError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(f"{gateway(cluster)}:50052",)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []


def scaled(cluster: ProcessCluster, namespace: str) -> list[str]:
    """What the operator has done, oldest first."""
    items = get(cluster, namespace, "events", "--field-selector=reason=Scaled", "--sort-by=.metadata.creationTimestamp")["items"]
    return [item["message"] for item in items]


def test_requests_that_wait_bring_a_replica_and_their_end_takes_it(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    signals = {"cpuPercent": 0, "memoryPercent": 0, "queueDepth": 2, "responseTimeSeconds": 0}
    apply(installed, namespace, "queued", **ONE_SLOT, autoscaling={"maxReplicas": 2, "signals": signals, "cooldownSeconds": 2})
    ready(installed, namespace, "queued")
    assert get(installed, namespace, "horizontalpodautoscalers")["items"] == []
    with asking(installed, "queued", 6):
        until(lambda: asked(installed, namespace, "queued"), wanted=lambda replicas: replicas == 2)
        ready(installed, namespace, "queued", replicas=2)
    until(lambda: asked(installed, namespace, "queued"), wanted=lambda replicas: replicas == 1, within_s=30)
    until(lambda: len(agents(installed, namespace, "queued")), wanted=lambda count: count == 1)
    up, down = (f"from {before} to {after} replicas, by the signals of the mesh" for before, after in ((1, 2), (2, 1)))
    until(lambda: scaled(installed, namespace), wanted=lambda done: done == [up, down])


def test_what_the_mesh_measures_is_the_least_of_the_autoscaler(installed: ProcessCluster, cluster_namespace: str) -> None:
    def least() -> int:
        (scaler,) = get(installed, namespace, "horizontalpodautoscalers")["items"]
        return int(scaler["spec"]["minReplicas"])

    namespace = cluster_namespace
    signals = {"queueDepth": 2, "responseTimeSeconds": 0}
    apply(installed, namespace, "both", **ONE_SLOT, autoscaling={"maxReplicas": 2, "signals": signals, "cooldownSeconds": 2})
    ready(installed, namespace, "both")
    assert until(least) == 1
    with asking(installed, "both", 6):
        until(least, wanted=lambda replicas: replicas == 2)
        ready(installed, namespace, "both", replicas=2)
    until(least, wanted=lambda replicas: replicas == 1, within_s=30)
    below = "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
    assert (rescales(installed, namespace), scaled(installed, namespace)) == ([below], []), "one of the two scales"
