"""The Responses API with the official client, before an agent that answers by a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.scripted import BOTH, CALLED, CUT, HELLO, NUMBERS, TOOLS, Scripted, calculates, calls, ends, says, scripting, thinks
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")

FUNCTIONS: Any = [{"type": "function", "name": name, "description": name, "parameters": NUMBERS, "strict": True} for name in TOOLS]


class Sum(BaseModel):
    a: int
    b: int


def said(request: pb.ChatRequest) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]


async def test_create(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    response = await scripted.openai.responses.create(
        model="m", input="hi", instructions="Be brief.", max_output_tokens=9, temperature=0.5, metadata={"a": "b"}
    )
    assert response.output_text == "Hello"
    assert (response.status, response.model, response.instructions) == ("completed", "m", "Be brief.")
    assert response.metadata == {"a": "b"}
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (12, 5)
    assert (response.usage.output_tokens, response.usage.output_tokens_details.reasoning_tokens) == (7, 3)
    assert said(scripted.asked) == [("system", "Be brief."), ("user", "hi")]
    assert (scripted.asked.limits.max_tokens, scripted.asked.sampling.temperature) == (9, 0.5)


async def test_thoughts_texts_and_calls_are_items(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    response = await scripted.openai.responses.create(model="m", input="hi", tools=FUNCTIONS, reasoning={"effort": "low"})
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    thought, text, first, second = (item.model_dump() for item in response.output)
    assert thought["content"] == [{"type": "reasoning_text", "text": "I need both."}]
    assert text["content"][0]["text"] == "One moment."
    assert (first["call_id"], first["name"], first["arguments"]) == ("call_add_0", "add", '{"a": 2, "b": 3}')
    assert (second["call_id"], second["name"], second["arguments"]) == ("call_now_1", "now", "{}")
    assert scripted.asked.reasoning.effort == "low"
    assert scripted.asked.tools[0].name == "add"


async def test_parse(scripted: Scripted) -> None:
    scripted.answers([*says('{"a": 2,', ' "b": 3}'), *ends()])
    response = await scripted.openai.responses.parse(model="m", input="hi", text_format=Sum)
    assert response.output_parsed == Sum(a=2, b=3)
    assert json.loads(scripted.asked.sampling.json_schema)["required"] == ["a", "b"]


async def test_a_conversation_goes_on_without_the_call_that_was_cut_short(scripted: Scripted) -> None:
    scripted.answers([*says("Wait."), *calls(0, "add", '{"a": 1, "b"'), *ends(CUT)])
    first = await scripted.openai.responses.create(model="m", input="hi", tools=FUNCTIONS)
    scripted.answers(HELLO)
    await scripted.openai.responses.create(model="m", input="Go on.", previous_response_id=first.id)
    assert said(scripted.asked) == [("user", "hi"), ("assistant", "Wait."), ("user", "Go on.")]
    assert not scripted.asked.messages[1].tool_calls


async def test_the_events_of_a_stream(scripted: Scripted) -> None:
    scripted.answers([*thinks("hm"), *says("a", "b"), *calls(0, "add", "{", "}"), *ends(CALLED)])
    stream = await scripted.openai.responses.create(model="m", input="hi", tools=FUNCTIONS, stream=True)
    events = [event async for event in stream]
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        *(
            "output_item.added",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
        ),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta", "function_call_arguments.done"),
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    last = events[-1]
    assert last.type == "response.completed"
    assert [item.model_dump() for item in done] == [item.model_dump() for item in last.response.output]


async def test_the_stream_helper(scripted: Scripted) -> None:
    scripted.answers([*says('{"a": 2,', ' "b": 3}'), *ends()])
    async with scripted.openai.responses.stream(model="m", input="hi", text_format=Sum) as stream:
        assert (await stream.get_final_response()).output_parsed == Sum(a=2, b=3)


async def test_an_answer_that_is_cut(scripted: Scripted) -> None:
    scripted.answers([*says("ab"), *ends(CUT)])
    response = await scripted.openai.responses.create(model="m", input="hi")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output[0].status == "incomplete"  # type: ignore[union-attr]
    stream = await scripted.openai.responses.create(model="m", input="hi", stream=True)
    assert [event.type async for event in stream][-1] == "response.incomplete"


async def test_a_stream_that_fails(scripted: Scripted) -> None:
    def breaks(_: pb.ChatRequest) -> Any:
        yield from says("a")
        raise ValueError("a fault of the agent")

    scripted.answers(breaks)
    stream = await scripted.openai.responses.create(model="m", input="hi", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    assert last.response.output_text == "a"


@pytest.mark.parametrize("keeps", [True, False])
async def test_an_agent_runs_to_its_end(scripted: Scripted, keeps: bool) -> None:
    """With the responses that the gateway keeps, and with all items sent each time."""
    scripted.answers(calculates)
    first: Any = [{"role": "user", "content": [{"type": "input_text", "text": "What is (2 + 3) * 7?"}]}]
    items: Any = list(first)
    previous: Any = openai.omit
    for _ in range(3):
        asked: Any = {"previous_response_id": previous} if keeps else {"store": False}
        response = await scripted.openai.responses.create(model="m", input=items, tools=FUNCTIONS, **asked)
        if keeps:
            items, previous = [], response.id
        else:
            items += [item.model_dump(exclude_none=True) for item in response.output]
        for call in response.output:
            if call.type == "function_call":
                result = TOOLS[call.name](**json.loads(call.arguments))
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": str(result)})
        if not any(item.type == "function_call" for item in response.output):
            break
    assert response.output_text == "The result is 35."
    assert [m.role for m in scripted.asked.messages] == ["user", "assistant", "tool", "assistant", "tool"]
    assert scripted.asked.messages[1].reasoning == "First the sum."
    assert [len(m.tool_calls) for m in scripted.asked.messages] == [0, 1, 0, 1, 0]
    assert scripted.asked.messages[3].content == "Now times 7."


async def test_responses_that_are_kept(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    client = scripted.openai.responses
    made = await client.create(model="m", input="hi", instructions="not kept")
    assert await client.retrieve(made.id) == made
    again = await client.create(model="m", input="and?", previous_response_id=made.id)
    assert said(scripted.asked) == [("user", "hi"), ("assistant", "Hello"), ("user", "and?")]
    assert again.previous_response_id == made.id
    await client.delete(made.id)
    await client.create(model="m", input="still?", previous_response_id=again.id)
    assert len(scripted.asked.messages) == 5
    with pytest.raises(openai.NotFoundError, match="no response 'resp_"):
        await client.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.delete(made.id)
    with pytest.raises(openai.BadRequestError, match="previous_response_id: no response") as caught:
        await client.create(model="m", input="hi", previous_response_id=made.id)
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")
    unkept = await client.create(model="m", input="hi", store=False)
    with pytest.raises(openai.NotFoundError):
        await client.retrieve(unkept.id)
    allow = (await http(scripted.gateway.url, "POST", "/v1/responses/x")).headers["allow"]
    assert {"GET", "DELETE"} <= set(allow.split(", "))


async def test_a_gateway_that_keeps_none_says_so(tmp_path: Path) -> None:
    async with scripting(tmp_path, HttpSettings(kept_responses_bytes=0)) as scripted:
        answer = await scripted.json("/v1/responses", {"input": "hi"})
        assert answer["store"] is False
        with pytest.raises(openai.NotFoundError):
            await scripted.openai.responses.retrieve(answer["id"])


async def test_what_has_no_effect_is_listed(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    body = {"input": "hi", "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}, "text": {"verbosity": "low"}}
    answer = await scripted.post("/v1/responses", {**body, "user": "ann", "service_tier": "auto"})
    listed = answer.headers["x-echorator-ignored"].split(", ")
    assert listed == ["service_tier", "include.reasoning.encrypted_content", "text.verbosity", "reasoning.summary", "user"]


async def test_logprobs(scripted: Scripted) -> None:
    token = pb.TokenLogprob(token=1, text="a", raw=b"a", logprob=-0.5)
    scripted.answers([pb.ChatResponse(text="a", tokens=[1], logprobs=[pb.PositionLogprobs(chosen=token, top=[token])]), *ends()])
    response = await scripted.openai.responses.create(model="m", input="hi", top_logprobs=1, include=["message.output_text.logprobs"])
    part = response.output[0].content[0]  # type: ignore[union-attr, index]
    assert [(p.token, p.logprob, p.top_logprobs[0].token) for p in part.logprobs or []] == [("a", -0.5, "a")]  # type: ignore[union-attr]
    assert scripted.asked.limits.logprobs == 1
