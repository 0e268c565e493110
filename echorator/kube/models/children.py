"""Makes the objects that a Model becomes: a pure function of its spec, of the Models that share its store, and of the installation.

The objects have the same labels and owners each time, so that existing ones can be compared with wanted ones. Feeds `applying`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from echorator.kube.api.resources import (
    APPLIED_ANNOTATION,
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    GRPC_ROUTE,
    INGRESS,
    MANAGED_BY,
    MANAGED_LABEL,
    MODEL,
    MODEL_LABEL,
    NETWORK_POLICY,
    PART_LABEL,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Object,
    labels_of,
    name_of_workload,
    own_memory_name,
    store_labels,
)
from echorator.kube.installation import METRICS_PORT, STORE_PORT, Install
from echorator.kube.models.autoscaling import cluster_metrics
from echorator.kube.models.pods import AGENT, Pods, merged, pods_of
from echorator.kube.models.source import Source
from echorator.model_resource.autoscale import within
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.ports import AGENT_PORT, MEMORY_PORT

Child = tuple[Kind, Object]
NAMESPACE_NAME = "kubernetes.io/metadata.name"
MEMORY = "memory"


@dataclass(frozen=True)
class Wanted:
    """The children of a Model in the order in which they are needed: its store, and once the files are there, the rest."""

    store: tuple[Child, ...] = ()
    workload: tuple[Child, ...] = ()
    serving: tuple[Child, ...] = field(default=())  # the objects by which clients reach it and the cluster watches it
    memory: str = ""  # the address of the CognitionService that the agents use; "" for none


def selector_of(name: str) -> dict[str, str]:
    """Return the labels that select the pods of a Model's agents."""
    return {MODEL_LABEL: name, PART_LABEL: AGENT}


def wanted_of(
    model: Object, spec: KubeModelSpec, source: Source, install: Install, sharers: Sequence[Object], recommended: int = 0
) -> Wanted:
    """Return the objects that a Model is to have.

    Args:
        model: the Model.
        spec: its spec.
        source: where its files come from.
        install: the operator's installation.
        sharers: all Models that use the same store, this one included.
        recommended: the replicas that the mesh's signals ask for.
    """
    memory = _memory_address(model, spec, install)
    pods = pods_of(model, spec, source, install, memory)
    store = tuple(_store(model["metadata"]["namespace"], source, install, sharers, pods))
    workload = (*_memory(model, install, pods), (DEPLOYMENT, _deployment(model, spec, pods.agents)))
    return Wanted(_stamped(store), _stamped(workload), _stamped(_serving(model, spec, install, recommended)), memory)


def _stamped(children: Sequence[Child]) -> tuple[Child, ...]:
    """Add a hash of each child to its annotations, so that a field that is no longer wanted counts as a difference too."""
    made = []
    for kind, child in children:
        text = json.dumps(child, sort_keys=True, separators=(",", ":")).encode()
        metadata = child["metadata"]
        annotations = {**metadata.get("annotations", {}), APPLIED_ANNOTATION: hashlib.sha256(text).hexdigest()[:16]}
        made.append((kind, {**child, "metadata": {**metadata, "annotations": annotations}}))
    return tuple(made)


def _memory_address(model: Object, spec: KubeModelSpec, install: Install) -> str:
    """Return the address of the CognitionService that a Model's agents use: its own, or the installation's; "" for none."""
    if not spec.cognition.enabled:
        return ""
    own = f"{own_memory_name(model)}.{model['metadata']['namespace']}.svc:{MEMORY_PORT}"
    return own if spec.cognition.store else install.memory


def owner_of(model: Object, controls: bool) -> Object:
    """Return the owner reference with which the garbage collector deletes a child together with its Model."""
    reference: Object = {
        "apiVersion": MODEL.api_version,
        "kind": MODEL.name,
        "name": model["metadata"]["name"],
        "uid": model["metadata"]["uid"],
    }
    return {**reference, "controller": True, "blockOwnerDeletion": True} if controls else reference


def _made(kind: Kind, model: Object, name: str, part: str, spec: Object) -> Object:
    metadata: Object = {"namespace": model["metadata"]["namespace"], "name": name, "labels": labels_of(model["metadata"]["name"], part)}
    metadata["ownerReferences"] = [owner_of(model, controls=True)]
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec}


