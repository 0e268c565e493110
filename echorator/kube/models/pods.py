"""The parts of pods: the agent's container, its volumes, the security context for "restricted", and the merge of the user's pod template.

Pure; feeds `children` and `install.parts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echorator.kube.api.resources import MODEL_LABEL, PART_LABEL, Object, asked_name, labels_of, store_labels
from echorator.kube.installation import METRICS_PORT, STORE_PORT, Install
from echorator.kube.models.source import MODEL_FOLDER, MODELS, MODELS_FOLDER, Source, Way, asked_security, pulling_env
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.ports import AGENT_PORT, MEMORY_PORT

USER = 10001
GPU = "nvidia.com/gpu"
LEAVE_S = 10  # time beyond its --grace that an agent has to leave the mesh and to free its memory
MOST_GRACE_S = 86_400  # the largest --grace that an agent accepts
ENDPOINTS_S = 2  # time until every node has stopped sending calls to a pod that ends
START_S = 3600  # time that an agent may take to load its model
DOCKER_CONFIG = "/docker"
HUB_TOKEN = "hugging-face-token"  # the Secret, where a namespace has one; its key is "token"
AGENT = "agent"

_CLASSES: Mapping[str, tuple[str, str, str, str, str]] = {  # CPU and memory, each request and limit; storage
    "Small": ("2", "4", "8Gi", "16Gi", "20Gi"),
    "Medium": ("4", "8", "16Gi", "32Gi", "40Gi"),
    "Large": ("8", "16", "32Gi", "64Gi", "80Gi"),
}
DEFAULT_STORAGE = "20Gi"
CONTAINER_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD_SECURITY: Object = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
FIXED_IDS = ("runAsUser", "runAsGroup", "fsGroup")
SCRATCH: Object = {"name": "scratch", "emptyDir": {}}
SCRATCH_MOUNT: Object = {"name": "scratch", "mountPath": "/tmp"}
HOME: list[Object] = [{"name": "HOME", "value": SCRATCH_MOUNT["mountPath"]}, {"name": "XDG_DATA_HOME", "value": SCRATCH_MOUNT["mountPath"]}]


def storage_of(spec: KubeModelSpec) -> str:
    """Return the size of the store's claim, as a Kubernetes quantity."""
    return spec.storage.size or (_CLASSES[spec.resource_class][4] if spec.resource_class else DEFAULT_STORAGE)


def resources_of(spec: KubeModelSpec) -> Object:
    """Return requests and limits of the agent's container."""
    if spec.resources is not None:
        made: Object = {
            key: dict(value) for key, value in (("requests", spec.resources.requests), ("limits", spec.resources.limits)) if value
        }
    elif spec.resource_class:
        cpu, most_cpu, memory, most_memory, _ = _CLASSES[spec.resource_class]
        made = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}
    else:
        made = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    if gpus := spec.gpu_count:
        made.setdefault("limits", {})[GPU] = gpus
    return made


def shared_claim(spec: KubeModelSpec) -> bool:
    """Return whether pods of any node can read the store's claim."""
    return spec.storage.access_mode == "ReadWriteMany"


@dataclass(frozen=True)
class Pods:
    """The pods of one Model; `children` puts the objects that make them around these."""

    agents: Object  # the template of the agents' Deployment
    store: Object | None = None  # the pod that pulls the files. Invariant: not None exactly where Source.way is STORE
    store_claim: Object | None = None  # the claim that the store's StatefulSet makes; None where the user's claim is used
    memory: Object | None = None  # the CognitionService of the Model's own; None where it has none


def pods_of(model: Object, spec: KubeModelSpec, source: Source, install: Install, memory: str) -> Pods:
    """Return all pods of a Model; `memory` is the address of the CognitionService that its agents use, "" for none."""
    store, claim = None, None
    if source.way is Way.STORE:
        store = _store_pod(spec, source, install)
        claim = None if spec.storage.existing_claim else _store_claim(spec, source)
    own = _memory_pod(spec, install) if spec.cognition.enabled and spec.cognition.store else None
    return Pods(agent_template(model, spec, source, install, memory), store, claim, own)


def _store_pod(spec: KubeModelSpec, source: Source, install: Install) -> Object:
    """Return the pod that pulls the files; it runs on the nodes of the agents, so that its claim is in a zone of theirs."""
    container = puller(spec, source, install, ["--serve", f"0.0.0.0:{STORE_PORT}"])
    container["ports"] = [{"name": "http", "containerPort": STORE_PORT, "protocol": "TCP"}]
    container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": STORE_PORT, "scheme": "HTTP"}, "periodSeconds": 2}
    volumes = [SCRATCH, *credentials(spec)[1]]
    if spec.storage.existing_claim:
        volumes.append({"name": MODELS, "persistentVolumeClaim": {"claimName": spec.storage.existing_claim}})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **secured(spec, install),
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": volumes,
        **({"nodeSelector": spec.node_selector} if spec.node_selector else {}),
        **admitted(spec),
    }


