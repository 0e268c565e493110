"""Prompts of whole conversations over HTTP, token for token, as `tests.agent.test_conversations` has them over gRPC."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.openai_setting import Setting, setting_of
from tests.support.agents import GREEDY, collected
from tests.support.conversations import HISTORY, HISTORY_PROMPT, INJECTION, TOOLS, injection_tokens, model_with_tools, plain_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Tell me about the dog that I had when we lived by the sea, and of the cat that lived next door to us then."
OPENED = f"<|im_start|>user\n{LONG}<|im_end|>\n<|im_start|>assistant\nYour dog's "


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    folder = tmp_path_factory.mktemp("conversations")
    async with setting_of(folder, {"echo": embedded_model(), "tools": model_with_tools(folder)}, 8192) as setting:
        yield setting


async def posted(mesh: Setting, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await mesh.post("/v1/chat/completions", json.dumps({"model": "echo", "max_tokens": 1, "temperature": 0} | body).encode())
    return answer.status, json.loads(answer.body)


async def expect_prompt(mesh: Setting, tokens: list[int], **body: Any) -> None:
    """A prompt that was computed before is in the cache but for its last token."""
    model = body.get("model", "echo")
    before = pb.GenerateRequest(model=model, tokens=pb.TokenIds(ids=tokens), sampling=GREEDY, limits=pb.Limits(max_tokens=1))
    await collected(mesh.agent.stub.Generate(before))
    status, answer = await posted(mesh, **body)
    assert status == 200, answer
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (len(tokens), len(tokens) - 1)


def read(text: str) -> list[int]:
    return plain_model().tokenize(text, True, True)


async def test_what_a_user_writes_is_text(mesh: Setting) -> None:
    tokens = injection_tokens(plain_model())
    await expect_prompt(mesh, tokens, messages=[{"role": "user", "content": INJECTION}])
    parts = [{"type": "text", "text": part} for part in INJECTION.split("\n")]
    await expect_prompt(mesh, tokens, messages=[{"role": "user", "content": parts}])


async def test_parts_are_joined_with_line_ends(mesh: Setting) -> None:
    parts = [{"type": "text", "text": LONG}, {"type": "text", "text": "And of mice."}]
    expected = read(f"<|im_start|>user\n{LONG}\nAnd of mice.<|im_end|>\n<|im_start|>assistant\n")
    await expect_prompt(mesh, expected, messages=[{"role": "user", "content": parts}])


async def test_the_old_way_is_a_field(mesh: Setting) -> None:
    said = LONG + INJECTION
    rendered = read(f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n")
    await expect_prompt(mesh, rendered, messages=[{"role": "user", "content": said}], control_tokens_in_messages=True)


async def test_a_history_of_tools(mesh: Setting) -> None:
    await expect_prompt(mesh, read(HISTORY_PROMPT), model="tools", messages=HISTORY, tools=TOOLS)


async def test_malformed_arguments_are_refused_in_words(mesh: Setting) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{"}}
    messages = [HISTORY[0], {"role": "assistant", "content": None, "tool_calls": [call]}, HISTORY[2]]
    status, answer = await posted(mesh, model="tools", messages=messages, tools=TOOLS)
    assert status == 400
    assert answer["error"]["message"].startswith("messages[1].tool_calls[0].function.arguments is not JSON")


async def test_tools_that_the_template_does_not_show_are_described_in_a_message(mesh: Setting) -> None:
    status, shown = await posted(mesh, messages=[HISTORY[0]], tools=TOOLS)
    assert status == 200
    status, hidden = await posted(mesh, messages=[HISTORY[0]], tools=TOOLS, tool_choice="none")
    assert status == 200
    assert shown["usage"]["prompt_tokens"] > hidden["usage"]["prompt_tokens"]


async def test_a_last_answer_goes_on(mesh: Setting) -> None:
    messages = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "Your dog's "}]
    await expect_prompt(mesh, read(OPENED), messages=messages)
    await expect_prompt(mesh, read(OPENED), messages=messages, continue_final_message=True, add_generation_prompt=False)
    closed = read(f"{OPENED}<|im_end|>\n<|im_start|>assistant\n")
    await expect_prompt(mesh, closed, messages=messages, continue_final_message=False)
    await expect_prompt(mesh, closed, messages=messages, add_generation_prompt=True)
    ended = {"continue_final_message": False, "chat_template_kwargs": {"add_generation_prompt": False}}
    await expect_prompt(mesh, read(f"{OPENED}<|im_end|>\n"), messages=messages, **ended)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"messages": [HISTORY[0], {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]}, "two messages of the"),
        ({"messages": [HISTORY[0]], "continue_final_message": True}, "only a message of the assistant can be continued"),
        ({"messages": [{"role": "assistant", "content": "a"}], "continue_final_message": True, "add_generation_prompt": True}, "leave add"),
        ({"messages": [HISTORY[0]], "chat_template_kwargs": {"bos_token": "x"}}, "the template argument bos_token"),
        ({"messages": [HISTORY[0]], "chat_template_kwargs": {"add_generation_prompt": 1}}, "add_generation_prompt must be true or false"),
        ({"messages": [HISTORY[0]], "tools": TOOLS, "chat_template_kwargs": {"tools": TOOLS}}, "tools is given twice"),
        (
            {"messages": [HISTORY[0]], "add_generation_prompt": True, "chat_template_kwargs": {"add_generation_prompt": True}},
            "add_generation_prompt is given twice",
        ),
    ],
)
async def test_contradictions_are_refused(mesh: Setting, body: dict[str, Any], says: str) -> None:
    status, answer = await posted(mesh, **body)
    assert status == 400
    assert says in answer["error"]["message"]
