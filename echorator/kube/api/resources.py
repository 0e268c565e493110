"""The kinds of objects that the operator and `kollama` use, and their paths in the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]  # decoded JSON
Name = tuple[str, str]  # namespace and name; the namespace is "" for cluster-scoped objects

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
    """A kind of objects, with its names in the API."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The apiVersion of objects of this kind: GROUP/VERSION, or VERSION for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """Return the path of the collection, of one object, or of its subresource `sub`."""
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

# The kinds that the operator creates for Models; GRPCRoute is left out, since a cluster may not have it.
CHILDREN = (STATEFUL_SET, DEPLOYMENT, SERVICE, AUTOSCALER, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS)


def name_of(thing: Mapping[str, Any]) -> Name:
    """Return namespace and name of an object."""
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def labels_of(name: str, part: str) -> dict[str, str]:
    """Of the pods of a model's part."""
    return {"app.kubernetes.io/name": "echorator", PART_LABEL: part, MANAGED_LABEL: MANAGED_BY, MODEL_LABEL: name}


def store_labels(store: str) -> dict[str, str]:
    """Of the pods of a store."""
    return {"app.kubernetes.io/name": "echorator", PART_LABEL: "store", MANAGED_LABEL: MANAGED_BY, STORE_LABEL: store}


def name_of_workload(name: str) -> str:
    """Return the name that a Model's Deployment, its Service, and everything else that it has one of are given."""
    return f"model-{name}"


def own_memory_name(model: Mapping[str, Any]) -> str:
    """Return the name of the Deployment and the Service of a memory that serves this Model alone."""
    return f"{name_of_workload(model['metadata']['name'])}-memory"


def owner_uid(thing: Mapping[str, Any]) -> str:
    """Return the uid of the object's controlling owner; "" for none."""
    return next((str(o["uid"]) for o in thing["metadata"].get("ownerReferences", ()) if o.get("controller")), "")


def applied_hash(thing: Mapping[str, Any]) -> str:
    """Return the hash of what was applied last; "" for what was never applied."""
    return str(thing["metadata"].get("annotations", {}).get(APPLIED_ANNOTATION, ""))


def asked_name(model: Mapping[str, Any]) -> str:
    """Return the name by which clients ask for a Model: spec.servedName, or its own."""
    return str(model["spec"].get("servedName") or model["metadata"]["name"])
