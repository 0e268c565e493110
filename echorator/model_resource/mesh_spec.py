"""Converts a Model to the controller's ModelSpec, and the controller's reports to failures. Pure; feeds `lifecycle` and its back ends."""

from __future__ import annotations

from echorator.errors import SYSTEM_ATTEMPTS, ErrorClass, class_of_number
from echorator.model_resource.conditions import Failure
from echorator.model_resource.spec import EngineSpec, ModelSpec
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.model_pb2 import Lora

_LOAD_BALANCING = {"Weighted": pb.LOAD_BALANCING_WEIGHTED, "Session": pb.LOAD_BALANCING_SESSION}


def mesh_spec(name: str, source: str, spec: ModelSpec) -> pb.ModelSpec:
    """Return the controller's spec of a Model; `name` is what clients ask for, `source` what agents load."""
    made = pb.ModelSpec(name=name, source=source, replicas=spec.replicas)
    for field in EngineSpec.model_fields:
        value = getattr(spec.engine, field)
        if field == "lora":
            made.options.lora.extend(Lora(source=lora.image, scale=lora.scale, name=lora.name or "") for lora in value or ())
        elif field == "tensor_split":
            made.options.tensor_split.extend(value or ())
        elif value is not None:
            setattr(made.options, field, value)
    made.routing.load_balancing = _LOAD_BALANCING[spec.routing.load_balancing]
    for field in ("queue_per_agent", "retries", "ejection_failures"):
        value = getattr(spec.routing, field)
        if value is not None:
            setattr(made.routing, field, value)
    return made


def serving_of(mesh: pb.MeshModel | None, wanted: pb.ModelSpec) -> tuple[int, int]:
    """Return how many agents serve the model, and how many of those still have an earlier spec."""
    if mesh is None:
        return 0, 0
    current = mesh.spec == wanted and mesh.status.observed_generation == mesh.generation
    return mesh.status.ready, mesh.status.ready - (mesh.status.updated if current else 0)


def failure_of(error: pb.MeshError) -> Failure:
    """Return the failure that an agent reported to the controller."""
    kind = class_of_number(int(error.kind))
    if kind is ErrorClass.SYSTEM and error.attempts < SYSTEM_ATTEMPTS:
        kind = ErrorClass.TRANSIENT  # the agent tries again by itself
    return Failure(kind, f"{error.message} (agent {error.agent_id}, attempt {error.attempts})")
