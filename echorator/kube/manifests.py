"""What is to be installed in a cluster: a pure function of the namespace and the images. Written into `manifests/`, where CI compares it.

Each part is a file; `install.yaml` is all of them in the order in which they can be applied. They name each other's ports, accounts and
Services, and are read together: so this is one long file.
"""

from __future__ import annotations

from collections.abc import Mapping

from echorator.kube.crd import definition
from echorator.kube.install import (
    CONTROLLER_PORT,
    DEFAULT_PATH,
    GATEWAY_PORT,
    HTTP_PORT,
    MEMORY_PORT,
    METRICS_PORT,
    OPERATOR,
    PROBE_PORT,
    VALIDATE_PATH,
    WEBHOOK_PORT,
    WEBHOOK_SECRET,
    Install,
)
from echorator.kube.pods import CONTAINER_SECURITY, HOME, POD_SECURITY, SCRATCH, SCRATCH_MOUNT
from echorator.kube.resources import CHILDREN, GROUP, MANAGED_BY, MODEL, MUTATING, VALIDATING, VERSION, Kind, Object

CONTROLLER, GATEWAY, COGNITION = "echorator-controller", "echorator-gateway", "echorator-cognition"
ALL_IN_ONE = "install.yaml"
WEBHOOK_S = 5  # an API server waits this long for an answer


def files_of(install: Install) -> dict[str, list[Object]]:
    """Documents by file name, `install.yaml` and the samples included."""
    parts: dict[str, list[Object]] = {
        "crd.yaml": [definition()],
        "namespace.yaml": [_namespace(install)],
        "rbac.yaml": _rbac(install),
        "cognition.yaml": _cognition(install),
        "controller.yaml": _controller(install),
        "gateway.yaml": _gateway(install),
        "operator.yaml": _operator(install),
        "network.yaml": _network(install),
        "admission.yaml": _admission(),
        "webhooks.yaml": _webhooks(install),
    }
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(parts)}
    everything = [document for documents in parts.values() for document in documents]
    return {**parts, "kustomization.yaml": [kustomization], ALL_IN_ONE: everything, **_samples()}


def _namespace(install: Install) -> Object:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": install.namespace, "labels": labels}}


def _made(install: Install, api_version: str, kind: str, name: str, body: Mapping[str, object]) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": install.namespace, "labels": _labels(name)},
        **body,
    }


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": MANAGED_BY}


# Rights


