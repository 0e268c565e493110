"""The OpenAPI document of the HTTP APIs. Pure.

The memory's part is made of the table of endpoints, the descriptors and the protos' comments; `further` adds other APIs.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from echorator import __version__
from echorator.gateway.http.document import further
from echorator.gateway.http.document.models import model_paths
from echorator.gateway.http.endpoints import ENDPOINTS, EVENTS, JSON, LINES, SCOPE, SERVICE, Endpoint
from echorator.gateway.http.transcoding import parameters_of
from echorator.rpc.v1.comments import COMMENTS

Schema = dict[str, Any]

DESCRIPTION = """
Each operation below /v1/memories is a method of the gRPC service echorator.v1.CognitionService; its request and reply are protobuf's JSON:
whole numbers of 64 bits are texts, and may be given as numbers. What a request may hold is checked as over gRPC. In the query `user`,
`session`, `tenant` and `agent` say whose memory it is; in a body they may stand in `scope` instead. The paths below /api are those of
Ollama's API, /tokenize and those beside it llama-server's, the other ones those of OpenAI's and Anthropic's APIs; fields of theirs that
have no effect here are taken too, and listed in the answer's header x-echorator-ignored.
""".strip()

_STRUCTS: dict[str, Schema] = {
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
}
_WHOLE: Schema = {"type": "integer"}
_LONG: Schema = {"type": ["string", "integer"], "pattern": "^-?[0-9]+$"}
_REAL: Schema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_TYPES: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_INT32: _WHOLE,
    FieldDescriptor.CPPTYPE_UINT32: _WHOLE,
    FieldDescriptor.CPPTYPE_INT64: _LONG,
    FieldDescriptor.CPPTYPE_UINT64: _LONG,
    FieldDescriptor.CPPTYPE_DOUBLE: _REAL,
    FieldDescriptor.CPPTYPE_FLOAT: _REAL,
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "what is wrong, and what to do"},
                "type": {"type": "string", "description": "OpenAI's kind of the error"},
                "param": {"type": ["string", "null"], "description": "the field or parameter that is wrong"},
                "code": {"type": "string", "description": "the gRPC status, in lower case"},
                "trace_id": {"type": "string", "description": "by which logs and traces name the request"},
            },
        }
    },
}


def document() -> dict[str, Any]:
    """Return the document, of version 3.1 of the specification."""
    schemas: dict[str, Schema] = {"Error": _ERROR}
    paths = model_paths(schemas)
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.verb.lower()] = _operation(endpoint, schemas)
    further.add_to(paths, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Echorator over HTTP", "version": __version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Schema]) -> dict[str, Any]:
    method = endpoint.method
    failed = {"description": "the request is refused, or failed", "content": {JSON: {"schema": _reference("Error")}}}
    done = {"description": "done", "content": {endpoint.answers: {"schema": _answer(endpoint, schemas)}}}
    operation = {
        "operationId": _operation_id(endpoint),
        "summary": COMMENTS.get(f"{SERVICE.name}.{method.name}", method.name),
        "parameters": _parameters(endpoint, schemas),
        "responses": {"200": done, "4XX": failed, "5XX": failed},
    }
    if endpoint.reads_body:
        operation["requestBody"] = {"content": {JSON: {"schema": _of_message(endpoint.request, schemas)}}}
    if endpoint.reads_lines:
        operation["requestBody"] = {"required": True, "content": {LINES: {"schema": {"type": "string"}}}}
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    """Return the method's name; where several endpoints have one, the others with the end of their path."""
    first = next(other for other in ENDPOINTS if other.name == endpoint.name)
    rest = endpoint.path.removeprefix("/v1/memories").replace("{id}", "one")
    return endpoint.name if first is endpoint else f"{endpoint.name}_{'_'.join(filter(None, rest.split('/')))}"


def _answer(endpoint: Endpoint, schemas: dict[str, Schema]) -> Schema:
    if endpoint.answers == LINES:
        return {"type": "string", "description": "a JSON object a line"}
    reference = _of_message(endpoint.method.output_type, schemas)
    if endpoint.answers == EVENTS:
        return {"type": "string", "description": "server-sent events, the data of each of which is one reply", "x-event": reference}
    return reference


def _parameters(endpoint: Endpoint, schemas: dict[str, Schema]) -> list[dict[str, Any]]:
    """Return the parameters of the path and the query. With a body the query needs none but the scope's."""
    found: list[dict[str, Any]] = []
    if "{id}" in endpoint.path:
        schema = {"type": "integer", "minimum": 1}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema, "description": "of the memory"})
    taken = {"id", "lines", endpoint.fixed.partition(".")[0]}
    for name in parameters_of(endpoint.request):
        field = endpoint.request.fields_by_name.get(name)
        if name in SCOPE and field is None:
            found.append({"name": name, "in": "query", "schema": {"type": "string"}, "description": COMMENTS[f"Scope.{name}"]})
        elif field is not None and name not in taken and not endpoint.reads_body:
            found.append({"name": name, "in": "query", **_query_schema(field, schemas), "description": _comment(field)})
    return found


def _query_schema(field: FieldDescriptor, schemas: dict[str, Schema]) -> dict[str, Any]:
    """Return the schema of a parameter; one of a message is its JSON."""
    if field.message_type is not None:
        return {"content": {JSON: {"schema": _schema(field, schemas)}}}
    return {"schema": _schema(field, schemas)}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _of_message(kind: Descriptor, schemas: dict[str, Schema]) -> Schema:
    """Return a reference to the schema of a message, which is added with all that it names."""
    if kind.full_name in _STRUCTS:
        return _STRUCTS[kind.full_name]
    if kind.name not in schemas:
        made = schemas[kind.name] = {"type": "object", "additionalProperties": False, "properties": {}}
        if comment := COMMENTS.get(kind.name):
            made["description"] = comment
        for field in kind.fields:
            made["properties"][field.name] = _described(_schema(field, schemas), _comment(field))
    return _reference(kind.name)


def _schema(field: FieldDescriptor, schemas: dict[str, Schema]) -> Schema:
    if field.message_type is not None:
        one = _of_message(field.message_type, schemas)
    elif field.enum_type is not None:
        one = _of_enum(field.enum_type, schemas)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        one = {"type": "string", "contentEncoding": "base64"}
    else:
        one = _TYPES[field.cpp_type]
    return {"type": "array", "items": one} if field.is_repeated else one


def _of_enum(enum: EnumDescriptor, schemas: dict[str, Schema]) -> Schema:
    values = [value.name for value in enum.values]
    said = [f"{name}: {comment}" for name in values if (comment := COMMENTS.get(f"{enum.name}.{name}"))]
    text = "; ".join(filter(None, (COMMENTS.get(enum.name), *said)))
    schemas.setdefault(enum.name, _described({"type": "string", "enum": values}, text))
    return _reference(enum.name)


def _comment(field: FieldDescriptor) -> str:
    return COMMENTS.get(f"{field.containing_type.name}.{field.name}", "") if field.containing_type is not None else ""


def _described(schema: Schema, text: str) -> Schema:
    return schema | {"description": text} if text else schema
