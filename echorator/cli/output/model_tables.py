"""The one table of models: each command that lists models fills in what it knows, in the same columns and words. Pure.

A server knows how its models were loaded, a controller how many agents serve them, a local cluster and Kubernetes what was asked for, and
the store of this machine what was pulled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from echorator.cli.output.model_standing import age, mesh_condition, standing_in_mesh, standing_of
from echorator.cli.output.tables import Column, Table
from echorator.rpc.v1 import controller_pb2, model_pb2
from echorator.settings import EMBEDDED_NAME


@dataclass(frozen=True, kw_only=True)
class ModelLine:
    """What one command knows about a model, in words; None is what it cannot know, "" what the model has not. The order is the columns'."""

    namespace: str | None = None
    name: str
    phase: str | None = None
    ready: str | None = None
    slots: str | None = None
    size: str | None = None
    age: str | None = None
    source: str | None = None
    queue: str | None = None
    generation: str | None = None
    endpoint: str | None = None
    architecture: str | None = None
    parameters: str | None = None
    quantisation: str | None = None
    context: str | None = None
    kv_layout: str | None = None
    digest: str | None = None
    store: str | None = None
    says: str | None = None


_WIDE = ("queue", "generation", "endpoint", "architecture", "parameters", "quantisation", "context", "kv_layout", "digest", "store")
_NUMBERS = ("ready", "slots", "size", "age", "queue", "generation", "parameters", "context")


def models_table(lines: Sequence[ModelLine], wide: bool) -> Table:
    """Return the table of the models, with the columns that at least one of them knows."""
    known = [f.name for f in fields(ModelLine) if any(getattr(line, f.name) is not None for line in lines)]
    columns = [Column(name.upper().replace("_", "-"), right=name in _NUMBERS, wide=name in _WIDE) for name in known]
    return Table(columns, [[getattr(line, name) or "" for name in known] for line in lines], wide)


def size_of(size_bytes: int) -> str:
    """Format a number of bytes, such as "4.1 GiB"; "" for 0, which stands for a size that is not known."""
    for unit, bits in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes >= 1 << bits:
            return f"{size_bytes / (1 << bits):.1f} {unit}"
    return f"{size_bytes} B" if size_bytes else ""


def served_line(model: model_pb2.Model) -> ModelLine:
    """Return what a server says of a model that it has loaded."""
    return ModelLine(
        name=model.name,
        phase=model_pb2.ModelState.Name(model.state).removeprefix("MODEL_STATE_").capitalize(),
        slots=str(model.slots),
        size=size_of(model.size_bytes),
        source=model.path or EMBEDDED_NAME,
        architecture=model.architecture,
        parameters=str(model.parameters),
        quantisation=model.quantisation,
        context=str(model.context_tokens),
        kv_layout=model.kv_layout,
        digest=model.digest,
        says="; ".join(model.warnings),
    )


def mesh_line(model: controller_pb2.MeshModel, now: datetime) -> ModelLine:
    """Return what a controller says of a model of its mesh."""
    status, stands = model.status, standing_in_mesh(model)
    return ModelLine(
        name=model.spec.name,
        phase=stands.phase,
        ready=stands.share,
        slots=f"{status.busy}/{status.slots}",
        size=size_of(status.size_bytes),
        age=age(model.created.ToDatetime(UTC), now) if model.HasField("created") else "",
        source=model.spec.source,
        queue=str(status.queued),
        generation=str(model.generation),
        digest=status.digest,
        says=stands.says or (mesh_condition(model) if stands.phase != "Ready" else ""),
    )


def document_line(document: Mapping[str, Any], now: datetime, namespaced: bool = False) -> ModelLine:
    """Return what the document of a Model says, of a local cluster or of Kubernetes."""
    metadata, status, stands = document["metadata"], document.get("status") or {}, standing_of(document)
    begun = metadata.get("creationTimestamp")
    return ModelLine(
        namespace=metadata["namespace"] if namespaced else None,
        name=metadata["name"],
        phase=stands.phase,
        ready=stands.share,
        size=size_of(int((status.get("model") or {}).get("sizeBytes") or 0)),
        age=age(datetime.fromisoformat(begun), now) if begun else "",
        source=document["spec"]["image"],
        generation=str(metadata.get("generation", "")),
        endpoint=status.get("endpoint", ""),
        digest=str(status.get("digest") or (status.get("model") or {}).get("digest", "")),
        says=stands.says,
    )