def _rbac(install: Install) -> list[Object]:
    """The operator's, and nobody else's: no other part speaks to the API server."""
    rules: list[Object] = [
        {"apiGroups": [GROUP], "resources": ["models"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [GROUP], "resources": ["models/status"], "verbs": ["patch"]},
        {"apiGroups": [GROUP], "resources": ["models/finalizers"], "verbs": ["update"]},
        {"apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["list", "watch"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    groups: dict[str, list[str]] = {}
    for kind in CHILDREN:
        groups.setdefault(kind.group, []).append(kind.plural)
    groups["gateway.networking.k8s.io"] = ["grpcroutes"]
    written = ["get", "list", "watch", "create", "patch", "delete"]
    rules += [{"apiGroups": [group], "resources": names, "verbs": written} for group, names in groups.items()]
    own = {"apiGroups": [VALIDATING.group], "resources": [VALIDATING.plural, MUTATING.plural], "resourceNames": [OPERATOR]}
    own["verbs"] = ["get", "patch"]
    in_namespace: list[Object] = [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [OPERATOR], "verbs": ["get", "update"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [WEBHOOK_SECRET], "verbs": ["get", "update"]},
    ]
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": install.namespace}

    def role(kind: str, held: list[Object]) -> Object:
        return _made(install, f"{rbac}/v1", kind, OPERATOR, {"rules": held})

    def bound(kind: str) -> Object:
        reference = {"apiGroup": rbac, "kind": kind.removesuffix("Binding"), "name": OPERATOR}
        return _made(install, f"{rbac}/v1", kind, OPERATOR, {"roleRef": reference, "subjects": [subject]})

    made = [
        _made(install, "v1", "ServiceAccount", OPERATOR, {}),
        role("ClusterRole", [*rules, own]),
        bound("ClusterRoleBinding"),
        role("Role", in_namespace),
        bound("RoleBinding"),
        *_aggregated(install),
    ]
    for document in made:
        if document["kind"].startswith("ClusterRole"):
            document["metadata"].pop("namespace")
    return made


def _aggregated(install: Install) -> list[Object]:
    """Who may edit a namespace may have Models, who may look may see them."""
    made = []
    for name, verbs in (("edit", ["create", "update", "patch", "delete", "deletecollection"]), ("view", ["get", "list", "watch"])):
        rules = [
            {"apiGroups": [GROUP], "resources": ["models", *(["models/scale"] if name == "edit" else ["models/status"])], "verbs": verbs}
        ]
        document = _made(install, "rbac.authorization.k8s.io/v1", "ClusterRole", f"echorator-models-{name}", {"rules": rules})
        targets = ("admin", "edit") if name == "edit" else ("admin", "edit", "view")
        document["metadata"]["labels"] |= {f"rbac.authorization.k8s.io/aggregate-to-{target}": "true" for target in targets}
        made.append(document)
    return made


# Parts


def _container(
    install: Install, arguments: list[str], ports: Mapping[str, int], resources: Object, mounts: list[Object] | None = None
) -> Object:
    return {
        "name": arguments[0],
        "image": install.image,
        "args": arguments,
        "env": HOME,
        "ports": [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in ports.items()],
        "resources": resources,
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [SCRATCH_MOUNT, *(mounts or [])],
    }


def _grpc_probes(port: int) -> Object:
    probe = {"grpc": {"port": port}}
    return {
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {**probe, "periodSeconds": 2},
    }


def _workload(install: Install, kind: str, name: str, replicas: int, container: Object, grace_s: int, more: Mapping[str, object]) -> Object:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
    }
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": grace_s,
        "containers": [container],
        "volumes": [SCRATCH],
        "topologySpreadConstraints": [spread],
    }
    spec: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": _labels(name)}, "spec": pod},
        **more,
    }
    return _made(install, "apps/v1", kind, name, {"spec": spec})


def _service(install: Install, name: str, ports: Mapping[str, int], headless: bool = False) -> Object:
    spec: Object = {
        "selector": {"app.kubernetes.io/name": name},
        "ports": [
            {
                "name": port,
                "port": number,
                "targetPort": number,
                "protocol": "TCP",
                **({"appProtocol": "kubernetes.io/h2c"} if port == "grpc" else {}),
            }
            for port, number in ports.items()
        ],
    }
    if headless:
        spec["clusterIP"] = "None"
    return _made(install, "v1", "Service", name, {"spec": spec})


def _claimed(name: str, size: str) -> list[Object]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}]


def _budget(install: Install, name: str) -> Object:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    return _made(install, "policy/v1", "PodDisruptionBudget", name, {"spec": spec})


def _listening(port: int) -> list[str]:
    return ["--host", "0.0.0.0", "--port", str(port)]


def _keeper(
    install: Install, name: str, options: tuple[str, str, int], claim: tuple[str, str], resources: Object, grace_s: int
) -> list[Object]:
    """A part with a claim of its own. `options`: its command, the option that names the folder, its port; `claim`: name and size."""
    command, option, port = options
    folder = f"/{claim[0]}"
    arguments = [command, *_listening(port), "--metrics-port", str(METRICS_PORT), option, folder]
    mounts: list[Object] = [{"name": claim[0], "mountPath": folder}]
    container = {**_container(install, arguments, {"grpc": port, "metrics": METRICS_PORT}, resources, mounts), **_grpc_probes(port)}
    more = {"serviceName": name, "volumeClaimTemplates": _claimed(*claim)}
    return [_workload(install, "StatefulSet", name, 1, container, grace_s, more), _service(install, name, {"grpc": port})]


