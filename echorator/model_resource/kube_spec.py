"""The spec of a Model on Kubernetes: that of every Model, and where its pods run, how clients reach them, and how they scale.

Fed by objects of the API server; feeds `kube.install.crd`, which makes the schema from it, and `kube.models.children`, which makes the
objects. The local cluster accepts the same YAML.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict

from echorator.model_resource.kube_names import HostName, NamespaceName, ObjectName, ServedName, ServiceName, checked_keys, checked_labels
from echorator.model_resource.schema import Spec
from echorator.model_resource.spec import ModelSpec
from echorator.settings import MOST_REPLICAS

QUANTITY = r"^[0-9]+(\.[0-9]+)?([mkMGTPE]|[KMGTPE]i)?$"
SIZE = QUANTITY.replace("m", "")  # without m: there are no thousandths of a byte
Free = dict[str, Any]
Keyed = AfterValidator(checked_keys)
Percent = Annotated[int, Field(ge=0, le=100)]


class SignalsSpec(Spec):
    """The targets of the signals; above a target there are more replicas, and 0 turns the signal off."""

    cpu_percent: Percent = Field(70, description="CPU use in percent of the requested CPU. It needs metrics-server; 0 turns it off.")
    memory_percent: Percent = Field(
        80, description="Memory use in percent of the requested memory. It needs metrics-server; 0 turns it off."
    )
    queue_depth: int = Field(
        10, ge=0, le=100_000, description="Requests that wait at agents and gateways, for each replica; 0 turns it off."
    )
    response_time_seconds: int = Field(
        5,
        ge=0,
        le=3600,
        description="Seconds from a request's arrival at an agent to its first token, as the 95th percentile of a minute; 0 turns it off.",
    )
    gpu_percent: Percent = Field(
        85,
        description="GPU use in percent. It needs pods/DCGM_FI_DEV_GPU_UTIL in custom.metrics.k8s.io; 0 turns it off.",
    )


CLASS_GPUS = {"Small": 0, "Medium": 1, "Large": 1}  # GPUs of each replica, by resource class


class AutoscalingSpec(Spec):
    """How the number of replicas follows the load."""

    min_replicas: int = Field(
        1,
        ge=0,
        le=MOST_REPLICAS,
        description="The least number of replicas. With 0 there are none while there are no requests, and the first request starts one.",
    )
    max_replicas: int = Field(10, ge=1, le=MOST_REPLICAS, description="The largest number of replicas.")
    signals: SignalsSpec = Field(
        SignalsSpec(),
        description="The targets of the signals. Above a target there are more replicas; the signal that asks for most of them counts.",
    )
    cooldown_seconds: int = Field(
        300, ge=0, le=3600, description="Seconds for which the load has to be low before there are fewer replicas."
    )


class ResourcesSpec(Spec):
    """Requests and limits of the agents' container, as in a pod."""

    requests: Annotated[dict[str, str | int], Keyed] = Field({}, description="The resources that are reserved.")
    limits: Annotated[dict[str, str | int], Keyed] = Field({}, description="The resources that may be used at most.")


