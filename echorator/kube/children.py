"""The objects that a Model becomes: a pure function of its spec, of the models it shares a store with, and of the installation.

Everything it makes carries the same labels and owners each time, so that what is there can be compared with what is to be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from echorator.kube.autoscaling import cluster_metrics
from echorator.kube.install import AGENT_PORT, MEMORY_PORT, METRICS_PORT, STORE_PORT, Install
from echorator.kube.pods import (
    AGENT,
    MODELS,
    POD_SECURITY,
    SCRATCH,
    admitted,
    agent_template,
    credentials,
    gpus_of,
    labels_of,
    memory_container,
    merged,
    puller,
    storage_of,
    store_labels,
)
from echorator.kube.resources import (
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
)
from echorator.kube.source import Source, Way
from echorator.model.autoscale import within
from echorator.model.kube_spec import KubeModelSpec

Child = tuple[Kind, Object]
NAMESPACE_NAME = "kubernetes.io/metadata.name"
MEMORY = "memory"


@dataclass(frozen=True)
class Wanted:
    """What is to be there: the store first, then, once the files are there, the rest."""

    store: tuple[Child, ...] = ()
    workload: tuple[Child, ...] = ()
    serving: tuple[Child, ...] = field(default=())  # how it is reached, and what watches over it


def name_of_workload(name: str) -> str:
    """Of its Deployment, its Service, and what else there is one of."""
    return f"model-{name}"


def selector_of(name: str) -> dict[str, str]:
    """Of its agents."""
    return {MODEL_LABEL: name, PART_LABEL: AGENT}


def wanted_of(
    model: Object, spec: KubeModelSpec, source: Source, install: Install, sharers: Sequence[Object], recommended: int = 0
) -> Wanted:
    """`sharers` are all models that use the same store, this one too; `recommended` replicas are what the mesh's signals ask for."""
    memory = memory_of(model, spec, install)
    store: tuple[Child, ...] = ()
    if source.way is Way.STORE:
        store = tuple(_store(model["metadata"]["namespace"], spec, source, install, sharers))
    own = tuple(_memory(model, spec, install)) if spec.cognition.enabled and spec.cognition.store else ()
    workload = (*own, (DEPLOYMENT, _deployment(model, spec, source, install, memory)))
    return Wanted(_stamped(store), _stamped(workload), _stamped(_serving(model, spec, install, recommended)))


def _stamped(children: Sequence[Child]) -> tuple[Child, ...]:
    """With a hash of themselves, so that a field which is no longer wanted is a difference too."""
    made = []
    for kind, child in children:
        text = json.dumps(child, sort_keys=True, separators=(",", ":")).encode()
        metadata = child["metadata"]
        annotations = {**metadata.get("annotations", {}), APPLIED_ANNOTATION: hashlib.sha256(text).hexdigest()[:16]}
        made.append((kind, {**child, "metadata": {**metadata, "annotations": annotations}}))
    return tuple(made)


def own_memory_name(model: Object) -> str:
    """Of the Deployment and the Service of a memory of its own."""
    return f"{name_of_workload(model['metadata']['name'])}-{MEMORY}"


def memory_of(model: Object, spec: KubeModelSpec, install: Install) -> str:
    """The address of the CognitionService that a model's agents use: its own, or the installation's; "" for none."""
    if not spec.cognition.enabled:
        return ""
    own = f"{own_memory_name(model)}.{model['metadata']['namespace']}.svc:{MEMORY_PORT}"
    return own if spec.cognition.store else install.memory


def owner_of(model: Object, controls: bool) -> Object:
    """The reference by which a child goes when the model goes."""
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


# The store of the files


