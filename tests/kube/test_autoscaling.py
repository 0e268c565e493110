"""The cluster's own controller of HorizontalPodAutoscalers scales Models, by their scale subresource, and the operator follows it.

The cluster has no metrics: what the controller does without them, it does at once, and of the rest it says how far it came.
"""

from __future__ import annotations

import json
from typing import Any

from tests.kube.in_cluster import agents, apply, get, ready, until
from tests.kube.process_cluster import ProcessCluster

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

    able = until(lambda: condition(installed, namespace, "AbleToScale"), lambda c: c.get("reason") == "SucceededGetScale")
    assert able["status"] == "True"
    active = until(lambda: condition(installed, namespace, "ScalingActive"))
    assert active["reason"] == "FailedGetResourceMetric", "without a selector it would not have come to the metrics"
    (scaler,) = get(installed, namespace, "horizontalpodautoscalers")["items"]
    assert (scaler["status"]["currentReplicas"], scaler["status"]["desiredReplicas"]) == (2, 2)

    apply(installed, namespace, "scaled", **SCALED)
    assert asked(installed, namespace, "scaled") == 2, "who applies a manifest without replicas again does not scale"
    installed.kubectl("scale", "mdl/scaled", "--replicas=3", "-n", namespace)
    above = "New size: 2; reason: Current number of replicas above Spec.MaxReplicas"
    until(lambda: rescales(installed, namespace), lambda done: above in done)
    assert asked(installed, namespace, "scaled") == 2
    until(lambda: len(agents(installed, namespace, "scaled")), lambda count: count == 2)


def test_at_zero_and_without_an_autoscaler_replicas_are_a_persons(installed: ProcessCluster, cluster_namespace: str) -> None:
    namespace = cluster_namespace
    apply(installed, namespace, "resting", replicas=0, **SCALED)
    until(lambda: condition(installed, namespace, "ScalingActive"), lambda c: c.get("reason") == "ScalingDisabled")
    assert asked(installed, namespace, "resting") == 0

    patch = {"spec": {"autoscaling": None, "replicas": 1}}
    installed.kubectl("patch", "model", "resting", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    until(lambda: get(installed, namespace, "horizontalpodautoscalers")["items"], lambda items: items == [])
    ready(installed, namespace, "resting")
    assert (asked(installed, namespace, "resting"), rescales(installed, namespace)) == (1, [])
