"""What runs in the installation's namespace: memory, controller, gateway and operator, and who may reach which of their ports. Pure.

Feeds `manifests`. The containers' commands are those of `echorator.cli`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from echorator.kube.api.resources import MANAGED_BY, MANAGED_LABEL, PART_LABEL, Object
from echorator.kube.installation import METRICS_PORT, OPERATOR, PROBE_PORT, WEBHOOK_PORT, Install, labels_of
from echorator.kube.models.pods import AGENT, CONTAINER_SECURITY, HOME, SCRATCH, SCRATCH_MOUNT, pod_security
from echorator.ports import CONTROLLER_PORT, GATEWAY_PORT, HTTP_PORT, MEMORY_PORT

CONTROLLER, GATEWAY, COGNITION = "echorator-controller", "echorator-gateway", "echorator-cognition"


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
        "securityContext": pod_security(install),
        "terminationGracePeriodSeconds": grace_s,
        "containers": [container],
        "volumes": [SCRATCH],
        "topologySpreadConstraints": [spread],
    }
    spec: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": labels_of(name)}, "spec": pod},
        **more,
    }
    return install.document("apps/v1", kind, name, {"spec": spec})


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
    return install.document("v1", "Service", name, {"spec": spec})


def _claimed(name: str, size: str) -> list[Object]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}]


def _budget(install: Install, name: str) -> Object:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    return install.document("policy/v1", "PodDisruptionBudget", name, {"spec": spec})


def _listening(port: int) -> list[str]:
    return ["--host", "0.0.0.0", "--port", str(port)]


def _keeper(
    install: Install, name: str, options: tuple[str, str, int], claim: tuple[str, str], resources: Object, grace_s: int
) -> list[Object]:
    """Return the StatefulSet and the Service of a part with a volume claim of its own.

    `options` are its command, the option that names the folder, and its port; `claim` is name and size.
    """
    command, option, port = options
    folder = f"/{claim[0]}"
    arguments = [command, *_listening(port), "--metrics-port", str(METRICS_PORT), option, folder]
    mounts: list[Object] = [{"name": claim[0], "mountPath": folder}]
    container = {**_container(install, arguments, {"grpc": port, "metrics": METRICS_PORT}, resources, mounts), **_grpc_probes(port)}
    more = {"serviceName": name, "volumeClaimTemplates": _claimed(*claim)}
    return [_workload(install, "StatefulSet", name, 1, container, grace_s, more), _service(install, name, {"grpc": port})]


def cognition(install: Install) -> list[Object]:
    """Return the StatefulSet and the Service of the installation's memory, which has a claim of 10 GiB."""
    resources = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
    return _keeper(install, COGNITION, ("cognition", "--memory", MEMORY_PORT), ("memory", "10Gi"), resources, 40)


def controller(install: Install) -> list[Object]:
    """Return the StatefulSet and the Service of the mesh's controller, which has a claim of 1 GiB."""
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    return _keeper(install, CONTROLLER, ("controller", "--data", CONTROLLER_PORT), ("data", "1Gi"), resources, 15)


def gateway(install: Install) -> list[Object]:
    """Return the Deployment of two gateways, their Service and their disruption budget."""
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


def operator(install: Install) -> list[Object]:
    """Return the Deployment of two operators, of which one leads, and their disruption budget; `admission` makes their Service."""
    where = ["--system-namespace", install.namespace, "--controller", install.controller, "--memory-server", install.memory]
    images = ["--image", install.image, "--gpu-image", install.gpu_image]
    webhooks = ["--webhook-port", str(WEBHOOK_PORT)]
    ids = [] if install.fixed_ids else ["--without-ids"]
    arguments = ["operator", *_listening(PROBE_PORT), *webhooks, "--identity", "$(POD_NAME)", *where, *images, *ids]
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


def network(install: Install) -> list[Object]:
    """Return the NetworkPolicies, which close all ports but those that serve.

    The memory holds what users said: only the installation and agents, of any namespace, reach it. Applications use the gateway, which
    passes CognitionService on. The controller is open, because xDS clients are wherever applications are.
    """
    pods: Object = {"namespaceSelector": {}}
    agents: Object = {**pods, "podSelector": {"matchLabels": {MANAGED_LABEL: MANAGED_BY, PART_LABEL: AGENT}}}
    itself: Object = {"podSelector": {}}
    closed = {"podSelector": {}, "policyTypes": ["Ingress"]}
    made = [install.document("networking.k8s.io/v1", "NetworkPolicy", "echorator-default-deny", {"spec": closed})]
    for name, allowed in (
        (CONTROLLER, [_allowed(CONTROLLER_PORT, METRICS_PORT)]),
        (GATEWAY, [_allowed(GATEWAY_PORT, HTTP_PORT)]),
        (COGNITION, [_allowed(MEMORY_PORT, by=(itself, agents)), _allowed(METRICS_PORT, by=(pods,))]),
        (OPERATOR, [_allowed(PROBE_PORT, WEBHOOK_PORT)]),
    ):
        spec = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}, "policyTypes": ["Ingress"], "ingress": allowed}
        made.append(install.document("networking.k8s.io/v1", "NetworkPolicy", name, {"spec": spec}))
    return made


def _allowed(*ports: int, by: Sequence[Object] = ()) -> Object:
    """Return an ingress rule of a NetworkPolicy for these ports; an empty `by` allows all callers."""
    rule: Object = {"ports": [{"port": number, "protocol": "TCP"} for number in ports]}
    return {"from": list(by), **rule} if by else rule