def _store(namespace: str, spec: KubeModelSpec, source: Source, install: Install, sharers: Sequence[Object]) -> list[Child]:
    """On the nodes of the agents, so that its claim is in a zone of theirs; what it takes from the spec is part of its name."""
    labels = store_labels(source.store)
    owners = [owner_of(model, controls=False) for model in sorted(sharers, key=lambda model: str(model["metadata"]["name"]))]
    metadata: Object = {"namespace": namespace, "name": source.store, "labels": labels, "ownerReferences": owners}
    container = puller(spec, source, install, ["--serve", f"0.0.0.0:{STORE_PORT}"])
    container["ports"] = [{"name": "http", "containerPort": STORE_PORT, "protocol": "TCP"}]
    container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": STORE_PORT, "scheme": "HTTP"}, "periodSeconds": 2}
    volumes = [SCRATCH, *credentials(spec)[1]]
    claims: list[Object] = []
    if spec.storage.existing_claim:
        volumes.append({"name": MODELS, "persistentVolumeClaim": {"claimName": spec.storage.existing_claim}})
    else:
        claims.append(_claim(spec, labels))
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": volumes,
        **({"nodeSelector": spec.node_selector} if spec.node_selector else {}),
        **admitted(spec),
    }
    stateful: Object = {
        "replicas": 1,
        "serviceName": source.store,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    }
    if claims:
        stateful["volumeClaimTemplates"] = claims
    service: Object = {
        "selector": labels,
        "ports": [{"name": "http", "port": STORE_PORT, "targetPort": STORE_PORT, "protocol": "TCP"}],
    }
    policy: Object = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress"],  # out: whatever registry the source is in
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": {MANAGED_LABEL: MANAGED_BY}}}, _system(install)], "ports": [_port(STORE_PORT)]}
        ],
    }
    parts = ((STATEFUL_SET, stateful), (SERVICE, service), (NETWORK_POLICY, policy))
    return [(kind, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": made}) for kind, made in parts]


def _claim(spec: KubeModelSpec, labels: dict[str, str]) -> Object:
    claim: Object = {"accessModes": [spec.storage.access_mode], "resources": {"requests": {"storage": storage_of(spec)}}}
    if spec.storage.class_name:
        claim["storageClassName"] = spec.storage.class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": MODELS, "labels": labels}, "spec": claim}


# The memory of its own


def _memory(model: Object, spec: KubeModelSpec, install: Install) -> list[Child]:
    """One whose state is in Redis, for the model's agents and the installation alone. Any node will do: it needs neither GPU nor claim."""
    name = own_memory_name(model)
    labels = labels_of(model["metadata"]["name"], MEMORY)
    selector = {MODEL_LABEL: model["metadata"]["name"], PART_LABEL: MEMORY}
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": 40,
        "containers": [memory_container(spec, install)],
        "volumes": [SCRATCH],
        **admitted(spec),
    }
    template: Object = {"metadata": {"labels": labels}, "spec": pod}
    deployment: Object = {"replicas": 1, "selector": {"matchLabels": selector}, "revisionHistoryLimit": 2, "template": template}
    port = {"name": "grpc", "port": MEMORY_PORT, "targetPort": MEMORY_PORT, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"}
    service: Object = {"selector": selector, "ports": [port]}
    agents = {"podSelector": {"matchLabels": selector_of(model["metadata"]["name"])}}
    policy: Object = {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress"],  # out: wherever its Redis is
        "ingress": [{"from": [agents, _system(install)], "ports": [_port(MEMORY_PORT)]}],
    }
    return [
        (DEPLOYMENT, _made(DEPLOYMENT, model, name, MEMORY, deployment)),
        (SERVICE, _made(SERVICE, model, name, MEMORY, service)),
        (NETWORK_POLICY, _made(NETWORK_POLICY, model, name, MEMORY, policy)),
    ]


# The agents


def _deployment(model: Object, spec: KubeModelSpec, source: Source, install: Install, memory: str) -> Object:
    surge = {"maxSurge": 0, "maxUnavailable": 1} if gpus_of(spec) else {"maxSurge": 1, "maxUnavailable": 0}  # a GPU more is seldom free
    name = model["metadata"]["name"]
    workload: Object = {
        "replicas": spec.replicas,
        "selector": {"matchLabels": selector_of(name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": surge},
        "revisionHistoryLimit": 2,
        "template": agent_template(model, spec, source, install, memory),
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


def _policy(name: str, spec: KubeModelSpec, install: Install) -> Object:
    """In: metrics for this cluster's pods, calls from them too. Out: names, the mesh and its memory, the files' stores.

    A model that is exposed is called from anywhere: what comes through a node, a load balancer or a controller on the host's network has
    an address that is no pod's.
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
    """On the Model itself. What the mesh's signals ask for is the least, so that the most that any signal asks for is what there is."""
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
