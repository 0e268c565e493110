"""Between resources and their protobuf messages, and between Python values and `google.protobuf.Value`. Pure; feeds `service`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from echorator.cluster.documents import Wish, wish_of
from echorator.cluster.history import Happening
from echorator.cluster.resources import API_VERSION, Kind, Resource
from echorator.errors import InvalidRequestError
from echorator.model.schema import document, nearest
from echorator.rpc.v1 import cluster_pb2 as pb

MOST_DEPTH = 90  # protobuf itself refuses 100


def wish_from(message: pb.Resource) -> Wish:
    """Raises SpecError."""
    metadata: dict[str, Any] = {"name": message.metadata.name, "labels": dict(message.metadata.labels)}
    if message.metadata.resource_version:
        metadata["resourceVersion"] = str(message.metadata.resource_version)
    given = {"apiVersion": message.api_version, "kind": message.kind, "metadata": metadata, "spec": plain(Value(struct_value=message.spec))}
    return wish_of(given)


def message_of_wish(wish: Wish) -> pb.Resource:
    """To be applied."""
    made = pb.Resource(api_version=API_VERSION, kind=wish.key.kind.value)
    made.metadata.name = wish.key.name
    made.metadata.labels.update(wish.labels)
    made.metadata.resource_version = wish.resource_version
    made.spec.CopyFrom(struct_of(document(wish.spec)))
    return made


def message_of(resource: Resource, history: list[Happening] | None = None) -> pb.Resource:
    """As everyone is shown it."""
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
    """As YAML and JSON show it."""
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
        "spec": plain(Value(struct_value=message.spec)),
        "status": plain(Value(struct_value=message.status)),
    }


def kind_from(name: str) -> Kind:
    """Of "ReplicaSet", "replicaset", "replicasets" or "rs". Raises InvalidRequestError."""
    short = {"rs": Kind.REPLICA_SET, "svc": Kind.SERVICE, "co": Kind.CONTAINER, "mdl": Kind.MODEL}
    low = name.lower()
    for kind in Kind:
        if low in (kind.value.lower(), f"{kind.value.lower()}s"):
            return kind
    if low in short:
        return short[low]
    raise InvalidRequestError(f"there is no kind {name!r}; {nearest(name, [kind.value for kind in Kind])}")


def plain(value: Value) -> Any:
    """As Python has it. Whole numbers are ints: JSON does not tell 3 from 3.0."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: plain(inner) for key, inner in value.struct_value.fields.items()}
        case "list_value":
            return [plain(inner) for inner in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= 1 << 53 else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def value_of(given: Any, depth: int = 0) -> Value:
    """Of what JSON can say. Raises InvalidRequestError for anything else."""
    if depth > MOST_DEPTH:
        raise InvalidRequestError(f"a value of more than {MOST_DEPTH} levels")
    match given:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]  # NULL_VALUE, the enum's only number
        case bool():
            return Value(bool_value=given)
        case int() | float():
            try:
                return Value(number_value=float(given))
            except OverflowError as error:
                raise InvalidRequestError("a number beyond those of JSON") from error
        case str():
            return Value(string_value=given)
        case Mapping():
            return Value(struct_value=struct_of(given, depth))
        case list() | tuple():
            return Value(list_value=ListValue(values=[value_of(inner, depth + 1) for inner in given]))
    raise InvalidRequestError(f"a {type(given).__name__} is no value of JSON")


def struct_of(given: Mapping[str, Any], depth: int = 0) -> Struct:
    """Of a mapping with names. Raises InvalidRequestError."""
    made = Struct()
    for key, inner in given.items():
        if not isinstance(key, str):
            raise InvalidRequestError(f"a {type(key).__name__} is no name of a field in JSON")
        made.fields[key].CopyFrom(value_of(inner, depth + 1))
    return made
