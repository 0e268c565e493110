"""What the operator knows of its own installation and of its cluster; made once, and passed explicitly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from echorator import __version__
from echorator.kube.api.resources import MANAGED_BY, Object
from echorator.ports import CONTROLLER_PORT, MEMORY_PORT

AGENT_IMAGE = f"ghcr.io/echorator/echorator:{__version__}"
GPU_IMAGE = f"{AGENT_IMAGE}-cuda"
SYSTEM_NAMESPACE = "echorator-system"
OPERATOR = "echorator-operator"  # the name of its Deployment, Service, lease, webhook configurations and rights
WEBHOOK_SECRET = "echorator-webhook"
VALIDATE_PATH, DEFAULT_PATH = "/validate", "/default"
METRICS_PORT, STORE_PORT, PROBE_PORT, WEBHOOK_PORT = 9090, 8082, 8081, 9443


@dataclass(frozen=True)
class Install:
    """The settings of an installation. Addresses are HOST:PORT as pods reach them."""

    namespace: str = SYSTEM_NAMESPACE  # namespace of the installation's own parts
    controller: str = f"echorator-controller.{SYSTEM_NAMESPACE}.svc:{CONTROLLER_PORT}"  # address of the controller
    memory: str = f"echorator-cognition.{SYSTEM_NAMESPACE}.svc:{MEMORY_PORT}"  # address of the shared CognitionService; "": none
    image: str = AGENT_IMAGE  # container image of all parts, and of agents without a GPU
    gpu_image: str = GPU_IMAGE  # container image of agents with a GPU
    image_volumes: bool = False  # whether the cluster mounts OCI images as volumes, as Kubernetes 1.36 does
    grpc_routes: bool = False  # whether the cluster has the Gateway API's GRPCRoute
    gpu_metrics: bool = False  # whether the cluster has an adapter for the GPU metrics of pods
    fixed_ids: bool = True  # whether pods set their user and group ids; they must not where the cluster assigns ids, as OpenShift does
    grace_s: int = 30  # seconds that an agent's running answers have when the agent is stopped

    def document(self, api_version: str, kind: str, name: str, body: Mapping[str, object]) -> Object:
        """Return an object of the installation, in its namespace and with its labels."""
        metadata = {"name": name, "namespace": self.namespace, "labels": labels_of(name)}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def labels_of(name: str) -> dict[str, str]:
    """Return the labels of a part of the installation."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": MANAGED_BY}
