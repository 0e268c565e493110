"""What the operator knows of its own installation and of the cluster it is in. Made once, passed explicitly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from echorator.kube.resources import MANAGED_BY, Object

AGENT_IMAGE = "ghcr.io/echorator/echorator:0.1.0"
GPU_IMAGE = "ghcr.io/echorator/echorator:0.1.0-cuda"
SYSTEM_NAMESPACE = "echorator-system"
CONTROLLER_PORT, GATEWAY_PORT, HTTP_PORT, AGENT_PORT, MEMORY_PORT = 50050, 50052, 8080, 50051, 50053
OPERATOR = "echorator-operator"  # its Deployment, its Service, its lease, its webhook configurations, its rights
WEBHOOK_SECRET = "echorator-webhook"
VALIDATE_PATH, DEFAULT_PATH = "/validate", "/default"
METRICS_PORT, STORE_PORT, PROBE_PORT, WEBHOOK_PORT = 9090, 8082, 8081, 9443


@dataclass(frozen=True)
class Install:
    """Addresses as pods reach them, HOST:PORT; `memory` "" where there is none."""

    namespace: str = SYSTEM_NAMESPACE
    controller: str = f"echorator-controller.{SYSTEM_NAMESPACE}.svc:{CONTROLLER_PORT}"
    memory: str = f"echorator-cognition.{SYSTEM_NAMESPACE}.svc:{MEMORY_PORT}"
    image: str = AGENT_IMAGE
    gpu_image: str = GPU_IMAGE
    image_volumes: bool = False  # the cluster mounts OCI images as volumes: Kubernetes 1.36
    grpc_routes: bool = False  # it has the Gateway API
    gpu_metrics: bool = False  # it has an adapter that says how busy the GPUs of pods are
    grace_s: int = 30  # for running answers of an agent that is to end

    def document(self, api_version: str, kind: str, name: str, body: Mapping[str, object]) -> Object:
        """An object of the installation, in its namespace."""
        metadata = {"name": name, "namespace": self.namespace, "labels": labels_of(name)}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def labels_of(name: str) -> dict[str, str]:
    """Of a part of the installation."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": MANAGED_BY}
