"""Checks messages with tool calls, as OpenAI's clients send them, and reads the calls' arguments from JSON text into objects.

Pure. Fed by `requests`; feeds `chat_prompt`, which gives each chat template the form that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import MOST_CALLS
from echorator.serving.tool_results import Turn, wrong_id

ReadObject = Callable[[str, str], dict[str, Any]]  # (JSON text, the field's name) -> object


def typed_fields(message: pb.Message, where: str) -> dict[str, Any]:
    """Return the message's own fields about tools and reasoning, as OpenAI's clients name them. Raises InvalidRequestError.

    Args:
        message: a message of a conversation.
        where: its place, such as "messages[3]".
    """
    made: dict[str, Any] = {}
    if message.tool_calls:
        calls = [(call.id, {"name": call.name, "arguments": call.arguments_json}) for call in message.tool_calls]
        made["tool_calls"] = [{"id": name, "type": "function", "function": function} for name, function in calls]
    if message.tool_call_id:
        if message.role != "tool":
            raise InvalidRequestError(f'{where}.tool_call_id: only a message of the role "tool" has one, not one of {message.role!r}')
        made["tool_call_id"] = message.tool_call_id
    if message.reasoning:
        if message.role != "assistant":
            raise InvalidRequestError(f"{where}.reasoning: only a message of the assistant has one, not one of {message.role!r}")
        made["reasoning_content"] = message.reasoning
    return made


def with_tool_calls(fields: Mapping[str, Any], role: str, where: str, read: ReadObject) -> dict[str, Any]:
    """Return further fields of a message, with the arguments of its tool calls as objects.

    Args:
        fields: the message's fields; null stands for a field that is absent.
        role: the message's role.
        where: the message's place, such as "messages[3]".
        read: reads a JSON object from text and raises InvalidRequestError with the field's name.

    Raises:
        InvalidRequestError: a call is malformed; the message names the message and the call.
    """
    made = {name: value for name, value in fields.items() if value is not None}
    if made.get("function_call"):
        raise InvalidRequestError(f"{where}.function_call is the old form of tool_calls; send tool_calls")
    calls = made.pop("tool_calls", [])
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise InvalidRequestError(f"{where}.tool_calls must be a list")
    if not calls:
        return made
    if role != "assistant":
        raise InvalidRequestError(f"{where}.tool_calls: only a message of the assistant calls tools, not one of the role {role!r}")
    if len(calls) > MOST_CALLS:
        raise InvalidRequestError(f"{where}.tool_calls: at most {MOST_CALLS}, not {len(calls)}")
    return {**made, "tool_calls": [_call(call, f"{where}.tool_calls[{i}]", read) for i, call in enumerate(calls)]}


def check_results(messages: Iterable[Mapping[str, Any]]) -> None:
    """Raise InvalidRequestError where a result of a tool answers no call before it, or two calls or results have one id."""

    def turn(message: Mapping[str, Any]) -> Turn:
        calls = [call.get("id") or "" for call in message.get("tool_calls", ())]
        return Turn(calls, message.get("tool_call_id", "") if message["role"] == "tool" else None)

    if (wrong := wrong_id(map(turn, messages))) is not None:
        field = "tool_call_id" if wrong.call < 0 else f"tool_calls[{wrong.call}].id"
        raise InvalidRequestError(f"messages[{wrong.turn}].{field}: {wrong.why}")


def _call(call: Any, where: str, read: ReadObject) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        raise InvalidRequestError(f'{where} must be {{"id": ..., "type": "function", "function": {{"name": ..., "arguments": ...}}}}')
    if call.get("type", "function") != "function":
        raise InvalidRequestError(f'{where}.type must be "function", not {str(call["type"])[:40]!r}')
    name, given = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        raise InvalidRequestError(f"{where}.function.name is missing")
    if not isinstance(call.get("id") or "", str):
        raise InvalidRequestError(f"{where}.id must be a text")
    if given is None or isinstance(given, str):
        given = read(given or "", f"{where}.function.arguments")
    elif not isinstance(given, Mapping):
        raise InvalidRequestError(f"{where}.function.arguments must be a JSON object, as text or as it is, not {str(given)[:40]!r}")
    return {**call, "type": "function", "function": {**function, "arguments": given}}
