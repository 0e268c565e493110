"""A Model as the controller of the mesh is told of it, and what the controller says went wrong. Pure."""

from __future__ import annotations

from echorator.errors import ErrorClass
from echorator.model.conditions import Failure
from echorator.model.spec import EngineSpec, ModelSpec
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.model_pb2 import Lora

SYSTEM_ATTEMPTS = 3  # as in the controller: before that it tries again by itself
_LOAD_BALANCING = {"Weighted": pb.LOAD_BALANCING_WEIGHTED, "Session": pb.LOAD_BALANCING_SESSION}


def mesh_spec(name: str, source: str, spec: ModelSpec) -> pb.ModelSpec:
    """`name` is what clients ask for, `source` what agents load."""
    made = pb.ModelSpec(name=name, source=source, replicas=spec.replicas)
    for field in EngineSpec.model_fields:
        value = getattr(spec.engine, field)
        if field == "lora":
            made.options.lora.extend(Lora(source=lora.image, scale=lora.scale) for lora in value or ())
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
    """Agents that serve it, and those of them that have it as it was before the last change."""
    if mesh is None:
        return 0, 0
    current = mesh.spec == wanted and mesh.status.observed_generation == mesh.generation
    return mesh.status.ready, mesh.status.ready - (mesh.status.updated if current else 0)


def failure_of(error: pb.MeshError) -> Failure:
    """What an agent could not do."""
    kind = ErrorClass(int(error.kind)) if int(error.kind) in set(ErrorClass) else ErrorClass.SYSTEM
    if kind is ErrorClass.SYSTEM and error.attempts < SYSTEM_ATTEMPTS:
        kind = ErrorClass.TRANSIENT
    return Failure(kind, f"{error.message} (agent {error.agent_id}, attempt {error.attempts})")
