"""The tool runner of Anthropic's client, which asks the server to keep the conversation and goes on without that where it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import beta_async_tool

from tests.gateway.http.scripted import Scripted, calculates

pytestmark = pytest.mark.asyncio(loop_scope="session")


@beta_async_tool
async def add(a: int, b: int) -> str:
    """Add two numbers.

    Args:
        a: the first.
        b: the second.
    """
    return str(a + b)


@beta_async_tool
async def multiply(a: int, b: int) -> str:
    """Multiply two numbers.

    Args:
        a: the first.
        b: the second.
    """
    return str(a * b)


@pytest.mark.parametrize("streams", [False, True])
async def test_an_agent_runs_to_its_end(scripted: Scripted, streams: bool) -> None:
    scripted.answers(calculates)
    asked: Any = [{"role": "user", "content": "What is (2 + 3) * 7?"}]
    if streams:
        runner = scripted.anthropic.beta.messages.tool_runner(model="m", max_tokens=99, tools=[add, multiply], messages=asked, stream=True)
        async for stream in runner:
            last = await stream.get_final_message()
    else:
        last = await scripted.anthropic.beta.messages.tool_runner(
            model="m", max_tokens=99, tools=[add, multiply], messages=asked
        ).until_done()
    assert [block.text for block in last.content if block.type == "text"] == ["The result is 35."]
    assert [len(request.messages) for request in scripted.agent.requests] == [1, 3, 5]


async def test_a_thread_is_refused_so_that_the_client_knows(scripted: Scripted) -> None:
    body: dict[str, Any] = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "thread": {"type": "create"}}
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        answer = await scripted.post(path, body if path == "/v1/messages" else {k: v for k, v in body.items() if k != "max_tokens"})
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["details"]) == (400, {"error_code": "thread_unsupported_request"})
        assert error["message"] == "thread: conversations are not kept here; send the whole conversation without thread"
