"""Tools and thoughts in Ollama's form, with Ollama's own client before a back end that sends what a test says; and ends of streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import ollama
import pytest
from ollama import AsyncClient

from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.serving import BackEnd, Gateway, gatewaying
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOP = pb.Finish(reason=pb.FINISH_REASON_TOOL_CALLS, usage=pb.Usage(prompt_tokens=7, completion_tokens=3))
ASKED: Any = [{"role": "user", "content": "How warm is it in Oslo and in Rome?"}]


def weather(city: str) -> str:
    """Return the weather.

    Args:
      city: where
    """
    return city


def parts(*deltas: tuple[int, str, str, str]) -> list[pb.ToolCallDelta]:
    return [pb.ToolCallDelta(index=index, id=name, name=tool, arguments=text) for index, name, tool, text in deltas]


TOLD = [
    pb.ChatResponse(reasoning="Two "),
    pb.ChatResponse(reasoning="cities."),
    pb.ChatResponse(text="Let me see."),
    pb.ChatResponse(tool_calls=parts((0, "a", "weather", '{"city":'))),
    pb.ChatResponse(tool_calls=parts((0, "", "", ' "Oslo"}'), (1, "b", "weather", ""))),
    pb.ChatResponse(tool_calls=parts((1, "", "", '{"city": "Rome"}')), finish=STOP),
]


@asynccontextmanager
async def told(folder: Path, *messages: pb.ChatResponse) -> AsyncIterator[tuple[Gateway, BackEnd, AsyncClient]]:
    async with gatewaying(folder) as gateway:
        back_end = await gateway.back_end("b")
        back_end.told = list(messages)
        client = AsyncClient(host=gateway.url)
        try:
            yield gateway, back_end, client
        finally:
            await client._client.aclose()


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_and_thoughts(tmp_path: Path, stream: bool) -> None:
    async with told(tmp_path, *TOLD) as (_, back_end, client):
        if stream:
            messages = [p.message async for p in await client.chat("m", ASKED, tools=[weather], think="high", stream=True)]
            assert [call.function.arguments for message in messages[:-1] for call in message.tool_calls or ()] == [{"city": "Oslo"}]
        else:
            answer = await client.chat("m", ASKED, tools=[weather], think="high")
            assert (answer.done_reason, answer.prompt_eval_count, answer.eval_count) == ("stop", 7, 3)
            messages = [answer.message]
        assert "".join(m.thinking or "" for m in messages) == "Two cities."
        assert "".join(m.content or "" for m in messages) == "Let me see."
        calls = [call.function for m in messages for call in m.tool_calls or ()]
        assert [(call.name, call.arguments) for call in calls] == [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})]
        sent = pb.ChatRequest.FromString(back_end.bodies[-1])  # the first asks for the model's template, by which it thinks or not
        assert (sent.reasoning.enabled, sent.reasoning.effort) == (True, "high")
        (tool,) = sent.tools
        assert (tool.name, tool.description) == ("weather", "Return the weather.")
        assert json.loads(tool.parameters_json)["properties"]["city"]["description"] == "where"


async def test_results_answer_their_calls(tmp_path: Path) -> None:
    """Ollama's clients send no ids: a result answers the oldest open call of its tool."""
    call: Any = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    other: Any = {"function": {"name": "time", "arguments": {}}}
    messages: Any = [
        *ASKED,
        {"role": "assistant", "content": "", "thinking": "Two.", "tool_calls": [call, other, call]},
        {"role": "tool", "content": "noon", "tool_name": "time"},
        {"role": "tool", "content": "cold", "tool_name": "weather"},
        {"role": "tool", "content": "colder"},
    ]
    async with told(tmp_path, pb.ChatResponse(text="done", finish=STOP)) as (_, back_end, client):
        await client.chat("m", messages, think=False)
        sent = pb.ChatRequest.FromString(back_end.bodies[0])
    assert sent.reasoning.HasField("enabled")
    assert not sent.reasoning.enabled
    asked = sent.messages[1]
    assert asked.reasoning == "Two."
    assert [(c.id, c.name, c.arguments_json) for c in asked.tool_calls][:2] == [
        ("call_1", "weather", '{"city": "Oslo"}'),
        ("call_2", "time", "{}"),
    ]
    assert [(m.tool_call_id, m.content) for m in sent.messages[2:]] == [("call_2", "noon"), ("call_1", "cold"), ("call_3", "colder")]


async def test_a_call_that_is_cut_short_is_left_out(tmp_path: Path) -> None:
    cut = pb.Finish(reason=pb.FINISH_REASON_LENGTH)
    async with told(tmp_path, pb.ChatResponse(tool_calls=parts((0, "a", "weather", '{"ci'))), pb.ChatResponse(finish=cut)) as (
        _,
        _,
        client,
    ):
        answer = await client.chat("m", ASKED, tools=[weather])
        assert (answer.message.tool_calls, answer.done_reason) == (None, "length")


async def test_thoughts_of_a_prompt(tmp_path: Path) -> None:
    async with told(tmp_path, *TOLD[:3], pb.ChatResponse(finish=STOP)) as (_, _, client):
        answer = await client.generate("m", "x", think=True)
        assert (answer.thinking, answer.response) == ("Two cities.", "Let me see.")


async def test_errors_before_and_within_a_stream(tmp_path: Path) -> None:
    async with told(tmp_path) as (gateway, back_end, client):
        back_end.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "not so", ())]
        with pytest.raises(ollama.ResponseError, match="not so") as error:
            [part async for part in await client.chat("m", ASKED, stream=True)]
        assert error.value.status_code == 400
        back_end.breaks = True
        with pytest.raises(ollama.ResponseError, match="was lost after 1 messages"):
            [part async for part in await client.chat("m", ASKED, stream=True)]
        back_end.breaks = False
        assert (await client.chat("m", ASKED)).message.content == "firstlast"
        refused = await http(gateway.url, "POST", "/api/chat", b"{}", {"origin": "http://evil.example"})
        assert refused.status == 403
        refused = await http(gateway.url, "GET", "/api/tags", headers={"host": "evil.example"})
        assert refused.status == 403


async def test_a_client_that_leaves_ends_its_call(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, back_end, client):
        back_end.go.clear()
        stream = await client.chat("m", ASKED, stream=True)
        await anext(stream)
        await back_end.busy(1)
        await client._client.aclose()
        await back_end.busy(0)
        assert back_end.cancelled == 1


async def test_settings_hold_for_all_apis(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, http_limits=HttpSettings(allowed_origins=("http://chat.example",))) as gateway:
        answer = await http(gateway.url, "GET", "/api/version", headers={"origin": "http://chat.example"})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "http://chat.example")
