"""The input of a response: how many tokens it has, and which items, with the official client."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.gateway.http.scripted import HELLO, USAGE, Scripted

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONVERSATION: Any = [
    {"role": "user", "content": "What is 2 + 3?"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "I add."}]},
    {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "5"},
    {"role": "assistant", "content": "5."},
    {"role": "user", "content": "Thanks!"},
]


async def test_the_tokens_are_counted_and_nothing_is_answered(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    counted = await scripted.openai.responses.input_tokens.count(model="m", input=CONVERSATION, instructions="Be brief.")
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", USAGE.prompt_tokens)
    limits = scripted.asked.limits
    assert (limits.HasField("max_tokens"), limits.max_tokens) == (True, 0)
    assert scripted.asked.messages[0].content == "Be brief."
    answer = await scripted.post(
        "/v1/responses/input_tokens", {"input": "hi", "max_output_tokens": 5, "top_logprobs": 2, "memory": {"user": "ann"}}
    )
    assert answer.headers["x-echorator-ignored"] == "max_output_tokens, top_logprobs"
    assert scripted.asked.memory.read_only


async def test_the_items_of_a_response_that_is_kept(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    response = await scripted.openai.responses.create(model="m", input=CONVERSATION, instructions="Be brief.")
    items = [item async for item in scripted.openai.responses.input_items.list(response.id, order="asc", limit=2)]
    assert [item.type for item in items] == ["message", "reasoning", "function_call", "function_call_output", "message", "message"]
    assert len({item.id for item in items}) == len(CONVERSATION)
    newest = await scripted.openai.responses.input_items.list(response.id, limit=1)
    assert ([item.id for item in newest.data], newest.has_more) == ([items[-1].id], True)
    assert newest.data[0].model_dump(exclude_none=True)["content"] == [{"type": "input_text", "text": "Thanks!"}]
    with pytest.raises(openai.BadRequestError, match="limit must be 1 to 100, not '0'"):
        await scripted.openai.responses.input_items.list(response.id, limit=0)
    with pytest.raises(openai.BadRequestError, match="after: the response has no input item 'x'"):
        await scripted.openai.responses.input_items.list(response.id, after="x")
    with pytest.raises(openai.NotFoundError, match="no response 'resp_x' is kept here"):
        await scripted.openai.responses.input_items.list("resp_x")
