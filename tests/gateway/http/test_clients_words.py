"""Errors of a real agent name the fields that the client sent, and fields without effect are listed, in each API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, TEXT, RESPONSES, MESSAGES, OLLAMA = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat"
SAID = [{"role": "user", "content": "Hello!"}]
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": SAID, "max_tokens": 1},
    TEXT: {"prompt": "a", "max_tokens": 1},
    RESPONSES: {"input": "Hello!", "max_output_tokens": 1},
    MESSAGES: {"messages": SAID, "max_tokens": 1},
    OLLAMA: {"model": "echo", "messages": SAID, "stream": False, "options": {"num_predict": 1}},
}
MANY, LONG = [f"s{i}" for i in range(17)], "x" * 70_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("words"), {"echo": embedded_model()}, 8192) as setting:
        yield setting


def functions(**fields: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", **fields}}]


ARRAY = {"type": "array"}
BROKEN_CALL = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}
BROKEN_ITEM = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "fields", "where"),
    [
        (CHAT, {"stop": MANY}, "stop"),
        (CHAT, {"tools": functions(description=LONG)}, "tools[0].function.description"),
        (CHAT, {"tools": functions(parameters=ARRAY)}, "tools[0].function.parameters"),
        (CHAT, {"messages": [*SAID, BROKEN_CALL]}, "messages[1].tool_calls[0].function.arguments"),
        (CHAT, {"max_completion_tokens": -5}, "max_completion_tokens"),
        (CHAT, {"max_completion_tokens": 1 << 40}, "max_completion_tokens"),
        (CHAT, {"max_tokens": None, "n_predict": -5}, "n_predict"),
        (CHAT, {"max_tokens": None, "n_predict": "many"}, "n_predict"),
        (CHAT, {"reasoning_budget": 1 << 40}, "reasoning_budget"),
        (CHAT, {"logprobs": True, "top_logprobs": 999}, "top_logprobs"),
        (CHAT, {"chat_template_kwargs": {"messages": 1}, "top_k": 1 << 40}, "top_k"),
        (TEXT, {"n_probs": 999}, "n_probs"),
        (TEXT, {"repetition_penalty": -9}, "repetition_penalty"),
        (TEXT, {"prompt": [99_999_999]}, "prompt"),
        (RESPONSES, {"input": [SAID[0], BROKEN_ITEM]}, "input[1].arguments"),
        (RESPONSES, {"input": [SAID[0], {"role": "assistant", "content": "a"}, BROKEN_ITEM], "instructions": "b"}, "input[2].arguments"),
        (RESPONSES, {"top_logprobs": 999}, "top_logprobs"),
        (RESPONSES, {"max_output_tokens": 1 << 40}, "max_output_tokens"),
        (RESPONSES, {"tools": [{"type": "function", "name": "f", "parameters": ARRAY}]}, "tools[0].parameters"),
        (MESSAGES, {"stop_sequences": MANY}, "stop_sequences"),
        (MESSAGES, {"stop_sequences": ["x" * 257]}, "stop_sequences[0]"),
        (MESSAGES, {"tools": [{"name": "f", "input_schema": ARRAY}]}, "tools.0.input_schema"),
        (MESSAGES, {"tools": [{"name": "f", "description": LONG}]}, "tools.0.description"),
        (OLLAMA, {"options": {"stop": MANY}}, "options.stop"),
        (OLLAMA, {"options": {"num_predict": -5}}, "options.num_predict"),
        (OLLAMA, {"options": {"temperature": 109}}, "options.temperature"),
        (OLLAMA, {"options": {"repeat_last_n": -9}}, "options.repeat_last_n"),
        (OLLAMA, {"tools": functions(parameters=ARRAY)}, "tools[0].function.parameters"),
    ],
)
async def test_an_error_names_the_field_that_was_sent(mesh: Setting, path: str, fields: dict[str, Any], where: str, stream: bool) -> None:
    answer = await mesh.post(path, json.dumps({**BODIES[path], **fields, "stream": stream}).encode())
    error = json.loads(answer.body)["error"]
    message = error if path == OLLAMA else error["message"]
    assert answer.status == 400
    assert message.startswith((f"{where} ", f"{where}:")), message
    if path in (CHAT, TEXT, RESPONSES):
        assert error["param"] == where


@pytest.mark.parametrize(
    ("path", "fields", "ignored"),
    [
        (CHAT, {"reasoning_effort": "low"}, ["reasoning_effort"]),
        (CHAT, {"reasoning_effort": "none"}, []),
        (CHAT, {"enable_thinking": True, "reasoning_budget": 5}, ["enable_thinking", "reasoning_budget"]),
        (CHAT, {"reasoning_effort": "low", "chat_template_kwargs": {}, "stop": "x"}, ["reasoning_effort"]),
        (CHAT, {"stop": [""]}, ["stop"]),
        (CHAT, {"stop": ""}, ["stop"]),
        (CHAT, {"stop": ["x", ""]}, ["stop[1]"]),
        (CHAT, {"stop": []}, []),
        (CHAT, {"max_completion_tokens": 2}, ["max_tokens"]),
        (CHAT, {"max_tokens": None, "n_predict": 3, "max_completion_tokens": 2}, ["n_predict"]),
        (TEXT, {"stop": [""], "logprobs": 1, "n_probs": 2}, ["stop", "n_probs"]),
        (RESPONSES, {"reasoning": {"effort": "high"}}, ["reasoning.effort"]),
        (MESSAGES, {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}}, ["output_config.effort", "thinking"]),
        (MESSAGES, {"thinking": {"type": "disabled"}}, []),
        (MESSAGES, {"stop_sequences": [""]}, ["stop_sequences"]),
        (OLLAMA, {"think": True}, ["think"]),
        (OLLAMA, {"think": "low"}, ["think"]),
        (OLLAMA, {"think": False}, []),
        (OLLAMA, {"options": {"num_predict": 1, "stop": [""]}}, ["options.stop"]),
    ],
)
async def test_what_has_no_effect_is_listed(mesh: Setting, path: str, fields: dict[str, Any], ignored: list[str]) -> None:
    answer = await mesh.post(path, json.dumps({**BODIES[path], **fields}).encode())
    assert answer.status == 200, answer.body
    listed = answer.headers.get("x-echorator-ignored", "")
    assert (listed.split(", ") if listed else []) == ignored
