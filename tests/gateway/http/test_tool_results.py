"""Results of tools that answer no call, and doubled ids, are refused by every API with the place that the client knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.http.scripted import HELLO, Scripted

pytestmark = pytest.mark.asyncio(loop_scope="session")

USER = {"role": "user", "content": "hi"}


def openai_calls(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"id": i, "function": {"name": "f", "arguments": "{}"}} for i in ids]}


def openai_result(**fields: str) -> dict[str, Any]:
    return {"role": "tool", "content": "1", **fields}


def call_item(name: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


def result_item(name: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": name, "output": "1"}


def uses(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in ids]}


def results(*ids: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": "1"} for i in ids]}


def ollama_calls(*names: str, **fields: str) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": name, "arguments": {}}, **fields} for name in names]}


CHAT, RESPONSES, MESSAGES, OLLAMA = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"
FIELDS = {CHAT: "messages", RESPONSES: "input", MESSAGES: "messages", OLLAMA: "messages"}


def body_of(path: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, FIELDS[path]: said} if path == MESSAGES else {"model": "m", FIELDS[path]: said}


@pytest.mark.parametrize(
    ("path", "said", "where", "why"),
    [
        (CHAT, [USER, openai_result(tool_call_id="a")], "messages[1].tool_call_id", "no call before it has the id 'a'"),
        (CHAT, [USER, openai_calls("a"), openai_result(tool_call_id="b")], "messages[2].tool_call_id", "no call before it has the id 'b'"),
        (CHAT, [USER, openai_calls("a"), openai_result()], "messages[2].tool_call_id", "it is missing; the oldest call"),
        (CHAT, [USER, openai_result()], "messages[1].tool_call_id", "no call before it is without a result"),
        (
            CHAT,
            [USER, openai_calls("a"), openai_result(tool_call_id="a"), openai_result(tool_call_id="a")],
            "messages[3].tool_call_id",
            "has a result already",
        ),
        (CHAT, [USER, openai_calls("a", "a")], "messages[1].tool_calls[1].id", "a call before it has the id 'a' too"),
        ("/apply-template", [USER, openai_result(tool_call_id="a")], "messages[1].tool_call_id", "no call before it"),
        (RESPONSES, [USER, result_item("a")], "input[1].call_id", "no call before it has the id 'a'"),
        (RESPONSES, [USER, call_item("a"), result_item("a"), result_item("a")], "input[3].call_id", "has a result already"),
        (RESPONSES, [USER, call_item("a"), call_item("a")], "input[2].call_id", "a call before it has the id 'a' too"),
        ("/v1/responses/input_tokens", [result_item("a")], "input[0].call_id", "no call before it"),
        (MESSAGES, [USER, results("a")], "messages.1.content.0.tool_use_id", "no call before it has the id 'a'"),
        (MESSAGES, [USER, uses("a"), results("a", "a")], "messages.2.content.1.tool_use_id", "has a result already"),
        (MESSAGES, [USER, uses("a", "a")], "messages.1.content.1.id", "a call before it has the id 'a' too"),
        (OLLAMA, [USER, openai_result()], "messages[1]", "no call before it is without a result"),
        (OLLAMA, [USER, ollama_calls("f"), openai_result(tool_name="g")], "messages[2].tool_name", "no call of 'g' before it is without a"),
        (OLLAMA, [USER, ollama_calls("f"), openai_result(), openai_result()], "messages[3]", "no call before it is without a result"),
        (
            OLLAMA,
            [USER, ollama_calls("f"), openai_result(tool_call_id="x")],
            "messages[2].tool_call_id",
            "no call before it has the id 'x'",
        ),
        (OLLAMA, [USER, ollama_calls("f", "f", id="x")], "messages[1].tool_calls[1].id", "a call before it has the id 'x' too"),
    ],
)
async def test_what_is_refused(scripted: Scripted, path: str, said: list[dict[str, Any]], where: str, why: str) -> None:
    scripted.answers(HELLO)
    form = {"/apply-template": CHAT, "/v1/responses/input_tokens": RESPONSES}.get(path, path)
    answer = await scripted.post(path, body_of(form, said))
    error = json.loads(answer.body)["error"]
    message = error if form == OLLAMA else error["message"]
    assert (answer.status, message.partition(": ")[0]) == (400, where), answer.body
    assert why in message
    if form in (CHAT, RESPONSES):
        assert (error["type"], error["param"]) == ("invalid_request_error", where)
    assert not scripted.agent.requests


async def test_a_result_of_a_call_before_the_kept_response(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    first = await scripted.openai.responses.create(model="m", input=[call_item("a")])  # type: ignore[list-item]
    answer = await scripted.post(RESPONSES, {"previous_response_id": first.id, "input": [result_item("a")]})
    assert answer.status == 200
    answer = await scripted.post(RESPONSES, {"previous_response_id": json.loads(answer.body)["id"], "input": [result_item("a")]})
    assert json.loads(answer.body)["error"]["message"] == "input[0].call_id: the call with the id 'a' has a result already"


@pytest.mark.parametrize(
    ("path", "said", "ids"),
    [
        (CHAT, [openai_calls("a", "b"), openai_result(tool_call_id="b"), openai_result(tool_call_id="a")], ["b", "a"]),
        (CHAT, [openai_calls("a"), openai_result(tool_call_id="a"), openai_calls("a"), openai_result(tool_call_id="a")], ["a", "a"]),
        (OLLAMA, [ollama_calls("f", "f"), openai_result(tool_name="f"), openai_result(tool_name="f")], ["call_1", "call_2"]),
        (OLLAMA, [ollama_calls("f", "g"), openai_result(tool_name="g"), openai_result()], ["call_2", "call_1"]),
        (OLLAMA, [ollama_calls("f", id="call_1"), ollama_calls("f"), openai_result(), openai_result()], ["call_1", "call_2"]),
    ],
)
async def test_what_is_taken(scripted: Scripted, path: str, said: list[dict[str, Any]], ids: list[str]) -> None:
    scripted.answers(HELLO)
    answer = await scripted.post(path, body_of(path, [USER, *said]))
    assert answer.status == 200, answer.body
    assert [message.tool_call_id for message in scripted.asked.messages if message.role == "tool"] == ids


async def test_texts_of_one_role_are_one_message_in_ollamas_api(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    two = [{"role": "assistant", "content": text} for text in ("It is", "warm")]
    said = [USER, USER, ollama_calls("f"), openai_result(), *two]
    answer = await scripted.post(OLLAMA, body_of(OLLAMA, said))
    assert answer.status == 200, answer.body
    assert [(message.role, message.content) for message in scripted.asked.messages] == [
        ("user", "hi\n\nhi"),
        ("assistant", ""),
        ("tool", "1"),
        ("assistant", "It is\n\nwarm"),
    ]
    answer = await scripted.post(OLLAMA, body_of(OLLAMA, [USER, USER, {"role": "tool", "content": "", "tool_call_id": "x"}]))
    assert json.loads(answer.body)["error"].startswith("messages[2].tool_call_id: ")