# The store of the model's files


def _store(namespace: str, source: Source, install: Install, sharers: Sequence[Object], pods: Pods) -> list[Child]:
    """Return the objects that pull and keep the files; whatever they take from the spec is part of the store's name."""
    if pods.store is None:
        return []
    labels = store_labels(source.store)
    owners = [owner_of(model, controls=False) for model in sorted(sharers, key=lambda model: str(model["metadata"]["name"]))]
    metadata: Object = {"namespace": namespace, "name": source.store, "labels": labels, "ownerReferences": owners}
    stateful: Object = {
        "replicas": 1,
        "serviceName": source.store,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pods.store},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    }
    if pods.store_claim is not None:
        stateful["volumeClaimTemplates"] = [pods.store_claim]
    service: Object = {
        "selector": labels,
        "ports": [{"name": "http", "port": STORE_PORT, "targetPort": STORE_PORT, "protocol": "TCP"}],
    }
    callers = {"podSelector": {"matchLabels": {MANAGED_LABEL: MANAGED_BY}}}
    policy = _called_by(labels, [callers, _system(install)], STORE_PORT)  # egress is open: the registry may be anywhere
    parts = ((STATEFUL_SET, stateful), (SERVICE, service), (NETWORK_POLICY, policy))
    return [(kind, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": made}) for kind, made in parts]


# The Model's own memory


def _memory(model: Object, install: Install, pods: Pods) -> list[Child]:
    """Return the objects of the Model's own memory, whose state is in a shared store.

    Only the model's agents and the installation may call it.
    """
    if pods.memory is None:
        return []
    name = own_memory_name(model)
    labels = labels_of(model["metadata"]["name"], MEMORY)
    selector = {MODEL_LABEL: model["metadata"]["name"], PART_LABEL: MEMORY}
    template: Object = {"metadata": {"labels": labels}, "spec": pods.memory}
    deployment: Object = {"replicas": 1, "selector": {"matchLabels": selector}, "revisionHistoryLimit": 2, "template": template}
    port = {"name": "grpc", "port": MEMORY_PORT, "targetPort": MEMORY_PORT, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"}
    service: Object = {"selector": selector, "ports": [port]}
    agents = {"podSelector": {"matchLabels": selector_of(model["metadata"]["name"])}}
    policy = _called_by(selector, [agents, _system(install)], MEMORY_PORT)  # egress is open: its store may be anywhere
    return [
        (DEPLOYMENT, _made(DEPLOYMENT, model, name, MEMORY, deployment)),
        (SERVICE, _made(SERVICE, model, name, MEMORY, service)),
        (NETWORK_POLICY, _made(NETWORK_POLICY, model, name, MEMORY, policy)),
    ]


# The agents


def _deployment(model: Object, spec: KubeModelSpec, template: Object) -> Object:
    surge = {"maxSurge": 0, "maxUnavailable": 1} if spec.gpu_count else {"maxSurge": 1, "maxUnavailable": 0}  # a further GPU is seldom free
    name = model["metadata"]["name"]
    workload: Object = {
        "replicas": spec.replicas,
        "selector": {"matchLabels": selector_of(name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": surge},
        "revisionHistoryLimit": 2,
        "template": template,
    }
    return _made(DEPLOYMENT, model, name_of_workload(name), AGENT, workload)


def _serving(model: Object, spec: KubeModelSpec, install: Install, recommended: int) -> list[Child]:
    name = model["metadata"]["name"]
    workload = name_of_workload(name)
    service_name = spec.expose.service_name or workload
    port = {"name": "grpc", "port": AGENT_PORT, "targetPort": AGENT_PORT, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"}
    kind = spec.expose.type if spec.expose.type in ("NodePort", "LoadBalancer") else "ClusterIP"
    if spec.expose.node_port is not None:
        port["nodePort"] = spec.expose.node_port
    service = _made(SERVICE, model, service_name, AGENT, {"type": kind, "selector": selector_of(name), "ports": [port]})
    if spec.expose.annotations:
        service["metadata"]["annotations"] = dict(spec.expose.annotations)
    bare = {key: value for key, value in port.items() if key != "nodePort"}
    headless = {"clusterIP": "None", "selector": selector_of(name), "ports": [bare], "publishNotReadyAddresses": False}
    children: list[Child] = [
        (SERVICE, service),
        (SERVICE, _made(SERVICE, model, f"{workload}-agents", AGENT, headless)),
        (NETWORK_POLICY, _made(NETWORK_POLICY, model, workload, AGENT, _policy(name, spec, install))),
    ]
    most = spec.autoscaling.max_replicas if spec.autoscaling else spec.replicas
    if most >= 2:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": selector_of(name)}, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
        children.append((DISRUPTION_BUDGET, _made(DISRUPTION_BUDGET, model, workload, AGENT, budget)))
    if metrics := cluster_metrics(spec, install):
        children.append((AUTOSCALER, _made(AUTOSCALER, model, workload, AGENT, _autoscaler(name, spec, metrics, recommended))))
    if spec.expose.type == "Ingress":
        children.append((INGRESS, _ingress(model, spec, service_name)))
    if spec.expose.type == "GRPCRoute" and install.grpc_routes:
        children.append((GRPC_ROUTE, _made(GRPC_ROUTE, model, workload, AGENT, _route(spec, service_name))))
    return children


def _system(install: Install) -> Object:
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: install.namespace}}}


def _port(number: int, protocol: str = "TCP") -> Object:
    return {"port": number, "protocol": protocol}


def _called_by(selector: dict[str, str], callers: list[Object], port: int) -> Object:
    """Return the spec of a NetworkPolicy that lets only `callers` reach one port of the selected pods, and those pods reach anything."""
    return {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": callers, "ports": [_port(port)]}],
    }


def _policy(name: str, spec: KubeModelSpec, install: Install) -> Object:
    """Return the spec of the agents' NetworkPolicy.

    Ingress: calls and metrics, for the cluster's pods. Egress: DNS, the mesh and its memory, and the stores. An exposed Model accepts calls
    from anywhere, because those through a node, a load balancer or a controller on the host's network have an address of no pod.
    """
    pods: Object = {"from": [{"namespaceSelector": {}}]}
    callers = pods if spec.expose.type == "ClusterIP" else {}
    dns: Object = {"ports": [_port(53, "UDP"), _port(53)]}
    stores: Object = {"to": [{"podSelector": {"matchLabels": {MANAGED_LABEL: MANAGED_BY}}}]}
    return {
        "podSelector": {"matchLabels": selector_of(name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{**callers, "ports": [_port(AGENT_PORT)]}, {**pods, "ports": [_port(METRICS_PORT)]}],
        "egress": [dns, {"to": [_system(install)]}, stores],
    }


def _autoscaler(name: str, spec: KubeModelSpec, metrics: list[Object], recommended: int) -> Object:
    """Return the spec of an HPA of the Model. Its minReplicas are what the mesh's signals ask for, so that the highest signal wins."""
    assert spec.autoscaling is not None
    return {
        "scaleTargetRef": {"apiVersion": MODEL.api_version, "kind": MODEL.name, "name": name},
        "minReplicas": within(recommended, spec.autoscaling),
        "maxReplicas": spec.autoscaling.max_replicas,
        "metrics": metrics,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": spec.autoscaling.cooldown_seconds}},
    }


def _ingress(model: Object, spec: KubeModelSpec, service: str) -> Object:
    backend = {"service": {"name": service, "port": {"name": "grpc"}}}
    rule = {"host": spec.expose.host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress: Object = {"rules": [rule]}
    if spec.expose.class_name:
        ingress["ingressClassName"] = spec.expose.class_name
    if spec.expose.tls_secret_name:
        ingress["tls"] = [{"hosts": [spec.expose.host], "secretName": spec.expose.tls_secret_name}]
    made = _made(INGRESS, model, name_of_workload(model["metadata"]["name"]), AGENT, ingress)
    made["metadata"]["annotations"] = merged({"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}, dict(spec.expose.annotations))
    return made


def _route(spec: KubeModelSpec, service: str) -> Object:
    assert spec.expose.gateway is not None
    parent = {"name": spec.expose.gateway.name, **({"namespace": spec.expose.gateway.namespace} if spec.expose.gateway.namespace else {})}
    route: Object = {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": service, "port": AGENT_PORT}]}]}
    if spec.expose.host:
        route["hostnames"] = [spec.expose.host]
    return route
