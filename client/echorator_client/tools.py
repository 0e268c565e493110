"""Tools: Python functions, or schemas, to what a model may call; and a call to the result that goes back to the model."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from echorator_client.errors import ToolError
from echorator_client.results import Message, ToolCall
from echorator_client.rpc.v1 import model_pb2 as pb

Tool = Callable[..., Any] | Mapping[str, Any]
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}


def tool_of(tool: Tool) -> pb.Tool:
    """Return the message of a function, or of a mapping with name, description and parameters (also under "function", as OpenAI's).

    A function gives its name, its docstring and a schema of its parameters' types. Raises ToolError.
    """
    if isinstance(tool, Mapping):
        said = tool.get("function", tool)
        if not isinstance(said, Mapping) or not isinstance(said.get("name"), str):
            raise ToolError("a tool is a function, or a mapping with name, description and parameters")
        parameters = json.dumps(said["parameters"]) if said.get("parameters") else ""
        return pb.Tool(name=said["name"], description=said.get("description", ""), parameters_json=parameters)
    return pb.Tool(name=_name(tool), description=inspect.getdoc(tool) or "", parameters_json=json.dumps(schema_of(tool)))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON schema of a function's parameters. Raises ToolError for a parameter that a JSON object cannot give."""
    name = _name(function)
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise ToolError(f"{name}: {error}; its parameters' types must be names of its module") from error
    properties: dict[str, Any] = {}
    required = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolError(f"{name}: the parameter {parameter.name} must be one that can be given by name")
        properties[parameter.name] = _schema(hints.get(parameter.name, str), f"{name}: {parameter.name}")
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(kind: Any, where: str) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": [*arguments]}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema(each, where) for each in arguments]}
    if kind is type(None):
        return {"type": "null"}
    if origin is list and arguments:
        return {"type": "array", "items": _schema(arguments[0], where)}
    found = _PLAIN.get(origin or kind)
    if found is None:
        raise ToolError(f"{where} has the type {kind!r}; use str, int, float, bool, list, dict, Literal or Optional, or give a schema")
    return {"type": found}


def functions_of(tools: Iterable[Tool]) -> dict[str, Callable[..., Any]]:
    """Return the functions by name. Raises ToolError for a schema, which nothing can run."""
    found: dict[str, Callable[..., Any]] = {}
    for tool in tools:
        if isinstance(tool, Mapping):
            raise ToolError("run_tools runs functions; with schemas use chat, and answer its tool_calls yourself")
        found[_name(tool)] = tool
    return found


def called(functions: Mapping[str, Callable[..., Any]], call: ToolCall) -> Any:
    """Call the function; an async one gives its coroutine. Raises ToolError where there is no such function, and what it raises."""
    function = functions.get(call.name)
    if function is None:
        raise ToolError(f"the model called {call.name!r}, which is none of {', '.join(functions)}")
    return function(**call.arguments)


def result_of(call: ToolCall, value: Any) -> Message:
    """Return the message with a call's result: a text as it is, else JSON, else its str()."""
    content = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return Message("tool", content, tool_call_id=call.id)
