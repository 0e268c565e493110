"""Converts a body of Anthropic's Messages API to a gRPC message. Pure; fed by `api`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from echorator.gateway.http.bodies import stops_of
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating import tools
from echorator.gateway.http.generating.paths import MESSAGES, Paths, Place
from echorator.gateway.http.generating.validation import validated
from echorator.gateway.http.messages.bodies import (
    ChatTurn,
    MessageBody,
    PromptBody,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from echorator.gateway.http.translation import check_one_shape, fill, fill_conversation
from echorator.rpc.v1 import model_pb2 as pb

_MODES = {
    "auto": pb.ToolChoice.MODE_AUTO,
    "any": pb.ToolChoice.MODE_REQUIRED,
    "tool": pb.ToolChoice.MODE_REQUIRED,
    "none": pb.ToolChoice.MODE_NONE,
}


class Asked(NamedTuple):
    """The request of a body, and where its fields stand there."""

    request: pb.ChatRequest
    paths: Paths


def request_of(body: MessageBody) -> Asked:
    """Return the request of an answer. Raises BodyError that names the field."""
    request, paths = _prompt(body)
    fill(body, request.sampling, request.limits, body.max_tokens, stops_of(body.stop_sequences))
    return Asked(request, paths)


def counting_request(body: PromptBody) -> Asked:
    """Return the request whose prompt is counted. Raises BodyError that names the field."""
    request, paths = _prompt(body)
    fill(body, request.sampling, request.limits, 0, ())
    return Asked(request, paths)


def _prompt(body: PromptBody) -> Asked:
    if body.thread is not None:
        said = "thread: conversations are not kept here; send the whole conversation without thread"
        raise BodyError(said, "thread", details={"error_code": "thread_unsupported_request"})  # by which clients know to do so
    request = pb.ChatRequest(model=body.model)
    if body.system:
        request.messages.add(role="system", content=_text(body.system, "system"))
    places = [Place("system", {"content": "system"})] if body.system else []
    for index, turn in enumerate(body.messages):
        for message, place in _messages(turn, f"messages.{index}"):
            request.messages.append(message)
            places.append(place)
    paths = Paths(MESSAGES, places, _given(body))
    paths.check_tools(request.messages)
    _tools(body, request)
    config = body.output_config
    form = (config.format if config is not None else None) or body.output_format
    if form is not None:
        check_one_shape(body, "output_config.format")
        request.sampling.json_schema = tools.json_text(form.definition, "output_config.format.schema")
    _thinking(body, request)
    fill_conversation(body, request, config.effort if config is not None else None)
    return Asked(request, paths)


def _given(body: PromptBody) -> dict[str, str]:
    """Return the names of fields of which the API takes several, where the body has another than the usual one."""
    found = {"json_schema": "json_schema"} if body.json_schema is not None else {}
    if body.output_format is not None:
        found["json_schema"] = "output_format.schema"
    if body.thinking_budget_tokens is not None:
        found["reasoning.budget_tokens"] = "thinking_budget_tokens"
    return found


def _thinking(body: PromptBody, request: pb.ChatRequest) -> None:
    """Fill how much is thought: nothing where the body does not ask for it, as a client of this API expects no thought then."""
    thinking = body.thinking
    request.reasoning.enabled = thinking is not None and thinking.type != "disabled"
    if thinking is not None and thinking.type == "enabled" and thinking.budget_tokens is not None:
        request.reasoning.budget_tokens = thinking.budget_tokens


def _messages(turn: ChatTurn, where: str) -> list[tuple[pb.Message, Place]]:
    """Return the messages of one turn with their places; results of calls in one of the user are messages of the role "tool"."""
    at = f"{where}.content"
    if isinstance(turn.content, str):
        return [(pb.Message(role=turn.role, content=turn.content), Place(where))]
    if turn.role == "assistant":
        return [_assistant(turn.content, where)]
    if turn.role == "system":
        return [(pb.Message(role=turn.role, content=_text(turn.content, at)), Place(where))]
    made: list[tuple[pb.Message, Place]] = []
    for index, block in enumerate(turn.content):
        place = f"{at}.{index}"
        if block.get("type") == "tool_result":
            result = validated(ToolResultBlock, block, place)
            message = pb.Message(role="tool", tool_call_id=result.tool_use_id, content=_text(result.content, f"{place}.content"))
            made.append((message, Place(place, {"tool_call_id": f"{place}.tool_use_id"})))
        else:
            text = _text([block], at, index)
            if made and made[-1][0].role == "user":
                made[-1][0].content += f"\n{text}"
            else:
                made.append((pb.Message(role="user", content=text), Place(where)))
    return made or [(pb.Message(role="user"), Place(where))]


def _assistant(blocks: Sequence[dict[str, Any]], where: str) -> tuple[pb.Message, Place]:
    made, placed, texts = pb.Message(role="assistant"), Place(where), []
    for index, block in enumerate(blocks):
        place, kind = f"{where}.content.{index}", block.get("type")
        if kind == "tool_use":
            call = validated(ToolUseBlock, block, place)
            made.tool_calls.add(id=call.id, name=call.name, arguments_json=tools.json_text(call.input, f"{place}.input"))
            placed.calls.append(place)
        elif kind == "thinking":
            made.reasoning += validated(ThinkingBlock, block, place).thinking
            placed.fields.setdefault("reasoning", f"{place}.thinking")
        elif kind != "redacted_thinking":
            texts.append(_text([block], f"{where}.content", index))
    made.content = "\n".join(texts)
    return made, placed


def _text(content: str | Iterable[dict[str, Any]], where: str, begin: int = 0) -> str:
    """Return the text of blocks, of which the first has the index `begin`. Raises BodyError for a block that is no text."""
    if isinstance(content, str):
        return content
    texts = []
    for index, block in enumerate(content, begin):
        kind = block.get("type")
        if kind != "text":
            raise BodyError(f"{where}.{index}.type: {str(kind)[:80]!r} blocks are not served here", f"{where}.{index}.type")
        texts.append(validated(TextBlock, block, f"{where}.{index}").text)
    return "\n".join(texts)


def _tools(body: PromptBody, request: pb.ChatRequest) -> None:
    for index, tool in enumerate(body.tools or ()):
        where = f"tools.{index}"
        if tool.get("type", "custom") not in ("custom", None):
            raise tools.not_served(tool["type"], f"{where}.type")
        name, schema = tool.get("name"), tool.get("input_schema")
        request.tools.append(tools.declared(name, tool.get("description"), schema, where, "input_schema"))
    tools.checked(request.tools)
    given = body.tool_choice
    if given is None:
        return
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _MODES:
        raise BodyError(f"tool_choice.type must be auto, any, tool or none, not {str(kind)[:80]!r}", "tool_choice.type")
    name = given.get("name")
    if kind == "tool" and (not isinstance(name, str) or not name):
        raise BodyError("tool_choice.name is missing", "tool_choice.name")
    names = (str(name),) if kind == "tool" else ()
    request.tool_choice.CopyFrom(tools.chosen(_MODES[kind], names, request.tools))
    alone = given.get("disable_parallel_tool_use")
    if alone is not None and not isinstance(alone, bool):
        raise BodyError("tool_choice.disable_parallel_tool_use must be true or false", "tool_choice.disable_parallel_tool_use")
    if alone is not None:
        request.parallel_tool_calls = not alone
