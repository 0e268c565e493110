"""Converts resources to their protobuf messages and back. Pure; feeds `service`."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from echorator.cluster.documents import Wish, wish_of
from echorator.cluster.history import Happening
from echorator.cluster.resources import API_VERSION, Kind, Resource
from echorator.errors import InvalidRequestError
from echorator.model_resource.schema import document, nearest
from echorator.rpc.v1 import cluster_pb2 as pb
from echorator.values import python_of_struct, struct_of


def wish_from(message: pb.Resource) -> Wish:
    """Return the wish in a message of an Apply call. Raises SpecError."""
    metadata: dict[str, Any] = {"name": message.metadata.name, "labels": dict(message.metadata.labels)}
    if message.metadata.resource_version:
        metadata["resourceVersion"] = str(message.metadata.resource_version)
    given = {"apiVersion": message.api_version, "kind": message.kind, "metadata": metadata, "spec": python_of_struct(message.spec)}
    return wish_of(given)


def message_of_wish(wish: Wish) -> pb.Resource:
    """Return the message by which a client applies a wish."""
    made = pb.Resource(api_version=API_VERSION, kind=wish.key.kind.value)
    made.metadata.name = wish.key.name
    made.metadata.labels.update(wish.labels)
    made.metadata.resource_version = wish.resource_version
    made.spec.CopyFrom(struct_of(document(wish.spec)))
    return made


def message_of(resource: Resource, history: list[Happening] | None = None) -> pb.Resource:
    """Return the message of a resource for clients, with `history` where it is given."""
    metadata = pb.ResourceMetadata(
        name=resource.name,
        labels=dict(resource.labels),
        resource_version=resource.resource_version,
        generation=resource.generation,
        uid=resource.uid,
        owner=str(resource.owner) if resource.owner is not None else "",
    )
    metadata.created.FromMilliseconds(int(resource.created_s * 1000))
    if resource.deleting_s:
        metadata.deleting.FromMilliseconds(int(resource.deleting_s * 1000))
    made = pb.Resource(api_version=API_VERSION, kind=resource.kind.value, metadata=metadata)
    made.spec.CopyFrom(struct_of(document(resource.spec)))
    made.status.CopyFrom(struct_of(resource.status))
    for happening in history or ():
        line = made.history.add(resource=str(happening.key), text=happening.text)
        line.at.FromMilliseconds(int(happening.at_s * 1000))
    return made


def document_of_message(message: pb.Resource) -> dict[str, Any]:
    """Return the received resource as a mapping for YAML and JSON."""
    metadata = MessageToDict(message.metadata)
    for was, called in (("created", "creationTimestamp"), ("deleting", "deletionTimestamp")):
        if was in metadata:
            metadata[called] = metadata.pop(was)
    if "generation" in metadata:
        metadata["generation"] = int(metadata["generation"])
    return {
        "apiVersion": message.api_version,
        "kind": message.kind,
        "metadata": metadata,
        "spec": python_of_struct(message.spec),
        "status": python_of_struct(message.status),
    }


def kind_from(name: str) -> Kind:
    """Return the kind of a name: "ReplicaSet", "replicaset", "replicasets" or "rs". Raises InvalidRequestError."""
    short = {"rs": Kind.REPLICA_SET, "svc": Kind.SERVICE, "co": Kind.CONTAINER, "mdl": Kind.MODEL}
    low = name.lower()
    for kind in Kind:
        if low in (kind.value.lower(), f"{kind.value.lower()}s"):
            return kind
    if low in short:
        return short[low]
    raise InvalidRequestError(f"there is no kind {name!r}; {nearest(name, [kind.value for kind in Kind])}")
