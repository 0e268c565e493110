"""Malformed requests of each API: each gets that API's own error, which names the field, and the server still answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.http.scripted import HELLO, Scripted

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, RESPONSES, MESSAGES, COUNT = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"
HI: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    RESPONSES: {"input": "hi"},
    MESSAGES: {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    COUNT: {"messages": [{"role": "user", "content": "hi"}]},
}


def of_openai(function: Any) -> list[Any]:
    return [{"type": "function", "function": function}]


def said(*blocks: Any, role: str = "user") -> list[Any]:
    return [{"role": role, "content": list(blocks)}]


DEEP: Any = {}
for _ in range(80):
    DEEP = {"properties": {"a": DEEP}}

CASES: list[tuple[str, dict[str, Any], str]] = [
    (CHAT, {"tools": 5}, "tools"),
    (CHAT, {"tools": ["f"]}, "tools[0]"),
    (CHAT, {"tools": [{"type": "web_search"}]}, "tools[0].type: 'web_search' is not served here"),
    (CHAT, {"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools[0].type: 'custom' is not served here"),
    (CHAT, {"tools": [{"type": "function"}]}, "tools[0].function must be"),
    (CHAT, {"tools": of_openai({})}, "tools[0].function.name is missing"),
    (CHAT, {"tools": of_openai({"name": ""})}, "tools[0].function.name must be"),
    (CHAT, {"tools": of_openai({"name": "a b"})}, "tools[0].function.name must be"),
    (CHAT, {"tools": of_openai({"name": "a" * 129})}, "tools[0].function.name must be"),
    (CHAT, {"tools": of_openai({"name": "a", "description": 1})}, "tools[0].function.description must be"),
    (CHAT, {"tools": of_openai({"name": "a", "parameters": "{}"})}, "tools[0].function.parameters must be"),
    (CHAT, {"tools": of_openai({"name": "a", "parameters": DEEP})}, "tools: lists and objects nest"),
    (CHAT, {"tools": [*of_openai({"name": "a"}), *of_openai({"name": "a"})]}, "tools[1]: a tool named 'a' is given already"),
    (CHAT, {"tools": [tool for i in range(1025) for tool in of_openai({"name": f"t{i}"})]}, "tools must be at most 1024, not 1025"),
    (CHAT, {"tool_choice": "required"}, "tool_choice demands a call"),
    (CHAT, {"tool_choice": "maybe"}, "tool_choice must be auto"),
    (CHAT, {"tool_choice": {"type": "custom"}}, "tool_choice.type: 'custom'"),
    (CHAT, {"tool_choice": {"type": "function"}}, "tool_choice names no function"),
    (CHAT, {"tool_choice": {"type": "function", "function": {"name": "b"}}, "tools": of_openai({"name": "a"})}, "no tool named 'b'"),
    (CHAT, {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": []}}}, "tool_choice: allowed_tools needs"),
    (CHAT, {"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
    (CHAT, {"enable_thinking": "no"}, "enable_thinking"),
    (CHAT, {"reasoning_effort": 5}, "reasoning_effort"),
    (CHAT, {"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    (CHAT, {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "messages[0].tool_calls[0].function: Field required"),
    (
        CHAT,
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": []}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    (CHAT, {"messages": [{"role": "tool", "tool_call_id": 7, "content": "a"}]}, "messages[0].tool_call_id"),
    (RESPONSES, {"input": []}, "input is empty"),
    (RESPONSES, {"input": 5}, "input"),
    (RESPONSES, {"input": ["hi"]}, "input[0]"),
    (RESPONSES, {"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type: items of the type 'item_reference'"),
    (RESPONSES, {"input": [{"role": "robot", "content": "hi"}]}, "input[0].role"),
    (RESPONSES, {"input": said({"type": "input_image", "image_url": "x"})}, "input[0].content[0].type"),
    (RESPONSES, {"input": [{"type": "function_call", "name": "a", "arguments": "{}"}]}, "input[0].call_id: Field required"),
    (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "x", "output": "1"}]}, "input[0].call_id: no call before it"),
    (RESPONSES, {"tools": [{"type": "web_search"}]}, "tools[0].type: 'web_search' is not served here"),
    (RESPONSES, {"tools": [{"type": "function", "name": "a b"}]}, "tools[0].name must be"),
    (RESPONSES, {"tool_choice": {"type": "function", "name": "b"}}, "no tool named 'b'"),
    (RESPONSES, {"tool_choice": {"type": "file_search"}}, "tool_choice.type: 'file_search'"),
    (RESPONSES, {"previous_response_id": "resp_x"}, "previous_response_id: no response 'resp_x'"),
    (RESPONSES, {"background": True}, "background"),
    (RESPONSES, {"conversation": "conv_x"}, "conversation: this is not served here"),
    (RESPONSES, {"prompt": {"id": "x"}}, "prompt: this is not served here"),
    (RESPONSES, {"truncation": "auto"}, "truncation"),
    (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens"),
    (RESPONSES, {"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema is missing"),
    (RESPONSES, {"text": {"format": {"type": "json_object"}}, "grammar": "root ::= x"}, "grammar, json_schema and text.format exclude"),
    (RESPONSES, {"nonsense": 1}, "nonsense: there is no such field here"),
    (MESSAGES, {"messages": []}, "messages"),
    (MESSAGES, {"max_tokens": 0}, "max_tokens"),
    (MESSAGES, {"max_tokens": None}, "max_tokens: Field required"),
    (MESSAGES, {"messages": [{"role": "tool", "content": "hi"}]}, "messages.0.role"),
    (MESSAGES, {"messages": said("hi")}, "messages.0.content.0"),
    (MESSAGES, {"messages": said({"type": "image", "source": {}})}, "messages.0.content.0.type: 'image' blocks are not served here"),
    (MESSAGES, {"messages": said({"type": ["text"], "text": "a"})}, "messages.0.content.0.type"),
    (MESSAGES, {"messages": said({"type": "text", "text": 5})}, "messages.0.content.0.text"),
    (MESSAGES, {"messages": said({"type": "tool_use", "id": "1", "name": "a", "input": {}})}, "messages.0.content.0.type: 'tool_use'"),
    (
        MESSAGES,
        {"messages": said({"type": "tool_use", "id": "1", "name": "a", "input": "{}"}, role="assistant")},
        "messages.0.content.0.input",
    ),
    (
        MESSAGES,
        {"messages": said({"type": "tool_result", "tool_use_id": "1"})},
        "messages.0.content.0.tool_use_id: no call before it has the id '1'",
    ),
    (MESSAGES, {"system": 5}, "system"),
    (MESSAGES, {"system": [{"type": "image"}]}, "system.0.type: 'image' blocks are not served here"),
    (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type: 'web_search_20250305' is not served"),
    (MESSAGES, {"tools": [{"name": "a", "input_schema": []}]}, "tools.0.input_schema must be"),
    (MESSAGES, {"tools": [{"name": "a"}, {"name": "a"}]}, "tools.1: a tool named 'a' is given already"),
    (MESSAGES, {"tool_choice": {"type": "any"}}, "tool_choice demands a call"),
    (MESSAGES, {"tool_choice": {"type": "tool"}}, "tool_choice.name is missing"),
    (MESSAGES, {"tool_choice": {"type": "tool", "name": "b"}}, "no tool named 'b'"),
    (MESSAGES, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}, "tools": [{"name": "a"}]}, "disable_parallel_tool_use"),
    (MESSAGES, {"tool_choice": {"type": []}}, "tool_choice.type must be"),
    (MESSAGES, {"thinking": {"type": "enabled", "budget_tokens": -1}}, "thinking.budget_tokens"),
    (MESSAGES, {"mcp_servers": [{"url": "x"}]}, "mcp_servers: this is not served here"),
    (MESSAGES, {"nonsense": 1}, "nonsense: there is no such field here"),
    (COUNT, {"messages": []}, "messages"),
    (COUNT, {"maximum": 5}, "maximum: there is no such field here"),
]


def error_of(path: str, body: bytes) -> str:
    """The message of an error, which has the form of the path's API."""
    found = json.loads(body)
    if path.startswith("/v1/messages"):
        assert found["type"] == "error"
        assert set(found["error"]) == {"type", "message"}
        assert found["error"]["type"] == "invalid_request_error"
    else:
        assert set(found) == {"error"}
        assert {"message", "type", "param", "code"} <= set(found["error"])
        assert found["error"]["type"] == "invalid_request_error"
        assert found["error"]["param"]
    message: str = found["error"]["message"]
    return message


@pytest.mark.parametrize(("path", "fields", "says"), CASES, ids=lambda value: str(value)[:60])
async def test_a_malformed_body_is_refused_by_the_name_of_its_field(
    scripted: Scripted, path: str, fields: dict[str, Any], says: str
) -> None:
    scripted.answers(HELLO)
    answer = await scripted.post(path, {**HI[path], **fields})
    assert answer.status == 400, answer.body
    assert says in error_of(path, answer.body)
    assert not scripted.agent.requests
    assert (await scripted.post(path, HI[path])).status == 200
    assert scripted.gateway.role.dispatcher.room.bytes == 0


@pytest.mark.parametrize("path", list(HI))
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"model":', b"\xff", b'{"a":1,"a":2}', b'{"x":NaN}'])
async def test_what_is_no_object_is_refused(scripted: Scripted, path: str, body: bytes) -> None:
    answer = await scripted.post(path, body)
    assert answer.status == 400
    found = json.loads(answer.body)
    assert found["error"]["message"]
    assert ("type" in found) is path.startswith("/v1/messages")
