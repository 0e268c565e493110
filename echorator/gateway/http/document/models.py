"""The part of the OpenAPI document about models: the paths of OpenAI's and Anthropic's APIs, with the bodies that are taken. Pure.

Bodies are described by the classes that validate them; answers have the forms of those APIs, whose own documents describe them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic.json_schema import models_json_schema

from echorator.gateway.http.bodies import Body, ChatCompletion, Completion, Embeddings
from echorator.gateway.http.endpoints import EVENTS, JSON
from echorator.gateway.http.messages.bodies import CountedBody, MessageBody
from echorator.gateway.http.responses.bodies import ResponseBody
from echorator.gateway.http.responses.input_items import MOST_OF_A_PAGE

Schema = dict[str, Any]

ANTHROPIC_ERROR: Schema = {
    "type": "object",
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string", "description": "what is wrong, and what to do"}},
        },
        "request_id": {"type": "string", "description": "by which logs and traces name the request"},
    },
}


@dataclass(frozen=True)
class Operation:
    """A verb and a path of a model's API, as the OpenAPI document describes it."""

    verb: str
    path: str
    name: str
    summary: str
    body: type[Body] | None = None
    streams: bool = False  # the answer is server-sent events where the body has `stream: true`

    @property
    def error(self) -> str:
        """The name of the schema of its errors."""
        return "AnthropicError" if self.path.startswith("/v1/messages") else "Error"


OPERATIONS = (
    Operation("POST", "/v1/chat/completions", "ChatCompletions", "Answer a conversation, in OpenAI's form.", ChatCompletion, True),
    Operation("POST", "/v1/completions", "Completions", "Complete prompts, in OpenAI's form.", Completion, True),
    Operation("POST", "/v1/responses", "CreateResponse", "Answer an input, in the form of OpenAI's Responses API.", ResponseBody, True),
    Operation("GET", "/v1/responses/{id}", "GetResponse", "Return a response that this gateway process keeps."),
    Operation("DELETE", "/v1/responses/{id}", "DeleteResponse", "Forget a response."),
    Operation("POST", "/v1/responses/input_tokens", "CountInputTokens", "Count the tokens of an input, in OpenAI's form.", ResponseBody),
    Operation("GET", "/v1/responses/{id}/input_items", "ListInputItems", "Return a page of what a response that is kept answered."),
    Operation("POST", "/v1/messages", "CreateMessage", "Answer a conversation, in Anthropic's form.", MessageBody, True),
    Operation("POST", "/v1/messages/count_tokens", "CountTokens", "Count the tokens of a prompt, in Anthropic's form.", CountedBody),
    Operation("POST", "/v1/embeddings", "Embeddings", "Turn inputs into vectors, in OpenAI's form.", Embeddings),
    Operation("GET", "/v1/models", "ListModels", "List the models, with the fields of OpenAI's form and of Anthropic's."),
    Operation("GET", "/v1/models/{id}", "GetModel", "Describe one model, with the fields of OpenAI's form and of Anthropic's."),
)

_PAGE: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_OF_A_PAGE, "default": 20},
    "order": {"enum": ["asc", "desc"], "default": "desc"},
    "after": {"type": "string", "description": "the id of the item behind which the page begins"},
}


def model_paths(schemas: dict[str, Schema]) -> dict[str, dict[str, Any]]:
    """Return the operations by path and verb; the schemas that they name are added to `schemas`."""
    kinds = tuple(dict.fromkeys(operation.body for operation in OPERATIONS if operation.body is not None))
    names, made = models_json_schema([(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}")
    schemas.update(made.get("$defs", {}), AnthropicError=ANTHROPIC_ERROR)
    for kind in kinds:
        del schemas[kind.__name__]["additionalProperties"]  # fields without an effect are taken, see `fields`
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        schema = names[operation.body, "validation"] if operation.body is not None else None
        paths.setdefault(operation.path, {})[operation.verb.lower()] = _described(operation, schema)
    return paths


def _described(operation: Operation, schema: Schema | None) -> dict[str, Any]:
    failed = {
        "description": "the request is refused, or failed",
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{operation.error}"}}},
    }
    content: dict[str, Any] = {JSON: {"schema": {"type": "object"}}}
    if operation.streams:
        content[EVENTS] = {"schema": {"type": "string", "description": "the events of the API's streams"}}
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [],
        "responses": {"200": {"description": "done", "content": content}, "4XX": failed, "5XX": failed},
    }
    if "{id}" in operation.path:
        made["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    if operation.path.endswith("/input_items"):
        made["parameters"] += [{"name": name, "in": "query", "schema": schema} for name, schema in _PAGE.items()]
    if schema is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return made
