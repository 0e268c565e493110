"""Reads the tools of a chat, and which of them the model may or must call.

Pure; raises InvalidRequestError with the field. Feeds `service` and `answering`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echorator.agent.requests import json_object_of
from echorator.errors import InvalidRequestError
from echorator.prompting.dialects.dialect import Tool
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import MOST_TOOLS

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_NO_ARGUMENTS = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class DescribedTool(Tool):
    """A function that the model may call, with what it is told about it."""

    description: str = ""

    def shown(self) -> dict[str, Any]:
        """Return the tool as chat templates take it: in OpenAI's form."""
        function = {"name": self.name} | ({"description": self.description} if self.description else {})
        return {"type": "function", "function": {**function, "parameters": self.parameters}}


@dataclass(frozen=True)
class Offer:
    """The tools of one chat, and what the model may do with them."""

    tools: tuple[DescribedTool, ...] = ()  # all that are shown to the model
    callable: tuple[DescribedTool, ...] = ()  # those that it may call
    required: bool = False  # the answer is one call or more
    parallel: bool = True  # an answer may have several calls


def offer_of(request: pb.ChatRequest) -> Offer:
    """Return the tools of a request and how they may be called. Raises InvalidRequestError, naming the field."""
    tools = tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(_bounded(request.tools)))
    names = [tool.name for tool in tools]
    if double := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise InvalidRequestError(f"tools has two tools named {double!r}; give each a name of its own")
    mode, chosen = request.tool_choice.mode, list(request.tool_choice.names)
    if mode not in pb.ToolChoice.Mode.values():
        raise InvalidRequestError(f"tool_choice.mode has no value {mode}")
    if unknown := next((name for name in chosen if name not in names), None):
        given = ", ".join(names[:20]) or "none"
        raise InvalidRequestError(f"tool_choice names {unknown[:128]!r}, which is none of the request's tools: {given}")
    if mode == pb.ToolChoice.MODE_REQUIRED and not tools:
        raise InvalidRequestError("tool_choice asks for a call, but the request has no tools")
    if mode == pb.ToolChoice.MODE_NONE:
        return Offer()
    one = mode == pb.ToolChoice.MODE_REQUIRED and len(chosen) == 1  # asks for a call of this tool
    parallel = request.parallel_tool_calls if request.HasField("parallel_tool_calls") else not one
    allowed = tuple(tool for tool in tools if not chosen or tool.name in chosen)
    return Offer(tools, allowed, mode == pb.ToolChoice.MODE_REQUIRED, parallel)


def _bounded(tools: Sequence[pb.Tool]) -> Sequence[pb.Tool]:
    if len(tools) > MOST_TOOLS:
        raise InvalidRequestError(f"tools: at most {MOST_TOOLS}, not {len(tools)}")
    return tools


def _tool(tool: pb.Tool, where: str) -> DescribedTool:
    if not _NAME.fullmatch(tool.name):
        raise InvalidRequestError(f"{where}.name {tool.name[:140]!r} is not fit: 1..128 letters, digits or any of _ . : -")
    parameters = json_object_of(tool.parameters_json, f"{where}.parameters_json") or _NO_ARGUMENTS
    if parameters.get("type", "object") != "object":
        raise InvalidRequestError(f'{where}.parameters_json must be the schema of an object: "type": "object"')
    return DescribedTool(tool.name, parameters, tool.description)
