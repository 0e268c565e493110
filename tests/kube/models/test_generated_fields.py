"""Every field of a Model's spec, and what becomes of it: where in which object it shows, or that it is for the mesh alone.

A field that the table below lacks fails, so that none can be read and then forgotten. API servers take most of what is forgotten here
without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from echorator.kube.api.resources import Object, asked_name
from echorator.kube.installation import Install
from echorator.kube.models.children import wanted_of
from echorator.kube.models.source import source_of
from echorator.model_resource.autoscale import Load, desired
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.mesh_spec import mesh_spec
from echorator.model_resource.schema import check

INSTALL = Install(grpc_routes=True, gpu_metrics=True)
ABSENT, THERE = "<absent>", "<there, whatever it is>"
BUSY = Load(ready=2, slots=8, busy=8, queued=100, first_token_p95_s=20.0)

# The objects, by kind and name; whatever a store is called, here it is called so.
WORKLOAD, SERVICE, POLICY = "Deployment/model-m", "Service/model-m", "NetworkPolicy/model-m"
STORE, MEMORY = "StatefulSet/store", "Deployment/model-m-memory"
SCALER, BUDGET, INGRESS, ROUTE = (f"{kind}/model-m" for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "GRPCRoute"))
POD = "spec/template/spec"
AGENT, PULL, COGNITION = f"{POD}/containers/name=agent", f"{POD}/initContainers/name=pull", f"{POD}/containers/name=cognition"
STORED = f"{POD}/containers/name=pull"
CLAIM = "spec/volumeClaimTemplates/metadata.name=models/spec"

Spec = Mapping[str, Any]
Change = tuple[str, str, Any, Any]  # object, path, what was there, what is there


@dataclass(frozen=True)
class Shown:
    """With `value` in it, these places of the objects change; `beside` is there before and after."""

    value: Any
    changes: tuple[Change, ...]
    beside: Spec = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """With `value` in it, no object changes, and the controller of the mesh is told something else."""

    value: Any
    beside: Spec = field(default_factory=dict)


@dataclass(frozen=True)
class Reckoned:
    """With `value` in it, no object changes, and under BUSY the operator wants another number of replicas."""

    value: Any
    beside: Spec = field(default_factory=lambda: {"autoscaling": {}})


@dataclass(frozen=True)
class Nowhere:
    """It changes nothing in a cluster."""

    value: Any
    because: str
    beside: Spec = field(default_factory=dict)


def of_pods(where: str, value: Any, *objects: str, beside: Spec | None = None) -> Shown:
    return Shown(value, tuple((name, f"{POD}/{where}", ABSENT, value) for name in objects), beside or {})


def of(name: str, where: str, before: Any, value: Any, beside: Spec | None = None) -> Shown:
    """One place, which has the very value."""
    return Shown(value, ((name, where, before, value),), beside or {})


def measured(name: str, before: int) -> Shown:
    place = f"spec/metrics/resource.name={name}/resource/target/averageUtilization"
    return of(SCALER, place, before, 50, SCALED)


OWN_MEMORY: Spec = {"cognition": {"store": "redis://r", "resources": {}}}
SCALED: Spec = {"autoscaling": {}, "gpus": 1}
BY_INGRESS: Spec = {"expose": {"type": "Ingress", "host": "a.example.com"}}
BY_ROUTE: Spec = {"expose": {"type": "GRPCRoute", "gateway": {"name": "g"}}}
RESERVED: Spec = {"cpu": "500m", "memory": "1Gi"}
ANYWHERE: list[Spec] = [{"namespaceSelector": {}}]
HUB = "https://hub.example.com"
TOLERATED = [{"key": "gpu", "operator": "Exists"}]
NEAR: Spec = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
ENV = [{"name": "LANG", "value": "C"}, {"name": "HF_ENDPOINT", "value": HUB}]
SECRETS = [{"name": "registry"}]
SPREAD = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["pod-template-hash"]}
CREDENTIALS = {"secret": {"name": "registry", "items": [{"key": ".dockerconfigjson", "path": "0/config.json"}], "optional": True}}

TABLE: dict[str, Shown | Told | Reckoned | Nowhere] = {
    "image": Shown("phi:q4", ((STORE, f"{STORED}/args/1", "phi", "phi:q4"), (WORKLOAD, f"{PULL}/args/1", "phi", "phi:q4"))),
    "servedName": Shown(
        "chat",
        (
            (WORKLOAD, f"{AGENT}/args/--for-model", "m", "chat"),
            (WORKLOAD, f"{AGENT}/readinessProbe/grpc/service", "echorator.v1.ModelService/m", "echorator.v1.ModelService/chat"),
        ),
    ),
    "replicas": Shown(3, ((WORKLOAD, "spec/replicas", 1, 3), (BUDGET, "spec/maxUnavailable", ABSENT, 1))),
    "isolation": Nowhere("Thread", "it is of the agents of `echorator up`; the CRD lacks it"),
    "engine.contextTokens": Told(4096),
    "engine.slots": Told(2),
    "engine.batchTokens": Told(256),
    "engine.threads": Told(2),
    "engine.gpuLayers": Told(7),
    "engine.splitMode": Told("row"),
    "engine.mainGpu": Told(1),
    "engine.tensorSplit": Told([0.5, 1.0]),
    "engine.flashAttention": Told("off"),
    "engine.kvTypeK": Told("q8_0"),
    "engine.kvTypeV": Told("q8_0"),
    "engine.kvLayout": Told("auto"),
    "engine.queueLimit": Told(9),
    "engine.prefixCache": Told(False),
    "engine.controlTokensInMessages": Told(True),
    "engine.chatTemplate": Told("llama3"),
    "engine.requestTemplates": Told(True),
    "engine.lora[].image": Shown(
        "tuned", ((STORE, f"{STORED}/args/2", "--models", "tuned"), (WORKLOAD, f"{PULL}/args/2", "--models", "tuned"))
    ),
    "engine.lora[].scale": Told(0.5, {"engine": {"lora": [{"image": "tuned"}]}}),
    "engine.lora[].name": Told("style", {"engine": {"lora": [{"image": "tuned"}]}}),
    "routing.loadBalancing": Told("Session"),
    "routing.queuePerAgent": Told(3),
    "routing.retries": Told(0),
    "routing.ejectionFailures": Told(3),
    "cognition.enabled": Shown(False, ((WORKLOAD, f"{AGENT}/args/--memory-server", INSTALL.memory, ABSENT),)),
    "cognition.store": Shown(
        "redis://r",
        (
            (MEMORY, f"{COGNITION}/args/--memory", ABSENT, "redis://r"),
            (WORKLOAD, f"{AGENT}/args/--memory-server", INSTALL.memory, "model-m-memory.default.svc:50053"),
        ),
    ),
    "cognition.resources.requests": of(MEMORY, f"{COGNITION}/resources/requests", ABSENT, {"cpu": "3"}, OWN_MEMORY),
    "cognition.resources.limits": of(MEMORY, f"{COGNITION}/resources/limits", ABSENT, {"cpu": "3"}, OWN_MEMORY),
    "autoscaling.minReplicas": of(SCALER, "spec/minReplicas", 1, 2, SCALED),
    "autoscaling.maxReplicas": of(SCALER, "spec/maxReplicas", 10, 4, SCALED),
    "autoscaling.cooldownSeconds": of(SCALER, "spec/behavior/scaleDown/stabilizationWindowSeconds", 300, 60, SCALED),
    "autoscaling.signals.cpuPercent": measured("cpu", 70),
    "autoscaling.signals.memoryPercent": measured("memory", 80),
    "autoscaling.signals.queueDepth": Reckoned(5),
    "autoscaling.signals.responseTimeSeconds": Reckoned(2),
    "autoscaling.signals.gpuPercent": Shown(
        50, ((SCALER, "spec/metrics/pods.metric.name=DCGM_FI_DEV_GPU_UTIL/pods/target/averageValue", "85", "50"),), SCALED
    ),
    "resourceClass": Shown(
        "Large",
        (
            (WORKLOAD, f"{AGENT}/resources/requests/memory", "1Gi", "32Gi"),
            (WORKLOAD, f"{AGENT}/resources/limits", ABSENT, {"cpu": "16", "memory": "64Gi", "nvidia.com/gpu": 1}),
            (STORE, f"{CLAIM}/resources/requests/storage", "20Gi", "80Gi"),
        ),
    ),
    "resources.requests": of(WORKLOAD, f"{AGENT}/resources/requests", RESERVED, {"cpu": 3}),
    "resources.limits": of(WORKLOAD, f"{AGENT}/resources/limits", ABSENT, {"memory": "9Gi"}),
    "gpus": Shown(
        2,
        (
            (WORKLOAD, f"{AGENT}/resources/limits", ABSENT, {"nvidia.com/gpu": 2}),
            (WORKLOAD, f"{AGENT}/image", INSTALL.image, INSTALL.gpu_image),
            (WORKLOAD, "spec/strategy/rollingUpdate", {"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": 0, "maxUnavailable": 1}),
        ),
    ),
    "nodeSelector": of_pods("nodeSelector", {"zone": "a"}, WORKLOAD, STORE),
    "affinity": of_pods("affinity", NEAR, WORKLOAD),
    "tolerations": of_pods("tolerations", TOLERATED, WORKLOAD, STORE, MEMORY, beside=OWN_MEMORY),
    "runtimeClassName": of_pods("runtimeClassName", "nvidia", WORKLOAD),
    "priorityClassName": of_pods("priorityClassName", "high", WORKLOAD, STORE, MEMORY, beside=OWN_MEMORY),
    "storage.className": of(STORE, f"{CLAIM}/storageClassName", ABSENT, "fast"),
    "storage.size": of(STORE, f"{CLAIM}/resources/requests/storage", "20Gi", "7Gi"),
    "storage.accessMode": Shown(
        "ReadWriteMany",
        (
            (STORE, f"{CLAIM}/accessModes", ["ReadWriteOnce"], ["ReadWriteMany"]),
            (WORKLOAD, f"{POD}/volumes/name=models/emptyDir", {}, ABSENT),
            (WORKLOAD, PULL, THERE, ABSENT),
        ),
    ),
    "storage.existingClaim": Shown(
        "mine", ((STORE, f"{POD}/volumes/name=models/persistentVolumeClaim/claimName", ABSENT, "mine"), (STORE, CLAIM, THERE, ABSENT))
    ),
    "expose.type": Shown("NodePort", ((SERVICE, "spec/type", "ClusterIP", "NodePort"), (POLICY, "spec/ingress/0/from", ANYWHERE, ABSENT))),
    "expose.serviceName": Shown("chat", (("Service/chat", "spec/type", ABSENT, "ClusterIP"), (SERVICE, "spec/type", "ClusterIP", ABSENT))),
    "expose.nodePort": of(SERVICE, "spec/ports/name=grpc/nodePort", ABSENT, 30001, {"expose": {"type": "NodePort"}}),
    "expose.host": of(INGRESS, "spec/rules/0/host", "a.example.com", "b.example.com", BY_INGRESS),
    "expose.className": of(INGRESS, "spec/ingressClassName", ABSENT, "nginx", BY_INGRESS),
    "expose.tlsSecretName": Shown(
        "cert", ((INGRESS, "spec/tls", ABSENT, [{"hosts": ["a.example.com"], "secretName": "cert"}]),), BY_INGRESS
    ),
    "expose.gateway.name": of(ROUTE, "spec/parentRefs/0/name", "g", "h", BY_ROUTE),
    "expose.gateway.namespace": of(ROUTE, "spec/parentRefs/0/namespace", ABSENT, "infra", BY_ROUTE),
    "expose.annotations": Shown(
        {"a": "b"},
        (
            (SERVICE, "metadata/annotations/a", ABSENT, "b"),
            (INGRESS, "metadata/annotations/a", ABSENT, "b"),
            (INGRESS, "metadata/annotations/nginx.ingress.kubernetes.io/backend-protocol", "GRPC", "GRPC"),
        ),
        BY_INGRESS,
    ),
    "podTemplate": Shown({"spec": {"hostNetwork": True}}, ((WORKLOAD, f"{POD}/hostNetwork", ABSENT, True),)),
    "extraEnv": Shown(
        ENV,
        (
            (WORKLOAD, f"{AGENT}/env/name=LANG/value", ABSENT, "C"),
            (WORKLOAD, f"{AGENT}/env/name=HF_ENDPOINT/value", ABSENT, HUB),
            (WORKLOAD, f"{PULL}/env/name=HF_ENDPOINT/value", ABSENT, HUB),
            (STORE, f"{STORED}/env/name=HF_ENDPOINT/value", ABSENT, HUB),
            (STORE, f"{STORED}/env/name=LANG/value", ABSENT, ABSENT),
        ),
    ),
    "extraEnvFrom": of(WORKLOAD, f"{AGENT}/envFrom", ABSENT, [{"configMapRef": {"name": "c"}}]),
    "imagePullSecrets": Shown(
        SECRETS,
        (
            *((name, f"{POD}/imagePullSecrets", ABSENT, SECRETS) for name in (WORKLOAD, STORE, MEMORY)),
            *((name, f"{POD}/volumes/name=credentials/projected/sources", ABSENT, [CREDENTIALS]) for name in (WORKLOAD, STORE)),
            (STORE, f"{STORED}/volumeMounts/name=credentials/mountPath", ABSENT, "/docker"),
            (WORKLOAD, f"{PULL}/volumeMounts/name=credentials/mountPath", ABSENT, "/docker"),
        ),
        OWN_MEMORY,
    ),
}

# What no field changes, of a Model with two replicas, autoscaling and an Ingress.
ALWAYS: list[tuple[str, str, Any]] = [
    (WORKLOAD, f"{AGENT}/lifecycle", {"preStop": {"sleep": {"seconds": 2}}}),
    (WORKLOAD, f"{AGENT}/startupProbe", {"grpc": {"port": 50051}, "periodSeconds": 2, "failureThreshold": 1800}),
    (WORKLOAD, f"{AGENT}/livenessProbe", {"grpc": {"port": 50051}, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6}),
    (WORKLOAD, f"{AGENT}/readinessProbe/grpc", {"port": 50051, "service": "echorator.v1.ModelService/m"}),
    (WORKLOAD, f"{AGENT}/readinessProbe/failureThreshold", 2),
    (WORKLOAD, f"{AGENT}/args/--grace", "30"),
    (WORKLOAD, f"{POD}/terminationGracePeriodSeconds", 40),
    (WORKLOAD, f"{POD}/automountServiceAccountToken", False),
    *(
        (WORKLOAD, f"{POD}/topologySpreadConstraints/{number}/{name}", value)
        for number, key in enumerate(("topology.kubernetes.io/zone", "kubernetes.io/hostname"))
        for name, value in {**SPREAD, "topologyKey": key}.items()
    ),
    (WORKLOAD, f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels/echorator.dev/model", "m"),
    (BUDGET, "spec/maxUnavailable", 1),
    (BUDGET, "spec/unhealthyPodEvictionPolicy", "AlwaysAllow"),
    (BUDGET, "spec/selector/matchLabels/echorator.dev/model", "m"),
    (SCALER, "spec/scaleTargetRef", {"apiVersion": "echorator.dev/v1", "kind": "Model", "name": "m"}),
    (SERVICE, "spec/ports/name=grpc/appProtocol", "kubernetes.io/h2c"),
    ("Service/model-m-agents", "spec/clusterIP", "None"),
    ("Service/model-m-agents", "spec/ports/name=grpc/appProtocol", "kubernetes.io/h2c"),
    (INGRESS, "metadata/annotations/nginx.ingress.kubernetes.io/backend-protocol", "GRPC"),
    (STORE, f"{STORED}/readinessProbe/httpGet/path", "/ready"),
    (STORE, "spec/persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Delete", "whenScaled": "Retain"}),
]


def fields_of(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Of a spec and of its parts, as users write them; those of the things in a list after []."""
    for name, given in kind.model_fields.items():
        alias = f"{prefix}{given.alias or name}"
        inner, many = part_of(given.annotation)
        if inner is None:
            yield alias
        else:
            yield from fields_of(inner, f"{alias}{'[]' if many else ''}.")


