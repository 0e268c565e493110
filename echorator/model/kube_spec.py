"""What the spec of a Model may say on Kubernetes: what it says everywhere, and where its pods run, how they are reached, how they scale.

Fed by objects of the API server; feeds `kube.crd`, which makes the schema of it, and `kube.children`, which makes the objects. The local
cluster takes the same YAML.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from echorator.model.schema import Spec
from echorator.model.spec import ModelSpec

QUANTITY = r"^[0-9]+(\.[0-9]+)?([mkMGTPE]|[KMGTPE]i)?$"
SIZE = QUANTITY.replace("m", "")  # thousandths of a byte are none
Free = dict[str, Any]
Percent = Annotated[int, Field(ge=0, le=100)]


class SignalsSpec(Spec):
    """Above these, more replicas; 0 turns one off."""

    cpu_percent: Percent = Field(70, description="Of the requested CPU; needs metrics-server. 0: off.")
    memory_percent: Percent = Field(80, description="Of the requested memory; needs metrics-server. 0: off.")
    queue_depth: int = Field(10, ge=0, le=100_000, description="Requests that wait, for each replica, at agents and gateways. 0: off.")
    response_time_seconds: int = Field(
        5, ge=0, le=3600, description="From arrival at an agent to the first token, 95th percentile of a minute. 0: off."
    )
    gpu_percent: Percent = Field(
        85, description="Of the GPUs, where there are some; needs pods/DCGM_FI_DEV_GPU_UTIL in custom.metrics.k8s.io. 0: off."
    )


class AutoscalingSpec(Spec):
    """How many replicas there are, by load."""

    min_replicas: int = Field(1, ge=0, le=1000, description="0: none while nobody asks; the first request starts one.")
    max_replicas: int = Field(10, ge=1, le=1000, description="Never more.")
    signals: SignalsSpec = Field(SignalsSpec(), description="Above these, more replicas; the one that asks for most counts.")
    cooldown_seconds: int = Field(300, ge=0, le=3600, description="The load has to be low for this long before there are fewer.")


class ResourcesSpec(Spec):
    """As of a container."""

    requests: dict[str, str | int] = Field({}, description="What is reserved.")
    limits: dict[str, str | int] = Field({}, description="What is the most.")


class StorageSpec(Spec):
    """Where the model's files are kept."""

    class_name: str | None = Field(None, max_length=253, description="StorageClass; the cluster's default where it is absent.")
    size: str | None = Field(
        None,
        max_length=32,
        description="As 20Gi; by the resource class where it is absent.",
        json_schema_extra={"pattern": SIZE},
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = Field(
        "ReadWriteOnce", description="With ReadWriteMany all pods read the one claim, else each copies the files from it."
    )
    existing_claim: str | None = Field(None, max_length=253, description="A claim of this namespace instead of a new one.")


class GatewaySpec(Spec):
    """The Gateway of a GRPCRoute."""

    name: str = Field(min_length=1, max_length=253, description="Of the Gateway.")
    namespace: str | None = Field(None, max_length=63, description="This one where it is absent.")


class ExposeSpec(Spec):
    """How the model is reached from elsewhere."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "Ingress", "GRPCRoute"] = Field(
        "ClusterIP", description="Ingress and GRPCRoute come on top of a ClusterIP."
    )
    service_name: str | None = Field(None, max_length=63, description="Of the Service; model-NAME where it is absent.")
    node_port: int | None = Field(None, ge=1, le=65535, description="A free one where it is absent.")
    host: str | None = Field(None, max_length=253, description="Of the Ingress or the GRPCRoute.")
    class_name: str | None = Field(None, max_length=253, description="IngressClass.")
    tls_secret_name: str | None = Field(
        None,
        max_length=253,
        description="The certificate of the Ingress, a Secret of type kubernetes.io/tls; nginx has gRPC only with one.",
    )
    gateway: GatewaySpec | None = Field(None, description="Of the GRPCRoute.")
    annotations: dict[str, str] = Field({}, description="Of the Service and the Ingress.")


class KubeCognitionSpec(Spec):
    """The memory that chats with this model may name."""

    enabled: bool = Field(True, description="Without it chats are not remembered, and the model does not wait for a memory.")
    store: str | None = Field(
        None, max_length=512, description="redis://HOST:PORT/N of a memory of its own; the cluster's memory where it is absent."
    )
    resources: ResourcesSpec | None = Field(None, description="Of the memory of its own.")


class KubeModelSpec(ModelSpec):
    """A model to be served."""

    served_name: str | None = Field(None, min_length=1, max_length=128, description="By which clients ask for it; metadata.name otherwise.")
    cognition: KubeCognitionSpec = Field(KubeCognitionSpec(), description="The memory that chats may name.")  # type: ignore[assignment]  # has more
    autoscaling: AutoscalingSpec | None = Field(None, description="Replicas by load; spec.replicas follows it.")
    resource_class: Literal["Small", "Medium", "Large"] | None = Field(
        None, description="Small: to 7B parameters, Medium: to 13B, with a GPU, Large: above, with a GPU."
    )
    resources: ResourcesSpec | None = Field(None, description="Instead of a class.")
    gpus: int | None = Field(None, ge=0, le=64, description="nvidia.com/gpu of each replica; as its class says where it is absent.")
    node_selector: dict[str, str] = Field({}, description="As of a pod.")
    affinity: Free | None = Field(None, description="As of a pod.")
    tolerations: Annotated[tuple[Free, ...], Strict(False)] = Field((), max_length=64, description="As of a pod.")
    runtime_class_name: str | None = Field(None, max_length=253, description="As of a pod.")
    priority_class_name: str | None = Field(None, max_length=253, description="As of a pod.")
    storage: StorageSpec = Field(StorageSpec(), description="Where the model's files are kept.")
    expose: ExposeSpec = Field(ExposeSpec(), description="How the model is reached from elsewhere.")
    pod_template: Free | None = Field(None, description="A pod template merged over the generated one, containers by their name.")
    extra_env: Annotated[tuple[Free, ...], Strict(False)] = Field((), max_length=256, description="As env of the agent's container.")
    extra_env_from: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (), max_length=64, description="As envFrom of the agent's container."
    )
    image_pull_secrets: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (),
        max_length=16,
        description="As of a pod; of the type kubernetes.io/dockerconfigjson they are the credentials of model registries too.",
    )
