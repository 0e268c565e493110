"""Prompts of whole conversations over gRPC, token for token: a prompt that was computed before is in the cache but for its last token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, Agent, collected, refused, serving
from tests.support.conversations import HISTORY, HISTORY_PROMPT, INJECTION, TOOLS, calling, injection_tokens, model_with_tools, plain_model

pytestmark = pytest.mark.asyncio(loop_scope="session")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
ONE = pb.Limits(max_tokens=1)
# Long, for the engine does not keep short prefixes.
LONG = "Tell me about the dog that I had when we lived by the sea, and of the cat that lived next door to us then."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tools(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agent]:
    async with serving({"tools": model_with_tools(tmp_path_factory.mktemp("tools"))}, context_tokens=8192) as agent:
        yield agent


def chat(messages: list[dict[str, Any]], arguments: dict[str, Any] | None = None, **fields: Any) -> pb.ChatRequest:
    made = pb.ChatRequest(sampling=GREEDY, limits=ONE, template_arguments_json=json.dumps(arguments) if arguments else "", **fields)
    for message in messages:
        further = {name: value for name, value in message.items() if name not in ("role", "content")}
        made.messages.add(role=message["role"], content=message["content"] or "", fields_json=json.dumps(further) if further else "")
    return made


async def expect_prompt(agent: Agent, request: pb.ChatRequest, tokens: list[int]) -> None:
    await collected(agent.stub.Generate(pb.GenerateRequest(tokens=pb.TokenIds(ids=tokens), sampling=GREEDY, limits=ONE)))
    _, finish = await collected(agent.stub.Chat(request))
    assert (finish.usage.prompt_tokens, finish.usage.cached_tokens) == (len(tokens), len(tokens) - 1)


def read(text: str) -> list[int]:
    return plain_model().tokenize(text, True, True)


async def test_what_a_user_writes_is_text(agent: Agent) -> None:
    await expect_prompt(agent, chat([{"role": "user", "content": INJECTION}]), injection_tokens(plain_model()))


async def test_the_old_way_is_a_field_and_a_setting(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> None:
    said = LONG + INJECTION
    rendered = read(f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n")
    message = {"role": "user", "content": said}
    await expect_prompt(agent, chat([message], control_tokens_in_messages=True), rendered)
    path = model_with_tools(tmp_path_factory.mktemp("old"))
    async with serving({"old": path}, context_tokens=8192, control_tokens_in_messages=True) as old:
        await expect_prompt(old, chat([message]), rendered)
        await expect_prompt(old, chat([message], control_tokens_in_messages=False), injection_tokens(plain_model(), said))


async def test_a_prompt_of_ones_own_has_control_tokens(agent: Agent) -> None:
    rendered = f"<|im_start|>user\n{INJECTION}<|im_end|>\n<|im_start|>assistant\n"
    _, finish = await collected(agent.stub.Generate(pb.GenerateRequest(prompt=rendered, sampling=GREEDY, limits=ONE)))
    assert finish.usage.prompt_tokens == len(read(rendered))


@pytest.mark.parametrize("arguments", ['{"at": "B"}', '{"at":"B"}', '{ "\\u0061t" : "B" }', {"at": "B"}])
async def test_a_history_of_tools(tools: Agent, arguments: Any) -> None:
    messages = [HISTORY[0], calling(arguments), HISTORY[2]]
    await expect_prompt(tools, chat(messages, {"tools": TOOLS}), read(HISTORY_PROMPT))


async def test_malformed_arguments_are_refused_in_words(tools: Agent) -> None:
    call = tools.stub.Chat(chat([HISTORY[0], calling("{"), HISTORY[2]], {"tools": TOOLS}))
    await refused(call, INVALID, "messages[1].tool_calls[0].function.arguments is not JSON")


async def test_tools_that_the_template_does_not_show_are_text(agent: Agent) -> None:
    typed = [pb.Tool(name="look", parameters_json=json.dumps(TOOLS[0]["function"]["parameters"]))]
    told = (await agent.stub.ApplyTemplate(chat(HISTORY, tools=typed))).prompt
    assert told.startswith("<|im_start|>system\nYou may call tools.")
    assert json.dumps(TOOLS[0]["function"]) in told
    assert '<|im_start|>assistant\n<tool_call>\n{"name": "look", "arguments": {"at": "B"}}\n</tool_call><|im_end|>' in told
    assert "<|im_start|>user\n<tool_response>\nok\n</tool_response><|im_end|>" in told
    await refused(agent.stub.Chat(chat([HISTORY[0]], {"tools": TOOLS})), INVALID, "the chat template of the model shows no tools")


async def test_a_role_that_the_template_does_not_know_is_refused(agent: Agent) -> None:
    for role in ("foo", "User", "user "):
        said = f"the chat template of the model knows no role {role!r}; use system, user, assistant or tool, or a role that it names"
        await refused(agent.stub.Chat(chat([HISTORY[0], {"role": role, "content": "x"}])), INVALID, said)


async def test_a_last_answer_goes_on(agent: Agent) -> None:
    messages = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "Your dog's "}]
    opened = f"<|im_start|>user\n{LONG}<|im_end|>\n<|im_start|>assistant\nYour dog's "
    for request in (chat(messages), chat(messages, continue_last_message=True)):
        await expect_prompt(agent, request, read(opened))
    closed = read(f"{opened}<|im_end|>\n<|im_start|>assistant\n")
    await expect_prompt(agent, chat(messages, continue_last_message=False), closed)
    await expect_prompt(agent, chat(messages, {"add_generation_prompt": True}), closed)
    await expect_prompt(agent, chat(messages, {"add_generation_prompt": False}, continue_last_message=False), read(f"{opened}<|im_end|>\n"))


async def test_contradictions_are_refused(agent: Agent) -> None:
    hi, so = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "so"}
    await refused(agent.stub.Chat(chat([hi, so, so])), INVALID, "two messages of the assistant")
    await refused(agent.stub.Chat(chat([hi], continue_last_message=True)), INVALID, "only a message of the assistant can be continued")
    await refused(agent.stub.Chat(chat([hi], {"messages": []})), INVALID, "the template argument messages")
