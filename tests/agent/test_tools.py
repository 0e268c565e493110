"""Calls of tools and thoughts, from a chat to its reply: forced calls, calls that the model begins, bounded thoughts, refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import jsonschema
import pytest
import pytest_asyncio

from echorator._native.engine import Event
from echorator.agent.answering import AnswerReader
from echorator.agent.loading.embedded import embedded_model
from echorator.prompting.dialects.answer_parser import AnswerParser
from echorator.prompting.dialects.dialect import Calls, Dialect, JsonCall, Tool
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import Agent, refused, serving
from tests.support.conversations import TEMPLATE, THINKS, model_with_tools
from tests.support.models.gguf_files import rewritten
from tests.support.rounds import rounds

pytestmark = pytest.mark.asyncio(loop_scope="session")
INVALID = grpc.StatusCode.INVALID_ARGUMENT

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
}
UNIT = {"type": "object", "properties": {"unit": {"enum": ["km", "mile"]}, "exact": {"type": "boolean"}}, "required": ["unit"]}
SCHEMAS = {"weather": CITY, "convert": UNIT, "now": {"type": "object", "properties": {}}}
TOOLS = [pb.Tool(name=name, parameters_json=json.dumps(schema)) for name, schema in SCHEMAS.items()]
SAID_CALLS = TEMPLATE.replace("<call>", "I will ").replace("</call>", "")  # what echo-nano says, and so begins a call by itself


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agent]:
    folder = tmp_path_factory.mktemp("tools")
    models = {
        "tagged": model_with_tools(folder),
        "plain": embedded_model(),
        "says": rewritten(embedded_model(), folder / "says.gguf", template=SAID_CALLS),
        "thinks": rewritten(embedded_model(), folder / "thinks.gguf", template=THINKS),
    }
    async with serving(models, context_tokens=16384) as agent:
        yield agent


@dataclass
class Said:
    text: str = ""
    reasoning: str = ""
    calls: list[pb.ToolCall] = field(default_factory=list)
    finish: pb.Finish = field(default_factory=pb.Finish)


async def said(agent: Agent, request: pb.ChatRequest) -> Said:
    made = Said()
    async for message in agent.stub.Chat(request):
        made.text += message.text
        made.reasoning += message.reasoning
        for part in message.tool_calls:
            if part.name:
                assert part.index == len(made.calls)
                assert part.id
                made.calls.append(pb.ToolCall(id=part.id, name=part.name))
            made.calls[part.index].arguments_json += part.arguments
        made.finish = message.finish
    return made


def request(model: str, text: str = "What is the weather in Rome?", seed: int = 1, **fields: Any) -> pb.ChatRequest:
    fields.setdefault("tools", TOOLS)
    sampling = pb.Sampling(seed=seed, temperature=1.0)
    message = pb.Message(role="user", content=text)
    return pb.ChatRequest(model=model, messages=[message], sampling=sampling, limits=pb.Limits(max_tokens=2000), **fields)


def forced(*names: str) -> pb.ToolChoice:
    return pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED, names=names)


@pytest.mark.parametrize("model", ["tagged", "plain", "says", "thinks"])
@pytest.mark.parametrize("names", [(), ("weather",), ("convert", "now")])
async def test_a_forced_call_is_valid(agent: Agent, model: str, names: tuple[str, ...]) -> None:
    for seed in range(rounds(10)):
        bounded = pb.Reasoning(budget_tokens=5)  # a model of its size finds no end to its thought
        asked = request(model, seed=seed, tool_choice=forced(*names), parallel_tool_calls=seed % 2 == 0, reasoning=bounded)
        answer = await said(agent, asked)
        assert answer.text == ""
        assert answer.finish.reason == pb.FINISH_REASON_TOOL_CALLS
        assert len(answer.calls) == 1 or (answer.calls and seed % 2 == 0)
        for call in answer.calls:
            assert call.name in (names or SCHEMAS)
            jsonschema.validate(json.loads(call.arguments_json), SCHEMAS[call.name])
        assert len({call.id for call in answer.calls}) == len(answer.calls)


@pytest.mark.parametrize(("finish", "stop", "told"), [("length", "", "a"), ("stop", "ll>", "a"), ("stop", "", "a <ca")])
async def test_a_marker_that_a_limit_or_a_stop_text_cuts_is_not_told(finish: str, stop: str, told: str) -> None:
    dialect = Dialect(calls=Calls(JsonCall(), "<call>", "</call>"))
    reader = AnswerReader(AnswerParser(dialect, [Tool("now", SCHEMAS["now"])]))
    message = pb.ChatResponse(text="a <ca")
    values = dict.fromkeys(Event._fields) | {"text": message.text, "finish": finish, "stop": stop}
    assert reader.read(message, Event(**values))  # type: ignore[arg-type]
    assert message.text == told


async def test_a_call_that_the_model_begins_is_valid(agent: Agent) -> None:
    for seed in range(5):
        answer = await said(agent, request("says", "My dog's name is Rex.", seed=seed, tools=TOOLS[:2]))
        if answer.calls:
            break
    assert answer.finish.reason == pb.FINISH_REASON_TOOL_CALLS
    for call in answer.calls:
        jsonschema.validate(json.loads(call.arguments_json), SCHEMAS[call.name])
    assert "I will" not in answer.text


async def test_without_tools_nothing_is_a_call(agent: Agent) -> None:
    plain = await said(agent, request("says", "My dog's name is Rex.", tools=[]))
    none = await said(agent, request("says", "My dog's name is Rex.", tool_choice=pb.ToolChoice(mode=pb.ToolChoice.MODE_NONE)))
    assert plain.text == none.text
    assert not plain.calls + none.calls
    assert plain.finish.usage.prompt_tokens == none.finish.usage.prompt_tokens


async def test_a_thought_is_apart_and_has_a_budget(agent: Agent) -> None:
    free = await said(agent, request("thinks", "hello", tools=[]))
    assert free.text == ""  # it never ends its thought
    assert free.reasoning
    for budget in (0, 2):
        bounded = await said(agent, request("thinks", "hello", tools=[], reasoning=pb.Reasoning(budget_tokens=budget)))
        assert "</think>" not in bounded.text + bounded.reasoning
        assert budget <= bounded.finish.usage.reasoning_tokens < budget + 12
        assert bool(bounded.reasoning) == bool(budget)
    off = await said(agent, request("thinks", "hello", tools=[], reasoning=pb.Reasoning(enabled=False)))
    assert off.text
    assert off.reasoning == ""


async def test_a_forced_call_comes_behind_the_thought(agent: Agent) -> None:
    answer = await said(agent, request("thinks", tool_choice=forced("weather"), reasoning=pb.Reasoning(budget_tokens=6)))
    assert answer.reasoning
    assert [call.name for call in answer.calls][:1] == ["weather"]
    jsonschema.validate(json.loads(answer.calls[0].arguments_json), CITY)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tools": [pb.Tool()]}, "tools[0].name '' is not fit"),
        ({"tools": [pb.Tool(name="a b")]}, "tools[0].name 'a b' is not fit"),
        ({"tools": [pb.Tool(name="a"), pb.Tool(name="a")]}, "tools has two tools named 'a'"),
        ({"tools": [pb.Tool(name="a", parameters_json="{")]}, "tools[0].parameters_json is not JSON"),
        ({"tools": [pb.Tool(name="a", parameters_json="[]")]}, "tools[0].parameters_json must be a JSON object"),
        ({"tools": [pb.Tool(name="a", parameters_json='{"type": "string"}')]}, "must be the schema of an object"),
        ({"tools": [pb.Tool(name=f"t{i}") for i in range(1025)]}, "tools must be at most 1024"),
        ({"tools": [], "tool_choice": forced()}, "the request has no tools"),
        ({"tool_choice": forced("nothing")}, "tool_choice names 'nothing', which is none of the request's tools: weather, convert, now"),
        ({"tool_choice": pb.ToolChoice(mode=7)}, "tool_choice.mode: 7 is no mode"),  # type: ignore[arg-type]
        ({"reasoning": pb.Reasoning(budget_tokens=-1)}, "reasoning.budget_tokens must be 0 or more"),
        ({"template_arguments_json": '{"tools": [{}]}'}, "tools are given twice"),
        (
            {"tools": [pb.Tool(name="a", parameters_json='{"type": "object", "properties": 5}')], "tool_choice": forced()},
            "a call of a cannot be forced: json_schema: /properties",
        ),
    ],
)
async def test_what_cannot_be_is_refused_in_words(agent: Agent, fields: dict[str, Any], says: str) -> None:
    await refused(agent.stub.Chat(request("tagged", **fields)), INVALID, says)


async def test_a_required_call_has_no_text_that_could_have_a_form(agent: Agent) -> None:
    asked = request("tagged", tool_choice=forced("convert"))
    asked.sampling.json_object = True
    answer = await said(agent, asked)
    assert answer.text == ""
    (call,) = answer.calls  # one tool is asked for, so that it is called once
    jsonschema.validate(json.loads(call.arguments_json), UNIT)


@pytest.mark.parametrize("stop", ["}", '"', "\n", "_", "c", "{"])
async def test_no_stop_text_cuts_a_forced_call(agent: Agent, stop: str) -> None:
    asked = request("plain", tool_choice=forced("weather"), parallel_tool_calls=False)
    asked.limits.stop.append(stop)
    answer = await said(agent, asked)
    assert answer.text == ""
    jsonschema.validate(json.loads(answer.calls[0].arguments_json), CITY)


async def test_no_part_of_a_marker_is_text_where_a_forced_call_is_cut_short(agent: Agent) -> None:
    for most in range(1, 20):
        asked = request("plain", tool_choice=forced("weather"))
        asked.limits.max_tokens = most
        assert (await said(agent, asked)).text == ""


@pytest.mark.parametrize("model", ["tagged", "plain"])
async def test_an_answer_is_a_call_or_has_the_form_that_is_asked_for(agent: Agent, model: str) -> None:
    seen = set()
    for seed in range(40):
        asked = request(model, seed=seed)
        asked.sampling.json_schema = json.dumps({"type": "object", "properties": {"r1": {"enum": ["a", "b"]}}, "required": ["r1"]})
        asked.sampling.temperature = 2.0
        answer = await said(agent, asked)
        seen.add(bool(answer.calls))
        if not answer.calls:
            assert json.loads(answer.text)["r1"] in ("a", "b")
        if len(seen) == 2:
            return
    raise AssertionError(f"only {seen} in 40 answers")


async def test_results_and_thoughts_stand_in_messages_of_their_role(agent: Agent) -> None:
    for message, says in (
        (pb.Message(role="user", content="x", tool_call_id="c"), 'only a message of the role "tool" has one'),
        (pb.Message(role="user", content="x", reasoning="r"), "only a message of the assistant has one"),
        (pb.Message(role="user", content="x", tool_calls=[pb.ToolCall(name="a")]), "only a message of the assistant calls tools"),
    ):
        await refused(agent.stub.Chat(pb.ChatRequest(model="tagged", messages=[message])), INVALID, says)
