"""Chat completions with tools and thoughts, with the official client."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.scripted import BOTH, CALLED, CUT, NUMBERS, TOOLS, Scripted, calculates, calls, ends, says, thinks

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED: Any = [{"role": "user", "content": "What is (2 + 3) * 7?"}]
FUNCTIONS: Any = [
    {"type": "function", "function": {"name": name, "description": f"{name} two numbers", "parameters": NUMBERS}} for name in TOOLS
]


def function(name: str) -> Any:
    return {"type": "function", "function": {"name": name}}


async def test_calls_and_thoughts(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    answer = await scripted.openai.chat.completions.create(model="m", messages=ASKED, tools=FUNCTIONS)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "One moment."
    assert (choice.message.model_extra or {})["reasoning_content"] == "I need both."
    found = [call.model_dump() for call in choice.message.tool_calls or []]
    assert found == [
        {"id": "call_add_0", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}},
        {"id": "call_now_1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 3
    assert [(tool.name, json.loads(tool.parameters_json)) for tool in scripted.asked.tools] == [(name, NUMBERS) for name in TOOLS]


async def test_content_is_null_where_there_are_only_calls(scripted: Scripted) -> None:
    scripted.answers([*calls(0, "add", "{}"), *ends(CALLED)])
    answer = await scripted.json("/v1/chat/completions", {"messages": ASKED, "tools": FUNCTIONS})
    assert answer["choices"][0]["message"]["content"] is None
    scripted.answers([*thinks("hm"), *ends()])
    answer = await scripted.json("/v1/chat/completions", {"messages": ASKED})
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "", "refusal": None, "reasoning_content": "hm"}


async def test_streamed_calls(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    async with scripted.openai.chat.completions.stream(model="m", messages=ASKED, tools=FUNCTIONS) as stream:
        final = await stream.get_final_completion()
    message = final.choices[0].message
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []] == [
        ("call_add_0", "add", '{"a": 2, "b": 3}'),
        ("call_now_1", "now", "{}"),
    ]
    assert message.content == "One moment."
    assert final.choices[0].finish_reason == "tool_calls"


async def test_the_deltas_of_a_stream(scripted: Scripted) -> None:
    scripted.answers(BOTH)
    stream = await scripted.openai.chat.completions.create(model="m", messages=ASKED, tools=FUNCTIONS, stream=True)
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) async for chunk in stream]
    assert deltas == [
        {"role": "assistant", "content": None, "refusal": None},
        {"reasoning_content": "I need "},
        {"reasoning_content": "both."},
        {"content": "One moment."},
        {"tool_calls": [{"index": 0, "id": "call_add_0", "type": "function", "function": {"name": "add", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 2,'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "b": 3}'}}]},
        {"tool_calls": [{"index": 1, "id": "call_now_1", "type": "function", "function": {"name": "now", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]
    scripted.answers([*calls(0, "add", "{}"), *ends(CALLED)])
    stream = await scripted.openai.chat.completions.create(model="m", messages=ASKED, tools=FUNCTIONS, stream=True)
    assert [chunk.choices[0].delta.content async for chunk in stream] == [None] * 4


async def test_an_agent_runs_to_its_end(scripted: Scripted) -> None:
    scripted.answers(calculates)
    messages = list(ASKED)
    for _ in range(3):
        answer = await scripted.openai.chat.completions.create(model="m", messages=messages, tools=FUNCTIONS)
        message = answer.choices[0].message
        if not message.tool_calls:
            break
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            assert call.type == "function"
            result = TOOLS[call.function.name](**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})
    assert message.content == "The result is 35."
    said = scripted.asked.messages
    assert [m.role for m in said] == ["user", "assistant", "tool", "assistant", "tool"]
    assert said[1] == pb.Message(
        role="assistant",
        reasoning="First the sum.",
        tool_calls=[pb.ToolCall(id="call_add_0", name="add", arguments_json='{"a": 2, "b": 3}')],
    )
    assert said[2] == pb.Message(role="tool", content="5", tool_call_id="call_add_0")
    assert said[3].content == "Now times 7."


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("auto", "MODE_AUTO", []),
        ("none", "MODE_NONE", []),
        ("required", "MODE_REQUIRED", []),
        ("any", "MODE_REQUIRED", []),
        (function("add"), "MODE_REQUIRED", ["add"]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("add")]}}, "MODE_AUTO", ["add"]),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("add"), function("multiply")]}},
            "MODE_REQUIRED",
            ["add", "multiply"],
        ),
    ],
)
async def test_the_choice_of_a_tool(scripted: Scripted, choice: Any, mode: str, names: list[str]) -> None:
    scripted.answers([*says("hi"), *ends()])
    await scripted.json(
        "/v1/chat/completions", {"messages": ASKED, "tools": FUNCTIONS, "tool_choice": choice, "parallel_tool_calls": False}
    )
    assert (pb.ToolChoice.Mode.Name(scripted.asked.tool_choice.mode), list(scripted.asked.tool_choice.names)) == (mode, names)
    assert scripted.asked.parallel_tool_calls is False
    assert scripted.asked.HasField("parallel_tool_calls")


async def test_arguments_are_sent_as_they_are(scripted: Scripted) -> None:
    scripted.answers([*says("hi"), *ends()])
    for given, sent in (('{"b":1,  "a"', '{"b":1,  "a"'), ({"b": 1, "a": [2.5]}, '{"b": 1, "a": [2.5]}'), (None, "")):
        call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": given}}
        said = [*ASKED, {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "hm"}]
        await scripted.json("/v1/chat/completions", {"messages": said})
        (found,) = scripted.asked.messages[1].tool_calls
        assert (found.id, found.name, found.arguments_json) == ("1", "add", sent)
        assert scripted.asked.messages[1].reasoning == "hm"
        assert not scripted.asked.messages[1].fields_json


async def test_a_cut_call_and_several_answers(scripted: Scripted) -> None:
    scripted.answers([*calls(0, "add", '{"a": 2'), *ends(CUT)])
    answer = await scripted.openai.chat.completions.create(model="m", messages=ASKED, tools=FUNCTIONS, n=2)
    assert [choice.finish_reason for choice in answer.choices] == ["length", "length"]
    assert [(choice.message.tool_calls or [])[0].function.arguments for choice in answer.choices] == ['{"a": 2'] * 2  # type: ignore[union-attr]


async def test_what_of_a_tool_has_no_effect_is_listed(scripted: Scripted) -> None:
    scripted.answers([*says("hi"), *ends()])
    tool = {"type": "function", "cache_control": {}, "function": {"name": "f", "strict": True, "examples": []}}
    answer = await scripted.post("/v1/chat/completions", {"messages": ASKED, "tools": [tool]})
    assert answer.headers["x-echorator-ignored"] == "tools.cache_control, tools.function.examples"


async def test_an_unknown_tool_of_a_choice_names_the_field(scripted: Scripted) -> None:
    with pytest.raises(openai.BadRequestError, match="there is no tool named 'subtract'") as caught:
        await scripted.openai.chat.completions.create(model="m", messages=ASKED, tools=FUNCTIONS, tool_choice=function("subtract"))
    assert caught.value.param == "tool_choice"
