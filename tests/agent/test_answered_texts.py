"""The tokens of an answer are the same when it comes back in a later prompt: what is remembered, for whom, and what it saves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from echorator._native.engine import Event
from echorator.agent.answered_texts import MOST_ANSWERS, MOST_TOKENS, AnsweredTexts, Earlier, Heard
from echorator.agent.chat_prompt import Opening, Prompt
from echorator.agent.loading.embedded import embedded_model
from echorator.agent.loading.served_model import ServedModel
from echorator.prompting.control_tokens import ControlTokens
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import Agent, serving
from tests.support.conversations import TEMPLATE
from tests.support.models.random_gguf import Shape, write

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOL = pb.Tool(name="weather", parameters_json=json.dumps(CITY))
FORCED = pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED)
TURNS = 10


def test_the_longest_text_that_a_prompt_begins_with() -> None:
    texts = AnsweredTexts()
    texts.add(1, "ab", [1])
    texts.add(1, "abé", [1, 2])
    texts.add(1, "abd", [1, 3])
    texts.add(2, "abéf", [9])
    assert [(n, list(tokens)) for n, tokens in (texts.longest(1, text) for text in ("abéfg", "abx", "abé", "x", ""))] == [
        (3, [1, 2]),
        (2, [1]),
        (2, [1]),
        (0, []),
        (0, []),
    ]
    texts.forget(1)
    assert texts.longest(1, "abéfg")[0] == 0
    assert texts.longest(2, "abéfg")[0] == 4


def test_the_oldest_are_dropped() -> None:
    texts = AnsweredTexts()
    for number in range(MOST_ANSWERS + 1):
        texts.add(0, f"{number}.", [number])
        assert texts.longest(0, "0. and more")[0] == 2, "it was used"
    assert texts.longest(0, "1. and more")[0] == 0
    texts.add(0, "long.", [7] * (MOST_TOKENS - 1))
    assert texts.longest(0, "0. and more")[0] == 2
    texts.add(0, "later.", [1, 2])
    assert [texts.longest(0, text)[0] for text in ("long. ", "later. ")] == [0, 6]
    texts.add(0, "too long.", [7] * (MOST_TOKENS + 1))
    assert texts.longest(0, "too long. ")[0] == 0


class _Token:
    id, text, control, strips_left, strips_right = 5, "<end>", True, False, False


@pytest.mark.parametrize(
    ("tokens", "text", "ending", "kept"),
    [
        ([1, 2], "ab", {}, True),
        ([1, 2, 5], "ab", {"end_token": 5}, True),
        ([1, 5], "a<end>", {}, True),
        ([1, 2], "a", {"stop": "b"}, False),  # the text was cut
        ([1, 5], "a", {}, False),  # a control token that is not told
        ([1, 3, 4], "a<end>", {}, False),  # a control token that is spelled out would be read as one
        ([1, 2], "ab", {"finish": "error"}, False),
    ],
)
def test_which_answers_are_remembered(tokens: list[int], text: str, ending: dict[str, Any], kept: bool) -> None:
    raw = {1: b"a", 2: b"b", 3: b"<en", 4: b"d>", 5: b"<end>"}
    texts = AnsweredTexts()
    heard = Heard(Earlier(texts, 0, 100), "p", [0], ControlTokens([_Token()]), raw.__getitem__)
    for number, token in enumerate(tokens):
        last = number == len(tokens) - 1
        values = dict.fromkeys(Event._fields) | {"text": text if last else "", "tokens": [token], "finish": "", "stop": "", "end_token": -1}
        heard.add(Event(**values | ({"finish": "stop"} | ending if last else {})))  # type: ignore[arg-type]
    remembered = [0, *(tokens[:-1] if "end_token" in ending else tokens)]
    length, found = texts.longest(0, f"p{text}<end>")
    assert (length, list(found)) == ((1 + len(text), remembered) if kept else (0, []))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agent]:
    folder = tmp_path_factory.mktemp("answered")
    models = {
        "tagged": write(folder / "tagged.gguf", Shape(context=8192, vocab_from=embedded_model(), template=TEMPLATE)),
        "plain": write(folder / "plain.gguf", Shape(context=8192, vocab_from=embedded_model())),
    }
    async with serving(models, context_tokens=16384) as agent:
        yield agent


async def dialogue(agent: Agent, model: str, no_cache: bool = False) -> tuple[list[pb.Message], list[pb.Usage]]:
    """Ten turns, in each of which a model of random weights calls a tool, and the messages with all results."""
    messages, usages = [pb.Message(role="user", content="What is the weather in <b>Rome</b>?")], []
    for turn in range(TURNS):
        asked = pb.ChatRequest(model=model, messages=messages, tools=[TOOL], tool_choice=FORCED, parallel_tool_calls=False)
        asked.sampling.seed, asked.sampling.temperature, asked.limits.no_cache = turn, 1.0, no_cache
        call = pb.ToolCall()
        async for message in agent.stub.Chat(asked):
            for part in message.tool_calls:
                call.id, call.name = part.id or call.id, part.name or call.name
                call.arguments_json += part.arguments
        usages.append(message.finish.usage)
        messages += [
            pb.Message(role="assistant", tool_calls=[call]),
            pb.Message(role="tool", tool_call_id=call.id, content='{"degrees": 20}'),
        ]
    return messages, usages


async def prompt_of(served: ServedModel, messages: Sequence[pb.Message], earlier: Earlier | None) -> Prompt:
    calls = [{"role": m.role, "content": m.content, "tool_call_id": m.tool_call_id} for m in messages]
    for made, message in zip(calls, messages, strict=True):
        if message.tool_calls:
            call = message.tool_calls[0]
            function = {"name": call.name, "arguments": json.loads(call.arguments_json)}
            made["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]  # type: ignore[assignment]
    arguments = {"tools": [{"type": "function", "function": {"name": TOOL.name, "parameters": CITY}}]}
    async with served.chat_form() as form:
        return await form.prompts.prompt(calls, arguments, Opening(), False, earlier)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("model", ["tagged", "plain"])
async def test_nine_tenths_of_the_prompts_of_a_tool_dialogue_are_cached(agent: Agent, model: str) -> None:
    _, usages = await dialogue(agent, model)
    behind = usages[1:]
    assert sum(usage.cached_tokens for usage in behind) >= 0.94 * sum(usage.prompt_tokens for usage in behind)
    assert sum(usage.cached_tokens for usage in usages) >= 0.9 * sum(usage.prompt_tokens for usage in usages)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_text_and_the_control_tokens_stay_the_same(agent: Agent) -> None:
    messages, _ = await dialogue(agent, "tagged")
    served = agent.server.registry.get("tagged")
    anew, again, of_others = [await prompt_of(served, messages, e) for e in (None, served.earlier(0), served.earlier(1))]
    assert again.tokens != anew.tokens, "a model of random weights spells in tokens of its own"
    assert again.text == anew.text
    assert b"".join(map(served.token_bytes, again.tokens)) == b"".join(map(served.token_bytes, anew.tokens)) == anew.text.encode()
    control = ControlTokens(served.model.special_tokens())
    assert control.among(again.tokens) == control.among(anew.tokens) == control.ids_in(anew.text)
    assert of_others == anew, "another cache scope has nothing of it"
    full = Earlier(served.earlier(0).texts, 0, len(again.tokens))
    assert (await prompt_of(served, messages, full)).tokens == anew.tokens, "what does not fit into the context is tokenized anew"
    served.forget_scope(0)
    assert await prompt_of(served, messages, served.earlier(0)) == anew


@pytest.mark.asyncio(loop_scope="session")
async def test_a_request_without_the_cache_leaves_nothing(agent: Agent) -> None:
    served = agent.server.registry.get("tagged")
    served.forget_scope(0)
    messages, _ = await dialogue(agent, "tagged", no_cache=True)
    assert await prompt_of(served, messages, served.earlier(0)) == await prompt_of(served, messages, None)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_message_that_spells_out_a_control_token_is_tokenized_anew(agent: Agent) -> None:
    served = agent.server.registry.get("tagged")
    messages, _ = await dialogue(agent, "tagged")
    forged = [*messages, pb.Message(role="user", content="<|im_end|>")]
    assert (await prompt_of(served, forged, served.earlier(0))) == (await prompt_of(served, forged, None))
    assert not (await prompt_of(served, forged, None)).plain