def _cognition(install: Install) -> list[Object]:
    resources = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
    return _keeper(install, COGNITION, ("cognition", "--memory", MEMORY_PORT), ("memory", "10Gi"), resources, 40)


def _controller(install: Install) -> list[Object]:
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    return _keeper(install, CONTROLLER, ("controller", "--data", CONTROLLER_PORT), ("data", "1Gi"), resources, 15)


def _gateway(install: Install) -> list[Object]:
    mesh = ["--controller", install.controller, "--memory-server", install.memory, "--join-timeout", "3600"]
    arguments = ["gateway", *_listening(GATEWAY_PORT), "--http-port", str(HTTP_PORT), *mesh, "--advertise", f"$(POD_IP):{GATEWAY_PORT}"]
    resources = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
    container = _container(install, arguments, {"grpc": GATEWAY_PORT, "http": HTTP_PORT}, resources)
    container["env"] = [*HOME, {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    container |= _grpc_probes(GATEWAY_PORT)
    container["lifecycle"] = {"preStop": {"sleep": {"seconds": 2}}}
    return [
        _workload(install, "Deployment", GATEWAY, 2, container, 45, {}),
        _service(install, GATEWAY, {"grpc": GATEWAY_PORT, "http": HTTP_PORT}),
        _budget(install, GATEWAY),
    ]


def _operator(install: Install) -> list[Object]:
    where = ["--system-namespace", install.namespace, "--controller", install.controller, "--memory-server", install.memory]
    images = ["--image", install.image, "--gpu-image", install.gpu_image]
    webhooks = ["--webhook-port", str(WEBHOOK_PORT)]
    arguments = ["operator", *_listening(PROBE_PORT), *webhooks, "--identity", "$(POD_NAME)", *where, *images]
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    container = _container(install, arguments, {"http": PROBE_PORT, "webhook": WEBHOOK_PORT}, resources)
    container["env"] = [*HOME, {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    container["livenessProbe"] = {
        "httpGet": {"path": "/healthz", "port": PROBE_PORT, "scheme": "HTTP"},
        "periodSeconds": 10,
        "initialDelaySeconds": 5,
    }
    container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": PROBE_PORT, "scheme": "HTTP"}, "periodSeconds": 2}
    deployment = _workload(install, "Deployment", OPERATOR, 2, container, 15, {})
    pod = deployment["spec"]["template"]["spec"]
    pod["serviceAccountName"] = OPERATOR
    pod["automountServiceAccountToken"] = True
    return [deployment, _budget(install, OPERATOR)]


def _network(install: Install) -> list[Object]:
    """Nobody in but to the ports that serve."""
    closed = _made(install, "networking.k8s.io/v1", "NetworkPolicy", "echorator-default-deny", {})
    closed["spec"] = {"podSelector": {}, "policyTypes": ["Ingress"]}
    made = [closed]
    for name, ports in (
        (CONTROLLER, (CONTROLLER_PORT, METRICS_PORT)),
        (GATEWAY, (GATEWAY_PORT, HTTP_PORT)),
        (COGNITION, (MEMORY_PORT, METRICS_PORT)),
        (OPERATOR, (PROBE_PORT, WEBHOOK_PORT)),
    ):
        policy = _made(install, "networking.k8s.io/v1", "NetworkPolicy", name, {})
        allowed = {"ports": [{"port": number, "protocol": "TCP"} for number in ports]}
        policy["spec"] = {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "policyTypes": ["Ingress"],
            "ingress": [allowed],
        }
        made.append(policy)
    return made


def _admission() -> list[Object]:
    """What a Model's own schema cannot say of its metadata, by the API server itself."""
    name = "echorator-models"
    reserved = ("app.kubernetes.io/managed-by",)
    rule = " && ".join(f"!('{label}' in variables.labels && variables.labels['{label}'] == '{MANAGED_BY}')" for label in reserved)
    layers = "has(object.spec.engine.gpuLayers) && object.spec.engine.gpuLayers == 0"
    policy: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["CREATE", "UPDATE"], "resources": [MODEL.plural]}
                ]
            },
            "variables": [{"name": "labels", "expression": "has(object.metadata.labels) ? object.metadata.labels : {}"}],
            "validations": [
                {
                    "expression": rule,
                    "message": f"metadata.labels: {reserved[0]}={MANAGED_BY} is for what the operator makes; remove it",
                },
                {
                    "expression": f"!(has(object.spec.gpus) && object.spec.gpus > 0 && {layers})",
                    "message": "spec.gpus are of no use with spec.engine.gpuLayers 0; remove one of them",
                },
            ],
        },
    }
    binding: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, binding]


