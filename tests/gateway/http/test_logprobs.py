"""Log probabilities over HTTP: of answers, of prompts that are echoed, and the bytes of parts of characters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of
from tests.support.http_client import http
from tests.support.models import random_gguf

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROMPT = "The fox sat on the mat"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    folder = tmp_path_factory.mktemp("logprobs")
    byte_tokens = random_gguf.write(folder / "bytes.gguf", random_gguf.Shape())
    async with setting_of(folder, {"echo-nano": embedded_model(), "bytes": byte_tokens}, 1024) as setting:
        yield setting


async def complete(mesh: Setting, **fields: Any) -> Any:
    return await mesh.client.completions.create(**{"model": "echo-nano", "prompt": PROMPT, "temperature": 0, **fields})


async def test_an_echoed_prompt_has_the_log_probabilities_of_its_own_tokens(mesh: Setting) -> None:
    answer = (await complete(mesh, max_tokens=1, echo=True, logprobs=1)).choices[0]
    logprobs = answer.logprobs
    assert answer.text.startswith(PROMPT)
    assert "".join(logprobs.tokens)[-len(answer.text) :] == answer.text
    assert (logprobs.token_logprobs[0], logprobs.top_logprobs[0]) == (None, None)
    assert all(p < 0 for p in logprobs.token_logprobs[1:])
    assert all(
        len(top) == 1 and max(top.values()) >= p for top, p in zip(logprobs.top_logprobs[1:], logprobs.token_logprobs[1:], strict=True)
    )
    begins = [answer.text[i:].startswith(t) for t, i in zip(logprobs.tokens[1:], logprobs.text_offset[1:], strict=True)]
    assert all(begins)


async def test_scoring_alone_generates_nothing(mesh: Setting) -> None:
    scored = (await complete(mesh, max_tokens=0, echo=True, logprobs=1)).choices[0]
    longer = (await complete(mesh, max_tokens=1, echo=True, logprobs=1)).choices[0]
    assert scored.text == PROMPT
    assert scored.logprobs.tokens == longer.logprobs.tokens[:-1]
    assert scored.logprobs.token_logprobs[1:] == pytest.approx(longer.logprobs.token_logprobs[1:-1], abs=2e-3)
    assert (await complete(mesh, max_tokens=0, echo=True)).choices[0].text == PROMPT


async def test_a_prompt_of_token_ids_is_echoed_as_its_text(mesh: Setting) -> None:
    ids = mesh.agent.server.registry.get("echo-nano").model.tokenize(PROMPT, False, False)
    by_ids = (await complete(mesh, prompt=ids, max_tokens=1, echo=True, logprobs=0)).choices[0]
    assert by_ids.text.startswith(PROMPT)
    assert (await complete(mesh, prompt=ids, max_tokens=0, echo=True)).choices[0].text == PROMPT


async def test_several_prompts_at_once(mesh: Setting) -> None:
    prompts = [PROMPT, "My dog is called Pixel.", "x"]
    together = (await complete(mesh, prompt=prompts, max_tokens=0, echo=True, logprobs=2)).choices
    for prompt, choice in zip(prompts, together, strict=True):
        alone = (await complete(mesh, prompt=prompt, max_tokens=0, echo=True, logprobs=2)).choices[0]
        assert (choice.text, choice.logprobs.tokens) == (prompt, alone.logprobs.tokens)
        assert choice.logprobs.token_logprobs[1:] == pytest.approx(alone.logprobs.token_logprobs[1:], abs=2e-3)


async def test_prompt_logprobs_of_a_chat(mesh: Setting) -> None:
    messages: Any = [{"role": "user", "content": "Hello!"}]
    answer = await mesh.client.chat.completions.create(
        model="echo-nano", messages=messages, max_tokens=1, extra_body={"prompt_logprobs": 2}
    )
    assert answer.usage is not None
    positions = (answer.choices[0].model_extra or {})["prompt_logprobs"]
    assert len(positions) == answer.usage.prompt_tokens
    assert positions[0] is None
    assert all({1, 2} <= {entry["rank"] for entry in position.values()} for position in positions[1:])


async def test_the_bytes_of_a_part_of_a_character_are_its_own(mesh: Setting) -> None:
    messages: Any = [{"role": "user", "content": "x"}]
    answer = await mesh.client.chat.completions.create(
        model="bytes", messages=messages, logprobs=True, max_tokens=9, extra_body={"grammar": 'root ::= "😀"'}
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    content = logprobs.content or []
    assert answer.choices[0].message.content == "😀"
    assert [position.bytes for position in content] == [[b] for b in "😀".encode()]
    assert [position.token for position in content] == ["\ufffd"] * 4


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"logprobs": 21}, "logprobs must be 0..20"),
        ({"prompt_logprobs": -1}, "prompt_logprobs must be 0..20"),
        ({"prompt_logprobs": 1, "stream": True}, "prompt_logprobs are not streamed"),
        ({"max_tokens": -7}, "max_tokens must be 0 or more"),
    ],
)
async def test_what_cannot_be(mesh: Setting, fields: dict[str, Any], says: str) -> None:
    body = json.dumps({"model": "echo-nano", "prompt": PROMPT, **fields}).encode()
    answer = await http(mesh.gateway.url, "POST", "/v1/completions", body)
    assert answer.status == 400
    assert says in answer.body.decode()
