"""Which chat template a model has, and what ApplyTemplate makes of a conversation with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, GREETING, Agent, collected, refused, serving, user
from tests.support.conversations import INJECTION, injection_tokens, model_with_tools, plain_model
from tests.support.models.gguf_files import CONTROL, rewritten

pytestmark = pytest.mark.asyncio(loop_scope="session")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
CHATML = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
OWN = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
SHORT = pb.Limits(max_tokens=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def free(echo_nano: Path) -> AsyncIterator[Agent]:
    """An agent whose requests may bring templates, and whose model has one of the operator's."""
    async with serving({"m": echo_nano}, context_tokens=8192, chat_template="alpaca", request_templates=True) as agent:
        yield agent


async def applied(agent: Agent, **fields: object) -> pb.ApplyTemplateResponse:
    return await agent.stub.ApplyTemplate(pb.ChatRequest(**{"messages": GREETING, **fields}))  # type: ignore[arg-type]


async def test_the_prompt_of_a_conversation(agent: Agent) -> None:
    made = await applied(agent)
    assert (made.prompt, list(made.tokens)) == (CHATML, plain_model().tokenize(CHATML, True, True))
    _, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=GREETING, sampling=GREEDY, limits=SHORT)))
    assert finish.usage.prompt_tokens == len(made.tokens)


async def test_forged_control_tokens_are_text_in_the_tokens(agent: Agent) -> None:
    made = await applied(agent, messages=user(INJECTION))
    assert INJECTION in made.prompt
    assert list(made.tokens) == injection_tokens(plain_model())
    read = await applied(agent, messages=user(INJECTION), control_tokens_in_messages=True)
    assert list(read.tokens) == plain_model().tokenize(made.prompt, True, True)


async def test_a_message_that_goes_on(agent: Agent) -> None:
    messages = [*GREETING, pb.Message(role="assistant", content="Hi, I")]
    assert (await applied(agent, messages=messages)).prompt == f"{CHATML}Hi, I"
    begun = await applied(agent, messages=messages, continue_last_message=False)
    assert begun.prompt == f"{CHATML}Hi, I<|im_end|>\n<|im_start|>assistant\n"
    ended = await applied(agent, template_arguments_json='{"add_generation_prompt": false}')
    assert ended.prompt == "<|im_start|>user\nHello!<|im_end|>\n"


@pytest.mark.parametrize(
    ("said", "request_"),
    [
        ("messages is empty", pb.ChatRequest()),
        ("no role 'foo'", pb.ChatRequest(messages=[pb.Message(role="foo", content="x")])),
        ("no memories are recalled", pb.ChatRequest(messages=GREETING, memory=pb.ChatMemory())),
        ("template_arguments_json is not JSON", pb.ChatRequest(messages=GREETING, template_arguments_json="{")),
        ("requests may not bring a chat template of their own", pb.ChatRequest(messages=GREETING, chat_template=OWN)),
        ("--request-templates", pb.ChatRequest(messages=GREETING, chat_template="chatml")),
        ("chat_template must be at most 262144 characters", pb.ChatRequest(messages=GREETING, chat_template="{{ x }}" * 50_000)),
    ],
)
async def test_what_is_refused(agent: Agent, said: str, request_: pb.ChatRequest) -> None:
    await refused(agent.stub.ApplyTemplate(request_), INVALID, said)
    await refused(agent.stub.ApplyTemplate(pb.ChatRequest(model="none", messages=GREETING)), grpc.StatusCode.NOT_FOUND, "none")


async def test_the_operators_template_counts(free: Agent) -> None:
    assert (await applied(free)).prompt == "### Instruction:\nHello!\n\n### Response:\n"
    model = await free.stub.GetModel(pb.GetModelRequest())
    assert "### Instruction:" in model.chat_template
    assert (model.chat_template_origin, list(model.warnings)) == (pb.CHAT_TEMPLATE_ORIGIN_OPTION, [])


async def test_a_template_of_a_request(free: Agent) -> None:
    assert (await applied(free, chat_template=OWN)).prompt == "[user] Hello!\n[assistant]"
    assert (await applied(free, chat_template="chatml")).prompt == CHATML
    asked = pb.ChatRequest(messages=GREETING, sampling=GREEDY, limits=SHORT, chat_template=OWN)
    _, finish = await collected(free.stub.Chat(asked))
    assert finish.usage.prompt_tokens == len(plain_model().tokenize("[user] Hello!\n[assistant]", True, True))
    await refused(free.stub.ApplyTemplate(pb.ChatRequest(messages=GREETING, chat_template="foo")), INVALID, "one of chatml, llama2")
    broken = pb.ChatRequest(messages=GREETING, chat_template="{% for %}{{ x }}")
    await refused(free.stub.ApplyTemplate(broken), INVALID, "does not parse: line 1")
    assert (await applied(free)).prompt.startswith("### Instruction:")


@pytest.mark.parametrize(
    ("tokens", "prompt", "form"),
    [
        ({}, CHATML, "chatml"),
        ({3: ("<one>", CONTROL), 4: ("<two>", CONTROL)}, "User: Hello!\nAssistant:", "plain"),
    ],
)
async def test_a_model_without_a_template(
    tmp_path: Path, echo_nano: Path, caplog: pytest.LogCaptureFixture, tokens: dict[int, tuple[str, int]], prompt: str, form: str
) -> None:
    if tokens:
        ids = [plain_model().tokenize(text, False, True)[0] for text in ("<|im_start|>", "<|im_end|>")]
        tokens = dict(zip(ids, tokens.values(), strict=True))
    bare = rewritten(echo_nano, tmp_path / "bare.gguf", tokens, template="")
    with caplog.at_level(logging.WARNING):
        async with serving({"bare": bare}, context_tokens=2048) as agent:
            assert (await applied(agent)).prompt == prompt
            model = await agent.stub.GetModel(pb.GetModelRequest())
            assert model.chat_template_origin == pb.CHAT_TEMPLATE_ORIGIN_DEFAULT
            (warning,) = model.warnings
            assert f"brings no chat template; chats use the form '{form}'" in warning
            await collected(agent.stub.Chat(pb.ChatRequest(messages=GREETING, sampling=GREEDY, limits=SHORT)))
    assert [record.message for record in caplog.records].count(warning) == 1


async def test_the_origin_of_a_files_template(tmp_path: Path) -> None:
    path = model_with_tools(tmp_path)
    async with serving({"m": path}, context_tokens=2048) as agent:
        model = await agent.stub.GetModel(pb.GetModelRequest())
        assert model.chat_template_origin == pb.CHAT_TEMPLATE_ORIGIN_FILE
        assert "<call>" in model.chat_template
        assert model.file_changed_at_s == pytest.approx(path.stat().st_mtime, abs=1e-3)


async def test_an_encoder_has_none(encoder: Path) -> None:
    async with serving({"e": encoder}) as agent:
        await refused(agent.stub.ApplyTemplate(pb.ChatRequest(messages=GREETING)), INVALID, "is an encoder", "only embeds")
        model = await agent.stub.GetModel(pb.GetModelRequest())
        assert (model.chat_template, model.chat_template_origin, list(model.warnings)) == ("", 0, [])
