"""Reads the tools of a request and the choice among them, in the forms of OpenAI's APIs; Anthropic's has its own reader. Pure.

Only functions are served: a tool that OpenAI or Anthropic run themselves, such as a web search, is refused by its name. Fed by the
translations of each API; yields gRPC messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from echorator.gateway.http.failures import BodyError
from echorator.rpc.v1 import model_pb2 as pb

MOST_TOOLS = 1024  # of one request
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_FUNCTION = frozenset(("name", "description", "parameters", "strict"))  # `strict` is how all calls are: valid under their schemas
MODES = {
    "auto": pb.ToolChoice.MODE_AUTO,
    "none": pb.ToolChoice.MODE_NONE,
    "required": pb.ToolChoice.MODE_REQUIRED,
    "any": pb.ToolChoice.MODE_REQUIRED,  # Mistral's
}


def declared(name: Any, description: Any, parameters: Any, where: str, schema: str = "parameters") -> pb.Tool:
    """Return the message of one tool.

    Args:
        name: what the model calls it by.
        description: for the model; None for none.
        parameters: the JSON schema of its arguments; None for arguments of any kind.
        where: the field that declares it, for messages, such as "tools.0.function".
        schema: the name of the field of the parameters.

    Raises:
        BodyError: one of them is malformed; the message names the field.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = "is missing" if name is None else f"must be 1 to 128 letters, digits or any of _ . : -, not {str(name)[:80]!r}"
        raise BodyError(f"{where}.name {shown}", f"{where}.name")
    if description is not None and not isinstance(description, str):
        raise BodyError(f"{where}.description must be a text", f"{where}.description")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise BodyError(f"{where}.{schema} must be a JSON schema, an object", f"{where}.{schema}")
    text = json_text(parameters, f"{where}.{schema}") if parameters else ""
    return pb.Tool(name=name, description=description or "", parameters_json=text)


def json_text(value: Mapping[str, Any], where: str) -> str:
    """Return an object as JSON text with its keys in order. Raises BodyError that names the field `where`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise BodyError(f"{where} is not a JSON object that can be sent on: {error}", where) from error


def checked(tools: Sequence[pb.Tool]) -> Sequence[pb.Tool]:
    """Return the tools. Raises BodyError where two have one name, or they are more than `MOST_TOOLS`."""
    if len(tools) > MOST_TOOLS:
        raise BodyError(f"tools must be at most {MOST_TOOLS}, not {len(tools)}", "tools")
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            raise BodyError(f"tools.{index}: a tool named {tool.name!r} is given already", f"tools.{index}")
        seen.add(tool.name)
    return tools


def chat_tools(given: Sequence[Any]) -> Sequence[pb.Tool]:
    """Return the tools of a chat completion, each of which is {"type": "function", "function": {...}}. Raises BodyError."""
    made = []
    for index, tool in enumerate(given):
        _check_function(tool, f"tools.{index}")
        function = tool.get("function")
        where = f"tools.{index}.function"
        if not isinstance(function, Mapping):
            raise BodyError(f'{where} must be {{"name": ..., "description": ..., "parameters": ...}}', where)
        made.append(declared(function.get("name"), function.get("description"), function.get("parameters"), where))
    return checked(made)


def response_tools(given: Sequence[Any]) -> Sequence[pb.Tool]:
    """Return the tools of a response, each of which is {"type": "function", "name": ..., "parameters": ...}. Raises BodyError."""
    made = []
    for index, tool in enumerate(given):
        _check_function(tool, f"tools.{index}")
        made.append(declared(tool.get("name"), tool.get("description"), tool.get("parameters"), f"tools.{index}"))
    return checked(made)


def _check_function(tool: Any, where: str) -> None:
    if not isinstance(tool, Mapping):
        raise BodyError(f"{where} must be an object", where)
    kind = tool.get("type", "function")
    if kind != "function":
        raise not_served(kind, f"{where}.type")


def not_served(kind: Any, where: str) -> BodyError:
    """Return the error for a tool of a kind that is not served."""
    return BodyError(f"{where}: {str(kind)[:80]!r} is not served here, only functions that the client runs itself", where)


def ignored_in(given: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the fields of a chat completion's tools that have no effect."""
    found = set()
    for tool in given:
        found |= {f"tools.{name}" for name in tool if name not in ("type", "function")}
        function = tool.get("function")
        if isinstance(function, Mapping):
            found |= {f"tools.function.{name}" for name in function if name not in _FUNCTION}
    return sorted(name[:80] for name in found)


def choice(given: Any, tools: Sequence[pb.Tool]) -> pb.ToolChoice:
    """Return the choice among the tools, in the form of either of OpenAI's APIs.

    Args:
        given: "auto", "none", "required", or an object that names one function or the allowed ones.
        tools: those of the request.

    Raises:
        BodyError: the choice is malformed, names a tool that is not given, or demands a call where no tool is given.
    """
    if isinstance(given, str):
        if given not in MODES:
            raise BodyError(f"tool_choice must be auto, none, required or an object, not {given[:80]!r}", "tool_choice")
        return chosen(MODES[given], (), tools)
    if not isinstance(given, Mapping):
        raise BodyError("tool_choice must be auto, none, required or an object", "tool_choice")
    kind = given.get("type")
    if kind == "function":
        return chosen(pb.ToolChoice.MODE_REQUIRED, (_name_in(given, "tool_choice"),), tools)
    if kind != "allowed_tools":
        raise BodyError(f"tool_choice.type: {str(kind)[:80]!r} is not served here, only function and allowed_tools", "tool_choice.type")
    allowed = given.get("allowed_tools", given)  # nested in chat completions, flat in responses
    named = allowed.get("tools") if isinstance(allowed, Mapping) else None
    if not isinstance(allowed, Mapping) or allowed.get("mode") not in ("auto", "required") or not isinstance(named, list) or not named:
        raise BodyError('tool_choice: allowed_tools needs "mode": "auto" or "required", and "tools"', "tool_choice")
    return chosen(MODES[allowed["mode"]], [_name_in(each, f"tool_choice.tools.{i}") for i, each in enumerate(named)], tools)


def _name_in(given: Any, where: str) -> str:
    """Return the name in {"type": "function", "function": {"name": ...}} or {"type": "function", "name": ...}."""
    if not isinstance(given, Mapping) or given.get("type") != "function":
        raise BodyError(f'{where} must be of the type "function"', where)
    function = given.get("function", given)
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str) or not name:
        raise BodyError(f"{where} names no function", where)
    return name


def chosen(mode: pb.ToolChoice.Mode, names: Collection[str], tools: Sequence[pb.Tool]) -> pb.ToolChoice:
    """Return the choice. Raises BodyError for a name that no tool has, and where a call is demanded and there is no tool."""
    known = {tool.name for tool in tools}
    for name in names:
        if name not in known:
            raise BodyError(f"tool_choice: there is no tool named {name[:80]!r} among tools", "tool_choice")
    if mode == pb.ToolChoice.MODE_REQUIRED and not tools:
        raise BodyError("tool_choice demands a call, and there are no tools", "tool_choice")
    return pb.ToolChoice(mode=mode, names=list(dict.fromkeys(names)))