def _store_claim(spec: KubeModelSpec, source: Source) -> Object:
    claim: Object = {"accessModes": [spec.storage.access_mode], "resources": {"requests": {"storage": storage_of(spec)}}}
    if spec.storage.class_name:
        claim["storageClassName"] = spec.storage.class_name
    metadata = {"name": MODELS, "labels": store_labels(source.store)}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}


def _memory_pod(spec: KubeModelSpec, install: Install) -> Object:
    """Return the pod of the Model's own memory; any node will do, since it needs neither GPU nor claim."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **secured(spec, install),
        "terminationGracePeriodSeconds": 40,
        "containers": [memory_container(spec, install)],
        "volumes": [SCRATCH],
        **admitted(spec),
    }


def agent_template(model: Object, spec: KubeModelSpec, source: Source, install: Install, memory: str) -> Object:
    """Return the pod template of a Model's agents; `memory` is the address of their CognitionService, "" for none."""
    name, pod_grace_s = model["metadata"]["name"], _pod_grace_s(spec, install)
    grace_s = min(max(0, pod_grace_s - LEAVE_S), MOST_GRACE_S)
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **secured(spec, install),
        "terminationGracePeriodSeconds": pod_grace_s,
        "containers": [_agent(model, spec, source, install, memory, grace_s)],
        "volumes": [SCRATCH, *_volumes(spec, source)],
        "topologySpreadConstraints": [_spread(name, key) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")],
    }
    if source.way is Way.STORE and not shared_claim(spec):
        upstream = f"http://{source.store}.{model['metadata']['namespace']}.svc:{STORE_PORT}"
        pod["initContainers"] = [puller(spec, source, install, ["--from", upstream])]
        pod["volumes"] += credentials(spec)[1]
    placement = {"nodeSelector": spec.node_selector, "affinity": spec.affinity, "runtimeClassName": spec.runtime_class_name}
    pod |= {key: value for key, value in placement.items() if value} | admitted(spec)
    template: Object = {"metadata": {"labels": labels_of(name, AGENT)}, "spec": pod}
    return merged(template, spec.pod_template) if spec.pod_template else template


def pod_security(install: Install) -> Object:
    """Return the pod's securityContext for "restricted", with fixed ids unless the cluster assigns ids itself."""
    return {key: value for key, value in POD_SECURITY.items() if install.fixed_ids or key not in FIXED_IDS}


def secured(spec: KubeModelSpec, install: Install) -> Object:
    """Return the securityContext of every pod of a Model: `pod_security`, with the changes of the user's own pod template."""
    made: Object = merged({"securityContext": pod_security(install)}, asked_security(spec))
    return made


def admitted(spec: KubeModelSpec) -> Object:
    """Return the tolerations, priority class and pull secrets of every pod of a Model, the store's and the memory's too."""
    given = {
        "tolerations": list(spec.tolerations),
        "priorityClassName": spec.priority_class_name,
        "imagePullSecrets": list(spec.image_pull_secrets),
    }
    return {key: value for key, value in given.items() if value}


def _pod_grace_s(spec: KubeModelSpec, install: Install) -> int:
    """Return the pod's grace period, from the user's pod template if it has one; the agent's --grace follows it."""
    own = (spec.pod_template or {}).get("spec")
    given = own.get("terminationGracePeriodSeconds") if isinstance(own, Mapping) else None
    return given if isinstance(given, int) else install.grace_s + LEAVE_S


