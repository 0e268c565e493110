"""Requests from what a user of the client gives. Pure; both clients use it. Ranges are checked by the server, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from echorator_client.errors import InvalidRequest
from echorator_client.results import Message, ToolCall
from echorator_client.rpc.v1 import cognition_pb2, common_pb2
from echorator_client.rpc.v1 import model_pb2 as pb
from echorator_client.tools import Tool, tool_of

Messages = str | Sequence[Message | dict[str, Any]]
_KINDS = {"episodic": cognition_pb2.KIND_EPISODIC, "semantic": cognition_pb2.KIND_SEMANTIC, "procedural": cognition_pb2.KIND_PROCEDURAL}
_MODES = {"auto": pb.ToolChoice.MODE_AUTO, "none": pb.ToolChoice.MODE_NONE, "required": pb.ToolChoice.MODE_REQUIRED}


class ChatOptions(TypedDict, total=False):
    """Keywords of `chat`, `stream` and `run_tools`; what is left out is as the model or the server has it.

    `system` is put before the messages. `user` answers with the memory of that user and learns from the turn, or only recalls with
    `read_only`. `json_schema` is a schema that the answer is valid under. `tool_choice` is auto, none, required, or a tool's name.
    `thinking` lets the model think or not. `sampling` has further fields of the message Sampling by name. `timeout` is in seconds.
    """

    model: str
    system: str
    temperature: float
    top_p: float
    top_k: int
    seed: int
    max_tokens: int
    stop: Sequence[str]
    json_schema: Mapping[str, Any]
    tools: Iterable[Tool]
    tool_choice: str
    thinking: bool
    user: str
    agent: str
    tenant: str
    session: str
    read_only: bool
    sampling: Mapping[str, Any]
    timeout: float


def conversation(messages: Messages, system: str = "") -> list[Message | dict[str, Any]]:
    """Return the messages of a text or of a list, with the system's before them."""
    found: list[Message | dict[str, Any]] = [Message("user", messages)] if isinstance(messages, str) else [*messages]
    return [Message("system", system), *found] if system else found


def chat(messages: Sequence[Message | dict[str, Any]], options: ChatOptions, model: str) -> pb.ChatRequest:
    """Return the request of a chat. `model` is the one where the options name none. Raises InvalidRequest, ToolError."""
    known = ChatOptions.__annotations__
    if wrong := sorted(options.keys() - known.keys()):
        raise InvalidRequest(f"{wrong[0]!r} is no option of a chat; the options are {', '.join(known)}")
    request = pb.ChatRequest(model=options.get("model", model), messages=[message_of(each) for each in messages])
    try:
        given: dict[str, Any] = {name: value for name, value in options.items() if name in ("temperature", "top_p", "top_k", "seed")}
        request.sampling.MergeFrom(pb.Sampling(**given, **options.get("sampling", {})))
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"sampling: {error}") from error
    if "json_schema" in options:
        request.sampling.json_schema = json.dumps(options["json_schema"])
    if "max_tokens" in options:
        request.limits.max_tokens = options["max_tokens"]
    stop = options.get("stop", ())
    request.limits.stop.extend([stop] if isinstance(stop, str) else stop)
    request.tools.extend(tool_of(tool) for tool in options.get("tools", ()))
    if choice := options.get("tool_choice", ""):
        request.tool_choice.mode = _MODES.get(choice, pb.ToolChoice.MODE_REQUIRED)
        request.tool_choice.names.extend([] if choice in _MODES else [choice])
    if "thinking" in options:
        request.reasoning.enabled = options["thinking"]
    if "user" in options:
        who = scope(options["user"], options.get("agent", ""), options.get("tenant", ""), options.get("session", ""))
        request.memory.CopyFrom(pb.ChatMemory(scope=who, read_only=options.get("read_only", False)))
    return request


def message_of(message: Message | dict[str, Any]) -> pb.Message:
    """Return the message of a record or a dict; further keys of a dict are fields that the chat template reads. Raises InvalidRequest."""
    if isinstance(message, Message):
        calls = [pb.ToolCall(id=c.id, name=c.name, arguments_json=c.arguments_json) for c in message.tool_calls]
        given = {"role": message.role, "content": message.content, "reasoning": message.reasoning, "tool_call_id": message.tool_call_id}
        return pb.Message(**given, tool_calls=calls)
    more = dict(message)
    texts = {name: more.pop(name, "") or "" for name in ("role", "content", "reasoning", "tool_call_id")}
    calls = [_call_of(call) for call in more.pop("tool_calls", None) or ()]
    try:
        return pb.Message(**texts, tool_calls=calls, fields_json=json.dumps(more) if more else "")
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"a message has texts as role and content: {error}") from error


def _call_of(call: ToolCall | Mapping[str, Any]) -> pb.ToolCall:
    if isinstance(call, ToolCall):
        return pb.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json)
    said = call.get("function", call)
    arguments = said.get("arguments", said.get("arguments_json", "{}"))
    return pb.ToolCall(
        id=call.get("id", ""), name=said.get("name", ""), arguments_json=arguments if isinstance(arguments, str) else json.dumps(arguments)
    )


def scope(user: str, agent: str = "", tenant: str = "", session: str = "") -> common_pb2.Scope:
    """Return whose memory. Raises InvalidRequest where there is no user."""
    if not user:
        raise InvalidRequest("a memory belongs to a user: give a name of 1 to 128 characters")
    return common_pb2.Scope(user=user, agent=agent, tenant=tenant, session=session)


def embed(inputs: str | Sequence[str], model: str, dimensions: int | None) -> pb.EmbedRequest:
    """Return the request for the vectors of one text or several."""
    return pb.EmbedRequest(model=model, inputs=[inputs] if isinstance(inputs, str) else inputs, dimensions=dimensions)


def remember(whose: common_pb2.Scope, texts: Sequence[str], kind: str, key: str, **fields: Any) -> cognition_pb2.RememberRequest:
    """Return the request that stores texts. Raises InvalidRequest."""
    if kind and kind not in _KINDS:
        raise InvalidRequest(f"kind must be episodic, semantic or procedural, not {kind!r}")
    if key and len(texts) != 1:
        raise InvalidRequest("a key belongs to one memory: remember the texts one by one")
    number = _KINDS[kind] if kind else cognition_pb2.KIND_UNSPECIFIED
    memories = [cognition_pb2.NewMemory(text=text, kind=number, key=key, **fields) for text in texts]
    return cognition_pb2.RememberRequest(scope=whose, memories=memories)


def forget(whose: common_pb2.Scope, ids: Sequence[int], everything: bool) -> cognition_pb2.ForgetRequest:
    """Return the request that erases memories. Raises InvalidRequest unless either ids or everything is given."""
    if bool(ids) == everything:
        raise InvalidRequest("forget takes the ids of memories, or everything=True")
    if everything:
        return cognition_pb2.ForgetRequest(scope=whose, everything=True)
    return cognition_pb2.ForgetRequest(scope=whose, ids=cognition_pb2.MemoryIds(ids=ids))