def part_of(annotation: Any, many: bool = False) -> tuple[type[BaseModel] | None, bool]:
    """The spec that an annotation holds, and whether there may be many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, many
    for inner in get_args(annotation):
        found = part_of(inner, many or getattr(annotation, "__origin__", None) is tuple)
        if found[0] is not None:
            return found
    return None, False


def with_field(spec: Spec, path: str, value: Any) -> dict[str, Any]:
    """A spec with one more field, at a path such as engine.lora[].image."""
    head, dot, rest = path.partition(".")
    if not dot:
        return {**spec, head: value}
    if head.endswith("[]"):
        name = head.removesuffix("[]")
        return {**spec, name: [with_field((spec.get(name) or [{}])[0], rest, value)]}
    return {**spec, head: with_field(spec.get(head) or {}, rest, value)}


def objects_of(spec: Spec) -> dict[str, Object]:
    """What a Model becomes, without the hashes of what is in it; by kind and name."""
    parsed = check(KubeModelSpec, spec)
    model = {"metadata": {"namespace": "default", "name": "m", "uid": "0b1c"}, "spec": spec}
    made = wanted_of(model, parsed, source_of(parsed, INSTALL), INSTALL, [model])
    found = {f"{kind}/store": thing for kind, thing in made.store}
    found |= {f"{kind}/{thing['metadata']['name']}": thing for kind, thing in (*made.workload, *made.serving)}
    for thing in found.values():
        del thing["metadata"]["annotations"]["echorator.dev/applied"]
    return found


def told(spec: Spec) -> Any:
    """What the controller of the mesh gets."""
    parsed = check(KubeModelSpec, spec)
    return mesh_spec(asked_name({"metadata": {"name": "m"}, "spec": spec}), source_of(parsed, INSTALL).image, parsed)


def reckoned(spec: Spec) -> int:
    """Replicas that the signals of the mesh ask for under BUSY."""
    scaling = check(KubeModelSpec, with_field(spec, "autoscaling.maxReplicas", 100)).autoscaling
    assert scaling is not None
    return desired(BUSY, scaling.signals, measured=BUSY.ready)


def at(thing: Any, path: str) -> Any:
    """What is at a path of names, numbers, name=value of a list's member and --options of a command; ABSENT for nothing."""
    if not path or thing == ABSENT:
        return thing
    if isinstance(thing, list):
        step, _, rest = path.partition("/")
        if step.startswith("--"):
            return thing[thing.index(step) + 1] if step in thing else ABSENT
        if step.isdigit():
            return at(thing[int(step)], rest)
        key, _, value = step.partition("=")
        return next((at(member, rest) for member in thing if at(member, key.replace(".", "/")) == value), ABSENT)
    for name in thing if isinstance(thing, Mapping) else ():  # a name may have a / of its own
        if path == name or path.startswith(f"{name}/"):
            return at(thing[name], path[len(name) + 1 :])
    return ABSENT