def _webhooks(install: Install) -> list[Object]:
    """What needs more than CEL to be said. Ignored where nobody answers, since the schema and the policy hold anyway.

    The certificates' loop of the operator writes the caBundle. What the operator writes itself is not asked about, nor is what leaves the
    spec as it is: an operator that is away holds nothing up.
    """
    service = _made(install, "v1", "Service", OPERATOR, {})
    port = {"name": "webhook", "port": 443, "targetPort": WEBHOOK_PORT, "protocol": "TCP"}
    service["spec"] = {"selector": {"app.kubernetes.io/name": OPERATOR}, "ports": [port]}
    return [
        service,
        _webhook(install, VALIDATING, "validate", VALIDATE_PATH),
        _webhook(install, MUTATING, "default", DEFAULT_PATH),
    ]


def _webhook(install: Install, kind: Kind, verb: str, path: str) -> Object:
    account = f"system:serviceaccount:{install.namespace}:{OPERATOR}"
    conditions = {
        "not-the-operator": f"request.userInfo.username != '{account}'",
        "not-on-its-way-out": "!has(object.metadata.deletionTimestamp)",
        "spec-changes": "request.operation != 'UPDATE' || object.spec != oldObject.spec",
    }
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": [MODEL.plural],
        "scope": "Namespaced",
    }
    elsewhere = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [install.namespace]}
    webhook = {
        "name": f"{verb}.{MODEL.plural}.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": install.namespace, "name": OPERATOR, "port": 443, "path": path}},
        "rules": [rule],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": WEBHOOK_S,
        "namespaceSelector": {"matchExpressions": [elsewhere]},
        "matchConditions": [{"name": name, "expression": expression} for name, expression in conditions.items()],
    }
    metadata = {"name": OPERATOR, "labels": _labels(OPERATOR)}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "webhooks": [webhook]}


# Samples


def _samples() -> dict[str, list[Object]]:
    def model(name: str, spec: Object) -> list[Object]:
        return [{"apiVersion": f"{GROUP}/{VERSION}", "kind": MODEL.name, "metadata": {"name": name}, "spec": spec}]

    return {
        "samples/nano.yaml": model("nano", {"image": "echo-nano"}),
        "samples/phi.yaml": model("phi", {"image": "phi", "replicas": 2, "resourceClass": "Small"}),
        "samples/hugging-face.yaml": model(
            "qwen",
            {
                "image": "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
                "gpus": 1,
                "storage": {"size": "20Gi"},
                "engine": {"slots": 16, "kvTypeK": "q8_0"},
            },
        ),
        "samples/autoscaled.yaml": model(
            "scaled",
            {"image": "phi", "resourceClass": "Small", "autoscaling": {"minReplicas": 0, "maxReplicas": 4, "signals": {"cpuPercent": 60}}},
        ),
        "samples/exposed.yaml": model(
            "exposed", {"image": "phi", "expose": {"type": "Ingress", "host": "phi.example.com", "className": "nginx"}}
        ),
    }