def _agent(model: Object, spec: KubeModelSpec, source: Source, install: Install, memory: str, grace_s: int) -> Object:
    served = asked_name(model)
    options = ["--host", "0.0.0.0", "--port", str(AGENT_PORT), "--metrics-port", str(METRICS_PORT), "--grace", str(grace_s)]
    mesh = ["--controller", install.controller, "--for-model", served, "--agent-id", "$(POD_NAMESPACE)/$(POD_NAME)"]
    joined = ["--advertise", f"$(POD_IP):{AGENT_PORT}", "--join-timeout", str(START_S), "--models", MODELS_FOLDER]
    mounted = [word for pair in source.mounted for word in ("--mount", "=".join(pair))]
    probe = {"port": AGENT_PORT}
    return {
        "name": AGENT,
        "image": install.gpu_image if spec.gpu_count else install.image,
        "args": ["serve", *options, *mesh, *joined, *mounted, *(["--memory-server", memory] if memory else [])],
        "env": [
            *HOME,
            {"name": "ECHORATOR_OFFLINE", "value": "1"},
            *(_field(name, path) for name, path in _FIELDS),
            *spec.extra_env,
        ],
        **({"envFrom": list(spec.extra_env_from)} if spec.extra_env_from else {}),
        "ports": [
            {"name": "grpc", "containerPort": AGENT_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": resources_of(spec),
        "startupProbe": {"grpc": probe, "periodSeconds": 2, "failureThreshold": START_S // 2},
        "livenessProbe": {"grpc": probe, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {"grpc": {**probe, "service": f"echorator.v1.ModelService/{served}"}, "periodSeconds": 2, "failureThreshold": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": ENDPOINTS_S}}},
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [SCRATCH_MOUNT, *_mounts(source)],
    }


_FIELDS = (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"), ("POD_IP", "status.podIP"))


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _volumes(spec: KubeModelSpec, source: Source) -> list[Object]:
    match source.way:
        case Way.CLAIM:
            return [{"name": "model", "persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}}]
        case Way.IMAGE_VOLUME:
            return [{"name": "model", "image": {"reference": source.reference, "pullPolicy": "IfNotPresent"}}]
        case Way.STORE if shared_claim(spec):
            return [{"name": MODELS, "persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}}]
        case Way.STORE:
            return [{"name": MODELS, "emptyDir": {}}]  # no sizeLimit: a copy never grows, and a claim may hold more than its size says
        case Way.EMBEDDED:
            return []


def _mounts(source: Source) -> list[Object]:
    match source.way:
        case Way.CLAIM | Way.IMAGE_VOLUME:
            return [{"name": "model", "mountPath": MODEL_FOLDER, "readOnly": True}]
        case Way.STORE:
            return [{"name": MODELS, "mountPath": MODELS_FOLDER, "readOnly": True}]
        case Way.EMBEDDED:
            return []


def puller(spec: KubeModelSpec, source: Source, install: Install, more: list[str]) -> Object:
    """Return the container that pulls the model's files; `more` are further arguments of its command."""
    mounts, _ = credentials(spec)
    return {
        "name": "pull",
        "image": install.image,
        "args": ["pull", *source.pulled, "--models", MODELS_FOLDER, "--any-size", *more],
        "env": [
            *HOME,
            {"name": "DOCKER_CONFIG", "value": ":".join(f"{DOCKER_CONFIG}/{i}" for i in range(len(spec.image_pull_secrets) or 1))},
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": HUB_TOKEN, "key": "token", "optional": True}}},
            *pulling_env(spec),
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [SCRATCH_MOUNT, {"name": MODELS, "mountPath": MODELS_FOLDER}, *mounts],
    }


def memory_container(spec: KubeModelSpec, install: Install) -> Object:
    """Return the container of the CognitionService of a Model with its own memory."""
    resources: Object = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
    asked = spec.cognition.resources
    if asked is not None:
        resources = {key: dict(value) for key, value in (("requests", asked.requests), ("limits", asked.limits)) if value}
    probe = {"grpc": {"port": MEMORY_PORT}}
    return {
        "name": "cognition",
        "image": install.image,
        "args": ["cognition", "--host", "0.0.0.0", "--port", str(MEMORY_PORT), "--memory", spec.cognition.store],
        "env": list(HOME),
        "ports": [{"name": "grpc", "containerPort": MEMORY_PORT, "protocol": "TCP"}],
        "resources": resources,
        "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {**probe, "periodSeconds": 2},
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [SCRATCH_MOUNT],
    }


def credentials(spec: KubeModelSpec) -> tuple[list[Object], list[Object]]:
    """Return mounts and volumes of the registries' credentials, with one folder for each pull secret."""
    if not spec.image_pull_secrets:
        return [], []
    names = [str(secret.get("name", "")) for secret in spec.image_pull_secrets]
    secrets = [
        {"secret": {"name": name, "items": [{"key": ".dockerconfigjson", "path": f"{i}/config.json"}], "optional": True}}
        for i, name in enumerate(names)
    ]
    mount = {"name": "credentials", "mountPath": DOCKER_CONFIG, "readOnly": True}
    return [mount], [{"name": "credentials", "projected": {"sources": secrets}}]


def _spread(name: str, key: str) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {MODEL_LABEL: name, PART_LABEL: AGENT}},
        "matchLabelKeys": ["pod-template-hash"],
    }


_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "topologySpreadConstraints": "topologyKey",
}


def merged(under: Any, over: Any, field: str = "") -> Any:
    """Return `over` merged onto `under` as `kubectl patch` does it with pods.

    Mappings are merged by key and lists of named items by name; any other value is replaced, and None removes it.
    """
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        both = {key: merged(under.get(key), value, key) for key, value in over.items() if value is not None}
        return {**{key: value for key, value in under.items() if key not in over}, **both}
    key = _KEYS.get(field)
    if key and isinstance(under, list) and isinstance(over, list):
        changed = {item.get(key): item for item in over if isinstance(item, Mapping)}
        first = [merged(item, changed.pop(item.get(key))) if item.get(key) in changed else item for item in under]
        return [*first, *changed.values()]
    return over
