"""Anthropic's Messages API with the official client, before an agent that answers by a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from echorator.gateway.http.generating import streaming
from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.raw import post, raw_connection
from tests.gateway.http.scripted import BOTH, CALLED, CUT, HELLO, NUMBERS, TOOLS, Scripted, calculates, calls, ends, says, scripting
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED: Any = [{"role": "user", "content": "What is (2 + 3) * 7?"}]
FUNCTIONS: Any = [{"name": name, "description": name, "input_schema": NUMBERS} for name in TOOLS]


async def test_create(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    message = await scripted.anthropic.messages.create(
        model="m",
        max_tokens=9,
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        stop_sequences=["x"],
        extra_body={"top_k": 3},
    )
    assert [block.model_dump(exclude_none=True) for block in message.content] == [{"type": "text", "text": "Hello"}]
    assert (message.stop_reason, message.model, message.role, message.type) == ("end_turn", "m", "assistant", "message")
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (7, 5, 7)
    asked = scripted.asked
    assert [(m.role, m.content) for m in asked.messages] == [("system", "Be brief.\nBe kind."), ("user", "a\nb")]
    assert (asked.limits.max_tokens, list(asked.limits.stop), asked.sampling.top_k) == (9, ["x"], 3)
    assert not asked.reasoning.enabled
    assert asked.reasoning.HasField("enabled")


async def test_thinking_text_and_calls_are_blocks(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    asked: Any = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    message = await scripted.anthropic.messages.create(model="m", max_tokens=2000, messages=ASKED, tools=FUNCTIONS, **asked)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    thought, text, first, second = (block.model_dump(exclude_none=True) for block in message.content)
    assert thought["thinking"] == "I need both."
    assert thought["signature"]
    assert text["text"] == "One moment."
    assert (first["id"], first["name"], first["input"]) == ("call_add_0", "add", {"a": 2, "b": 3})
    assert second["input"] == {}
    assert message.stop_reason == "tool_use"
    request = scripted.asked
    assert (request.reasoning.enabled, request.reasoning.budget_tokens) == (True, 1024)
    assert request.tool_choice.mode == pb.ToolChoice.MODE_REQUIRED
    assert request.parallel_tool_calls is False
    assert request.HasField("parallel_tool_calls")
    assert json.loads(request.tools[0].parameters_json) == NUMBERS


async def test_stream(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    whole = await scripted.anthropic.messages.create(model="m", max_tokens=9, messages=ASKED, tools=FUNCTIONS)
    async with scripted.anthropic.messages.stream(model="m", max_tokens=9, messages=ASKED, tools=FUNCTIONS) as stream:
        final = await stream.get_final_message()
    assert [b.model_dump() for b in final.content] == [b.model_dump() for b in whole.content]
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("tool_use", 7, 7)


async def test_the_events_of_a_stream(scripted: Scripted) -> None:
    scripted.answers([*says("a", "b"), *calls(0, "add", "{", "}"), *ends(CALLED)])
    raw = await scripted.post("/v1/messages", {"max_tokens": 9, "messages": ASKED, "tools": FUNCTIONS, "stream": True})
    events = [line.removeprefix("event: ") for line in raw.body.decode().splitlines() if line.startswith("event: ")]
    text = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"]
    assert events == ["message_start", "ping", *text, *text, "message_delta", "message_stop"]


async def test_pings_come_before_the_first_token(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEADERS_WITHIN_S", 0.01)
    monkeypatch.setattr(streaming, "PING_S", 0.01)
    scripted.answers(HELLO)
    scripted.agent.go.clear()
    body = {"max_tokens": 9, "messages": ASKED, "stream": True}
    async with raw_connection(scripted.gateway.url) as raw:
        await raw.write(post("/v1/messages", json.dumps(body).encode()))
        await raw.until(b"event: message_start\n")
        for _ in range(3):
            await raw.until(b'event: ping\ndata: {"type": "ping"}\n\n')
        scripted.agent.go.set()
        await raw.until(b"event: message_stop\n")


async def test_a_client_that_leaves_ends_its_answer(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    for path, body in (("/v1/messages", {"max_tokens": 9, "messages": ASKED}), ("/v1/responses", {"input": "hi"})):
        for streams in (True, False):
            scripted.agent.go.clear()
            scripted.agent.left = 0
            scripted.agent.requests.clear()
            async with raw_connection(scripted.gateway.url) as raw:
                await raw.write(post(path, json.dumps({**body, "stream": streams}).encode()))
                await eventually(lambda: len(scripted.agent.requests) == 1, "the agent has the request")
            await eventually(lambda: scripted.agent.left, "the agent's call has ended", wanted=lambda now: now == 1)
            scripted.agent.go.set()


async def test_why_an_answer_ended(scripted: Scripted) -> None:
    scripted.answers([*says("a"), *ends(stop="x")])
    message = await scripted.anthropic.messages.create(model="m", max_tokens=9, messages=ASKED, stop_sequences=["x", "y"])
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "x")
    scripted.answers([*calls(0, "add", '{"a": '), *ends(CUT)])
    message = await scripted.anthropic.messages.create(model="m", max_tokens=9, messages=ASKED, tools=FUNCTIONS)
    assert message.stop_reason == "max_tokens"
    assert message.content[0].input == {}  # type: ignore[union-attr]


async def test_an_agent_runs_to_its_end(scripted: Scripted) -> None:
    scripted.answers(calculates)
    messages = list(ASKED)
    for _ in range(3):
        message = await scripted.anthropic.messages.create(model="m", max_tokens=99, messages=messages, tools=FUNCTIONS)
        messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": str(TOOLS[block.name](**block.input))}
            for block in message.content
            if block.type == "tool_use"
        ]
        if not results:
            break
        messages.append({"role": "user", "content": results})
    assert message.content[-1].text == "The result is 35."  # type: ignore[union-attr]
    said = scripted.asked.messages
    assert [m.role for m in said] == ["user", "assistant", "tool", "assistant", "tool"]
    assert said[1].reasoning == "First the sum."
    assert said[1].tool_calls[0] == pb.ToolCall(id="call_add_0", name="add", arguments_json='{"a": 2, "b": 3}')
    assert said[2] == pb.Message(role="tool", content="5", tool_call_id="call_add_0")


async def test_count_tokens(scripted: Scripted) -> None:
    scripted.answers(ends(CUT))
    counted = await scripted.anthropic.messages.count_tokens(model="m", messages=ASKED, system="Be brief.", tools=FUNCTIONS)
    assert counted.input_tokens == 12
    assert scripted.asked.limits.max_tokens == 0
    assert scripted.asked.limits.HasField("max_tokens")
    assert len(scripted.asked.tools) == 2


async def test_structured_output(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    form = {"type": "json_schema", "schema": NUMBERS}
    for field in ({"output_config": {"format": form, "effort": "low"}}, {"output_format": form}):
        await scripted.json("/v1/messages", {"max_tokens": 9, "messages": ASKED, **field})
        assert json.loads(scripted.asked.sampling.json_schema) == NUMBERS


async def test_what_has_no_effect_is_listed(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    text = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    use = {"type": "tool_use", "id": "1", "name": "add", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [text], "is_error": True}
    hidden = {"type": "redacted_thinking", "data": "x"}
    said = [*ASKED, {"role": "assistant", "content": [hidden, use]}, {"role": "user", "content": [result]}]
    tools = [{**FUNCTIONS[0], "cache_control": {}}]
    body = {"max_tokens": 9, "messages": said, "system": [text], "tools": tools, "service_tier": "auto", "metadata": {"user_id": "ann"}}
    answer = await scripted.post("/v1/messages", body)
    assert answer.headers["x-echorator-ignored"].split(", ") == [
        "service_tier",
        "messages.content.cache_control",
        "messages.content.is_error",
        "messages.content.redacted_thinking",
        "system.cache_control",
        "tools.cache_control",
        "metadata.user_id",
    ]


async def test_whose_memory_it_is(tmp_path: Path) -> None:
    async with scripting(tmp_path, HttpSettings(memory_by=("user",))) as scripted:
        await scripted.anthropic.messages.create(model="m", max_tokens=9, messages=ASKED, metadata={"user_id": "ann"})
        assert scripted.asked.memory.scope.user == "ann"
        await scripted.anthropic.messages.count_tokens(model="m", messages=ASKED, extra_body={"metadata": {"user_id": "ann"}})
        assert scripted.asked.memory.read_only
        await scripted.openai.responses.create(model="m", input="hi", user="bob")
        assert scripted.asked.memory.scope.user == "bob"


async def test_errors_have_the_form_of_this_api(scripted: Scripted) -> None:
    client = scripted.anthropic.messages
    with pytest.raises(anthropic.NotFoundError, match="no model 'none' is served here") as missing:
        await client.create(model="none", max_tokens=9, messages=ASKED)
    assert missing.value.type == "not_found_error"
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        await client.create(model="m", max_tokens=9, messages=ASKED, extra_body={"temperature": "hot"})
    url = scripted.gateway.url
    for method, path, status, kind in (
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", f"/v1/messages?{'x' * 9000}", 414, "invalid_request_error"),
    ):
        answer = await http(url, method, path)
        found = json.loads(answer.body)
        assert (answer.status, found["type"], found["error"]["type"]) == (status, "error", kind)
        assert found["error"]["message"]
        assert answer.headers["x-request-id"]
    large = await scripted.post("/v1/messages", b'{"a":"' + b"x" * (1 << 20) + b'"}')
    assert (large.status, json.loads(large.body)["error"]["type"]) == (413, "request_too_large")
    foreign = await http(url, "POST", "/v1/messages", b"{}", {"origin": "https://evil.example"})
    assert (foreign.status, json.loads(foreign.body)["error"]["type"]) == (403, "permission_error")


async def test_an_overloaded_server_and_a_stream_that_fails(scripted: Scripted) -> None:
    def breaks(_: pb.ChatRequest) -> Any:
        yield from says("a")
        raise ValueError("a fault of the agent")

    scripted.answers(breaks)
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with scripted.anthropic.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
            await stream.get_final_message()
    assert caught.value.body["error"]["type"] == "api_error"  # type: ignore[index]
    scripted.gateway.role.calls.draining.set()
    try:
        answer = await scripted.post("/v1/messages", {"max_tokens": 9, "messages": ASKED})
    finally:
        scripted.gateway.role.calls.draining.clear()
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (529, "overloaded_error")
    assert int(answer.headers["retry-after"]) >= 1
