"""The parts of pods: the agent's container, its volumes, what makes it fit "restricted", and the user's own template over it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echorator.kube.install import AGENT_PORT, MEMORY_PORT, METRICS_PORT, STORE_PORT, Install
from echorator.kube.resources import MANAGED_BY, MANAGED_LABEL, MODEL_LABEL, PART_LABEL, STORE_LABEL, Object, asked_name
from echorator.kube.source import MODEL_FOLDER, MODELS_FOLDER, Source, Way, pulling_env, shared_claim
from echorator.model.kube_spec import KubeModelSpec

USER = 10001
GPU = "nvidia.com/gpu"
LEAVE_S = 10  # beyond its grace, an agent has this long to leave and to free what it has
MOST_GRACE_S = 86_400  # that an agent takes
ENDPOINTS_S = 2  # until every node knows that a pod takes no more calls
START_S = 3600  # an agent may take this long to load its model
DOCKER_CONFIG = "/docker"
HUB_TOKEN = "hugging-face-token"  # the Secret, where a namespace has one; its key is "token"
AGENT, MODELS = "agent", "models"

_CLASSES: Mapping[str, tuple[str, str, str, str, int, str]] = {  # CPU, memory: reserved and at most; GPUs; storage
    "Small": ("2", "4", "8Gi", "16Gi", 0, "20Gi"),
    "Medium": ("4", "8", "16Gi", "32Gi", 1, "40Gi"),
    "Large": ("8", "16", "32Gi", "64Gi", 1, "80Gi"),
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
SCRATCH: Object = {"name": "scratch", "emptyDir": {}}
SCRATCH_MOUNT: Object = {"name": "scratch", "mountPath": "/tmp"}
HOME: list[Object] = [{"name": "HOME", "value": SCRATCH_MOUNT["mountPath"]}, {"name": "XDG_DATA_HOME", "value": SCRATCH_MOUNT["mountPath"]}]


def labels_of(name: str, part: str) -> dict[str, str]:
    """Of the pods of a model's part."""
    return {"app.kubernetes.io/name": "echorator", PART_LABEL: part, MANAGED_LABEL: MANAGED_BY, MODEL_LABEL: name}


def store_labels(store: str) -> dict[str, str]:
    """Of the pods of a store."""
    return {"app.kubernetes.io/name": "echorator", PART_LABEL: "store", MANAGED_LABEL: MANAGED_BY, STORE_LABEL: store}


def gpus_of(spec: KubeModelSpec) -> int:
    """Of one replica."""
    if spec.gpus is not None:
        return spec.gpus
    return _CLASSES[spec.resource_class][4] if spec.resource_class else 0


def storage_of(spec: KubeModelSpec) -> str:
    """How large its claim is."""
    return spec.storage.size or (_CLASSES[spec.resource_class][5] if spec.resource_class else DEFAULT_STORAGE)


def resources_of(spec: KubeModelSpec) -> Object:
    """Of the agent's container."""
    if spec.resources is not None:
        made: Object = {
            key: dict(value) for key, value in (("requests", spec.resources.requests), ("limits", spec.resources.limits)) if value
        }
    elif spec.resource_class:
        cpu, most_cpu, memory, most_memory, _, _ = _CLASSES[spec.resource_class]
        made = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}
    else:
        made = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    if gpus := gpus_of(spec):
        made.setdefault("limits", {})[GPU] = gpus
    return made


def agent_template(model: Object, spec: KubeModelSpec, source: Source, install: Install, memory: str) -> Object:
    """The pod template of a model's agents; `memory` is the CognitionService they use, "" for none."""
    name, pod_grace_s = model["metadata"]["name"], _pod_grace_s(spec, install)
    grace_s = min(max(0, pod_grace_s - LEAVE_S), MOST_GRACE_S)
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
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


def admitted(spec: KubeModelSpec) -> Object:
    """Of every pod of a model, the store's and the memory's too: what lets it onto tainted nodes, before others, with its image."""
    given = {
        "tolerations": list(spec.tolerations),
        "priorityClassName": spec.priority_class_name,
        "imagePullSecrets": list(spec.image_pull_secrets),
    }
    return {key: value for key, value in given.items() if value}


def _pod_grace_s(spec: KubeModelSpec, install: Install) -> int:
    """As the user's own template says, which the agent's --grace follows."""
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
        "image": install.gpu_image if gpus_of(spec) else install.image,
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
            return [{"name": MODELS, "persistentVolumeClaim": {"claimName": claim_of(spec, source), "readOnly": True}}]
        case Way.STORE:
            return [{"name": MODELS, "emptyDir": {}}]  # no sizeLimit: a copy never grows, and claims may hold more than their size says
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


def claim_of(spec: KubeModelSpec, source: Source) -> str:
    """Where the files of a store are: the user's claim, or the one that its StatefulSet makes."""
    return spec.storage.existing_claim or f"{MODELS}-{source.store}-0"


def puller(spec: KubeModelSpec, source: Source, install: Install, more: list[str]) -> Object:
    """The container that brings the model's files."""
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
    """The CognitionService of a model that has its own."""
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
    """Mount and volume of the registries' credentials: a folder for each of the pull secrets."""
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
    """As `kubectl patch` does it with pods: mappings by key, lists of named things by their name, anything else replaced; None removes."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        both = {key: merged(under.get(key), value, key) for key, value in over.items() if value is not None}
        return {**{key: value for key, value in under.items() if key not in over}, **both}
    key = _KEYS.get(field)
    if key and isinstance(under, list) and isinstance(over, list):
        changed = {item.get(key): item for item in over if isinstance(item, Mapping)}
        first = [merged(item, changed.pop(item.get(key))) if item.get(key) in changed else item for item in under]
        return [*first, *changed.values()]
    return over