def test_every_field_has_an_entry() -> None:
    assert set(fields_of(KubeModelSpec)) == TABLE.keys()


@pytest.mark.parametrize("path", TABLE)
def test_what_a_field_changes(path: str) -> None:
    entry = TABLE[path]
    before = {"image": "phi", **entry.beside}
    after = with_field(before, path, entry.value)
    old, new = objects_of(before), objects_of(after)
    match entry:
        case Shown():
            for name, where, was, now in entry.changes:
                seen = at(old.get(name, ABSENT), where)
                assert seen != ABSENT if was == THERE else seen == was, (name, where)
                assert at(new.get(name, ABSENT), where) == now, (name, where)
        case Told():
            assert old == new
            assert told(before) != told(after)
        case Reckoned():
            assert (old, told(before)) == (new, told(after))
            assert reckoned(before) != reckoned(after)
        case Nowhere():
            assert (old, told(before)) == (new, told(after)), entry.because


@pytest.mark.parametrize(("name", "where", "value"), ALWAYS, ids=lambda part: part if isinstance(part, str) else "")
def test_what_is_there_always(name: str, where: str, value: Any) -> None:
    made = objects_of({"image": "phi", "replicas": 2, "autoscaling": {}, "expose": {"type": "Ingress", "host": "a.example.com"}})
    assert at(made[name], where) == value


@pytest.mark.parametrize(("given", "pod_s", "agent_s"), [(120, 120, "110"), (5, 5, "0"), (100_000, 100_000, "86400")])
def test_an_agent_has_as_long_to_end_as_its_pod(given: int, pod_s: int, agent_s: str) -> None:
    made = objects_of({"image": "phi", "podTemplate": {"spec": {"terminationGracePeriodSeconds": given}}})[WORKLOAD]
    assert (at(made, f"{POD}/terminationGracePeriodSeconds"), at(made, f"{AGENT}/args/--grace")) == (pod_s, agent_s)