class StorageSpec(Spec):
    """The storage in which the model's files are kept."""

    class_name: ObjectName | None = Field(None, description="The StorageClass of the claim. The default is the cluster's default class.")
    size: str | None = Field(
        None,
        max_length=32,
        description="The size of the claim, such as 40Gi. The default is that of the resource class, or 20Gi without a class.",
        json_schema_extra={"pattern": SIZE},
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = Field(
        "ReadWriteOnce",
        description="The access mode of the claim. With ReadWriteMany all pods read the claim; otherwise each pod copies the files.",
    )
    existing_claim: ObjectName | None = Field(None, description="The name of a claim of this namespace that is used instead of a new one.")


class GatewaySpec(Spec):
    """The Gateway of a GRPCRoute."""

    name: ObjectName = Field(description="The name of the Gateway.")
    namespace: NamespaceName | None = Field(None, description="The namespace of the Gateway. The default is that of the Model.")


class ExposeSpec(Spec):
    """How clients outside of the mesh reach the model."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "Ingress", "GRPCRoute"] = Field(
        "ClusterIP", description="The type of the Service. Ingress and GRPCRoute are created in addition to a Service of type ClusterIP."
    )
    service_name: ServiceName | None = Field(None, description="The name of the Service. The default is model-NAME.")
    node_port: int | None = Field(None, ge=1, le=65535, description="The port of a Service of type NodePort. The default is any free port.")
    host: HostName | None = Field(None, description="The host name of the Ingress or the GRPCRoute.")
    class_name: ObjectName | None = Field(None, description="The IngressClass of the Ingress.")
    tls_secret_name: ObjectName | None = Field(
        None,
        description="The Secret of type kubernetes.io/tls with the Ingress's certificate. ingress-nginx serves gRPC only with one.",
    )
    gateway: GatewaySpec | None = Field(None, description="The Gateway of the GRPCRoute.")
    annotations: Annotated[dict[str, str], Keyed] = Field({}, description="Annotations of the Service and the Ingress.")


class KubeCognitionSpec(Spec):
    """The memory that chats with this model may name."""

    enabled: bool = Field(True, description="Whether chats may be remembered. Without a memory the model does not wait for one.")
    store: str | None = Field(
        None,
        max_length=512,
        description="The redis://HOST:PORT/N or postgresql://HOST/DATABASE in which a memory of this model's own keeps its state. "
        "The default is the cluster's memory.",
    )
    resources: ResourcesSpec | None = Field(None, description="The resources of the model's own memory.")


class KubeModelSpec(ModelSpec):
    """The spec of a model to be served."""

    served_name: ServedName | None = Field(None, description="The name by which clients ask for the model. The default is metadata.name.")
    # The type has more fields than that in ModelSpec, which mypy refuses.
    cognition: KubeCognitionSpec = Field(KubeCognitionSpec(), description="The memory that chats may name.")  # type: ignore[assignment]
    autoscaling: AutoscalingSpec | None = Field(
        None, description="How the number of replicas follows the load. It then sets spec.replicas."
    )
    resource_class: Literal["Small", "Medium", "Large"] | None = Field(
        None,
        description="The size of a replica: Small is for up to 7B parameters, Medium for up to 13B with a GPU, Large for more with a GPU.",
    )
    resources: ResourcesSpec | None = Field(None, description="The resources of a replica, instead of a resource class.")
    gpus: int | None = Field(
        None, ge=0, le=64, description="The GPUs (nvidia.com/gpu) of each replica. The default is that of the resource class."
    )
    node_selector: Annotated[dict[str, str], AfterValidator(checked_labels)] = Field(
        {}, description="The node labels that the pods of agents and store require, as in a pod."
    )
    affinity: Free | None = Field(None, description="The affinity of the agents' pods, as in a pod.")
    tolerations: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (), max_length=64, description="The tolerations of the pods, as in a pod."
    )
    runtime_class_name: ObjectName | None = Field(None, description="The RuntimeClass of the agents' pods, as in a pod.")
    priority_class_name: ObjectName | None = Field(None, description="The PriorityClass of the pods, as in a pod.")
    storage: StorageSpec = Field(StorageSpec(), description="Where the model's files are kept.")
    expose: ExposeSpec = Field(ExposeSpec(), description="How clients outside of the mesh reach the model.")
    pod_template: Free | None = Field(
        None, description="A pod template that is merged over the generated one; its containers are merged by name."
    )
    extra_env: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (), max_length=256, description="Environment variables of the agent's container, as in env of a container."
    )
    extra_env_from: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (), max_length=64, description="Sources of environment variables of the agent's container, as in envFrom of a container."
    )
    image_pull_secrets: Annotated[tuple[Free, ...], Strict(False)] = Field(
        (),
        max_length=16,
        description="The pull secrets of the pods. Those of type kubernetes.io/dockerconfigjson also give access to model registries.",
    )

    @property
    def gpu_count(self) -> int:
        """The GPUs of each replica."""
        if self.gpus is not None:
            return self.gpus
        return CLASS_GPUS[self.resource_class] if self.resource_class else 0
