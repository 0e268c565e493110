"""The kinds of objects that the operator and `kollama` speak of, and their places in the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]  # as JSON has it
Name = tuple[str, str]  # namespace, name; "" where there is none

GROUP = "echorator.dev"
VERSION = "v1"
MODEL_LABEL = f"{GROUP}/model"
STORE_LABEL = f"{GROUP}/store"
PART_LABEL = "app.kubernetes.io/component"
MANAGED_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "echorator"
FINALIZER = f"{GROUP}/mesh"
APPLIED_ANNOTATION = f"{GROUP}/applied"


@dataclass(frozen=True)
class Kind:
    """One resource of the API."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects say it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """Of the collection, of one object, or of a subresource of it."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")

    def __str__(self) -> str:
        return self.name


MODEL = Kind("Model", "models", GROUP, VERSION)
DEPLOYMENT = Kind("Deployment", "deployments", "apps")
STATEFUL_SET = Kind("StatefulSet", "statefulsets", "apps")
SERVICE = Kind("Service", "services")
POD = Kind("Pod", "pods")
CLAIM = Kind("PersistentVolumeClaim", "persistentvolumeclaims")
SECRET = Kind("Secret", "secrets")
NAMESPACE = Kind("Namespace", "namespaces", namespaced=False)
EVENT = Kind("Event", "events", "events.k8s.io")
LEASE = Kind("Lease", "leases", "coordination.k8s.io")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2")
DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy")
NETWORK_POLICY = Kind("NetworkPolicy", "networkpolicies", "networking.k8s.io")
INGRESS = Kind("Ingress", "ingresses", "networking.k8s.io")
GRPC_ROUTE = Kind("GRPCRoute", "grpcroutes", "gateway.networking.k8s.io")
STORAGE_CLASS = Kind("StorageClass", "storageclasses", "storage.k8s.io", namespaced=False)
VALIDATING = Kind("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "admissionregistration.k8s.io", namespaced=False)
MUTATING = Kind("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "admissionregistration.k8s.io", namespaced=False)
CRD = Kind("CustomResourceDefinition", "customresourcedefinitions", "apiextensions.k8s.io", namespaced=False)

CHILDREN = (STATEFUL_SET, DEPLOYMENT, SERVICE, AUTOSCALER, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS)  # made for Models


def name_of(thing: Mapping[str, Any]) -> Name:
    """Namespace and name of an object."""
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def owner_uid(thing: Mapping[str, Any]) -> str:
    """Of the object that controls it; "" for none."""
    return next((str(o["uid"]) for o in thing["metadata"].get("ownerReferences", ()) if o.get("controller")), "")


def asked_name(model: Mapping[str, Any]) -> str:
    """By which clients ask for a Model."""
    return str(model["spec"].get("servedName") or model["metadata"]["name"])
