"""Converts between resources and the documents of YAML and JSON: apiVersion, kind, metadata, spec, status. Pure.

Fed by `manifests` (YAML) and `messages` (gRPC), so that both report the same errors for the same mistakes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from echorator.cluster.resources import API_VERSION, NAME, SPECS, AnySpec, Key, Kind, Resource, label_fault
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import Fault, Spec, SpecError, check, document, nearest
from echorator.model_resource.spec import CognitionSpec, ModelSpec

_VERSION = re.compile(r"[0-9]{1,18}")
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


class MetadataGiven(Spec):
    """The metadata of a manifest.

    The fields that `get -o yaml` prints are accepted too; of these only `resource_version` is used.
    """

    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    resource_version: str | None = None
    uid: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner: str | None = None

    @field_validator("name")
    @classmethod
    def _fit_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"{value[:80]!r} is not fit: at most 63 of a-z, 0-9, - and ., a letter or digit first and last")
        return value

    @field_validator("labels")
    @classmethod
    def _fit_labels(cls, value: dict[str, str]) -> dict[str, str]:
        fault = label_fault(value)
        if fault:
            raise ValueError(fault)
        return value


@dataclass(frozen=True)
class Wish:
    """A resource as a user applies it. `resource_version` is the version that it must still have; 0 accepts any."""

    key: Key
    spec: AnySpec
    labels: Mapping[str, str]
    resource_version: int = 0


def wish_of(given: object) -> Wish:
    """Return the wish in a document. Raises SpecError with every mistake in it."""
    if not isinstance(given, Mapping):
        raise SpecError([Fault((), "a resource is a mapping with apiVersion, kind, metadata and spec")])
    faults = [Fault((str(name),), f"there is no such field; {nearest(str(name), _FIELDS)}") for name in given if name not in _FIELDS]
    version = given.get("apiVersion")
    if version != API_VERSION:
        said = "is missing" if version is None else f"{version!r} is not known"
        faults.append(Fault(("apiVersion",) if version is not None else (), f"apiVersion {said}; write {API_VERSION}"))
    named = given.get("kind")
    kind = next((kind for kind in Kind if kind.value == named), None)
    if kind is None:
        known = [k.value for k in Kind]
        said = "kind is missing" if named is None else f"there is no kind {named!r}"
        faults.append(Fault(("kind",) if named is not None else (), f"{said}; {nearest(str(named), known)}"))
        raise SpecError(faults)
    metadata: MetadataGiven | None = None
    spec: AnySpec | None = None
    if "metadata" in given:
        try:
            metadata = check(MetadataGiven, given["metadata"], ("metadata",))
        except SpecError as error:
            faults += error.faults
    else:
        faults.append(Fault((), "metadata is missing; it has at least a name"))
    try:
        spec = _model(given.get("spec", {})) if kind is Kind.MODEL else check(SPECS[kind], given.get("spec", {}), ("spec",))
    except SpecError as error:
        faults += error.faults
    version_given = metadata.resource_version if metadata is not None else None
    if version_given is not None and not _VERSION.fullmatch(version_given):
        faults.append(Fault(("metadata", "resourceVersion"), f"{version_given!r} is not one that this cluster gave"))
    if faults or metadata is None or spec is None:
        raise SpecError(faults)
    return Wish(Key(kind, metadata.name), spec, metadata.labels, int(version_given or 0))


def _model(given: object) -> ModelSpec:
    """Check the spec of a Model, which may be written for Kubernetes; return it without its fields about pods, which are ignored here.

    Raises SpecError for fields that would have another effect than here, such as servedName.
    """
    spec = check(KubeModelSpec, given)
    if spec.served_name is not None:
        raise SpecError([Fault(("spec", "servedName"), "is for Kubernetes; here a Model is asked for by its metadata.name")])
    if spec.cognition.store is not None:
        raise SpecError([Fault(("spec", "cognition", "store"), "is for Kubernetes; here `echorator up --memory` says where the memory is")])
    kept = {name: getattr(spec, name) for name in ModelSpec.model_fields}
    return ModelSpec.model_construct(**{**kept, "cognition": CognitionSpec(enabled=spec.cognition.enabled)})


def document_of(resource: Resource) -> dict[str, Any]:
    """Return the resource as a mapping for YAML and JSON."""
    metadata: dict[str, Any] = {"name": resource.name}
    if resource.labels:
        metadata["labels"] = dict(resource.labels)
    metadata |= {
        "uid": resource.uid,
        "generation": resource.generation,
        "resourceVersion": str(resource.resource_version),
        "creationTimestamp": stamp(resource.created_s),
    }
    if resource.owner is not None:
        metadata["owner"] = str(resource.owner)
    if resource.deleting_s:
        metadata["deletionTimestamp"] = stamp(resource.deleting_s)
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind.value,
        "metadata": metadata,
        "spec": document(resource.spec),
        "status": dict(resource.status),
    }


def stamp(seconds: float) -> str:
    """Format seconds since 1970 as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
