"""Whatever JSON a body holds, it becomes a request or is refused as a fault of the client; nothing else is raised."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.http.bodies import Body, ChatCompletion, names_of
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.fields import served
from echorator.gateway.http.generating.validation import validated
from echorator.gateway.http.messages import translation as messages
from echorator.gateway.http.messages.bodies import CountedBody, MessageBody
from echorator.gateway.http.responses import translation as responses
from echorator.gateway.http.responses.bodies import ResponseBody
from echorator.gateway.http.responses.objects import Response
from echorator.gateway.http.translation import chat_request
from echorator.rpc.v1 import model_pb2 as pb

CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CHAT = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "b"},
        {"role": "tool", "tool_call_id": "1", "content": "c"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}},
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
}
RESPONSE = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "c"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["message.output_text.logprobs"],
    "metadata": {"a": "b"},
}
MESSAGE = {
    "max_tokens": 9,
    "system": [{"type": "text", "text": "s", "cache_control": {}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "b"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "c"}]}]},
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA, "cache_control": {}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 9},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
    "metadata": {"user_id": "u"},
}
SCALARS = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False) | st.text(max_size=3)
TEXTS = st.text(max_size=4)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6)


def response_of(body: ResponseBody) -> pb.ChatRequest:
    request = responses.request_of(body, responses.messages_of(body.input)[0])
    Response(body, "m").begun()
    return request


def read(kind: type[Any], make: Callable[[Any], pb.ChatRequest], fields: dict[str, Any]) -> pb.ChatRequest:
    taken, _ = served(fields, names_of(kind))
    body: Body = validated(kind, taken)
    body.ignored()
    return make(body)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a body, but its own."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in ((*path, key), *places(part, (*path, key)))]


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(body)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


Kind = tuple[type[Any], Callable[[Any], pb.ChatRequest], dict[str, Any]]
KINDS: tuple[Kind, ...] = (
    (ChatCompletion, chat_request, CHAT),
    (ResponseBody, response_of, RESPONSE),
    (MessageBody, lambda body: messages.request_of(body).request, MESSAGE),
    (
        CountedBody,
        lambda body: messages.counting_request(body).request,
        {name: value for name, value in MESSAGE.items() if name != "max_tokens"},
    ),
)


@given(st.sampled_from(KINDS), st.data())
def test_a_body_with_any_value_anywhere(kind: Kind, data: st.DataObject) -> None:
    read(*kind)
    body = kind[2]
    for _ in range(data.draw(st.integers(1, 2))):
        body = changed(body, data.draw(st.sampled_from(places(body))), data.draw(JSON))
    with suppress(BodyError):
        read(kind[0], kind[1], body).SerializeToString()
