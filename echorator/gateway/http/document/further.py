"""The part of the OpenAPI document about Ollama's, llama-server's and reranking endpoints, made of the bodies' classes. Pure."""

from __future__ import annotations

from typing import Any

from echorator.gateway.http import bodies
from echorator.gateway.http.bodies import Body
from echorator.gateway.http.llama_server import bodies as llama_server
from echorator.gateway.http.ollama import bodies as ollama
from echorator.gateway.http.reranking.bodies import Rerank

JSON, NDJSON = "application/json", "application/x-ndjson"
OLLAMA, LLAMA_SERVER, RERANKING = "Ollama", "LlamaServer", "Reranking"
_OLLAMA_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string", "description": "what is wrong"}}}

_ENDPOINTS: tuple[tuple[str, str, str, type[Body] | None, str], ...] = (
    ("post", "/api/chat", OLLAMA, ollama.Chat, "Answer a conversation."),
    ("post", "/api/generate", OLLAMA, ollama.Generate, "Answer a prompt."),
    ("post", "/api/embed", OLLAMA, ollama.Embed, "Turn texts into vectors of length 1."),
    ("post", "/api/embeddings", OLLAMA, ollama.Embeddings, "Turn one text into a vector."),
    ("post", "/api/show", OLLAMA, ollama.Show, "Describe a model."),
    ("post", "/api/pull", OLLAMA, ollama.Pull, "Say that a model is there."),
    ("get", "/api/tags", OLLAMA, None, "List the models that a request may name."),
    ("get", "/api/ps", OLLAMA, None, "List the models that are loaded."),
    ("get", "/api/version", OLLAMA, None, "Return the version of Ollama's API."),
    ("post", "/tokenize", LLAMA_SERVER, llama_server.Tokenize, "Turn a text into token ids."),
    ("post", "/detokenize", LLAMA_SERVER, llama_server.Detokenize, "Turn token ids into a text."),
    ("post", "/apply-template", LLAMA_SERVER, bodies.ChatCompletion, "Return the prompt of a conversation."),
    ("post", "/v1/chat/completions/input_tokens", LLAMA_SERVER, bodies.ChatCompletion, "Count the tokens of a conversation's prompt."),
    ("post", "/embedding", LLAMA_SERVER, bodies.Embeddings, "Turn inputs into vectors, answered in llama-server's form: a list."),
    ("post", "/completion", LLAMA_SERVER, llama_server.OwnCompletion, "Complete a prompt, answered in llama-server's form."),
    ("post", "/infill", LLAMA_SERVER, llama_server.Infill, "Fill the gap between two texts, answered in llama-server's form."),
    ("post", "/v1/rerank", RERANKING, Rerank, "Order documents by their relevance to a query; a list where the body has `texts`."),
    ("get", "/props", LLAMA_SERVER, None, "Return the properties of a model."),
    ("get", "/slots", LLAMA_SERVER, None, "List the slots of all agents of a model, as these reported them last."),
    ("get", "/lora-adapters", LLAMA_SERVER, None, "List the adapters of a model."),
)


def add_to(paths: dict[str, dict[str, Any]], schemas: dict[str, dict[str, Any]]) -> None:
    """Add the operations to `paths`, and the schemas of their bodies to `schemas`, with the name of the API before their own."""
    schemas["OllamaError"] = _OLLAMA_ERROR
    for verb, path, api, kind, summary in _ENDPOINTS:
        error = "OllamaError" if api == OLLAMA else "Error"
        failed = {"description": "the request is refused, or failed", "content": {JSON: {"schema": _reference(error)}}}
        done: dict[str, Any] = {"description": "done", "content": {JSON: {"schema": {"type": "object"}}}}
        if path in ("/embedding", "/slots", "/lora-adapters"):
            done["content"] = {JSON: {"schema": {"type": "array", "items": {"type": "object"}}}}
        if kind is Rerank:
            done["content"] = {JSON: {"schema": {"anyOf": [{"type": "object"}, {"type": "array"}]}}}
        if kind is not None and "stream" in kind.model_fields and api == OLLAMA:
            done["content"][NDJSON] = {"schema": {"type": "string", "description": "a JSON object a line, where the body has `stream`"}}
        operation: dict[str, Any] = {
            "operationId": api + "".join(part.capitalize() for part in path.replace("-", "/").split("/")),
            "summary": summary,
            "responses": {"200": done, "4XX": failed, "5XX": failed},
        }
        if kind is not None:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _of_body(kind, api, schemas)}}}
        if api == LLAMA_SERVER and verb == "get":
            operation["parameters"] = [
                {"name": "model", "in": "query", "schema": {"type": "string"}, "description": "of several, which one"}
            ]
        paths.setdefault(path, {})[verb] = operation


def _of_body(kind: type[Body], api: str, schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a reference to the schema of a body, which is added with all that it names."""
    made = kind.model_json_schema(ref_template=f"#/components/schemas/{api}{{model}}")
    schemas.update({api + name: definition for name, definition in made.pop("$defs", {}).items()})
    schemas[api + kind.__name__] = made
    return _reference(api + kind.__name__)


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
