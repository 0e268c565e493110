"""The HTTP side before a real agent, a real engine and a real memory."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import ANSWER, FACTS, HELLO, Setting, setting_of
from tests.gateway.http.raw import post, raw_connection
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("real"), {"echo-nano": embedded_model()}, 8192) as setting:
        yield setting


async def chat(mesh: Setting, **fields: Any) -> dict[str, Any]:
    asked = {"model": "echo-nano", "messages": FACTS, "temperature": 0, **fields}
    answer = await mesh.post("/v1/chat/completions", json.dumps(asked).encode())
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize(
    "body",
    [
        {"model": "echo-nano", "max_tokens": 4, "messages": [{"role": "user", "content": "hi"}], "stream": None},
        {
            "model": "echo-nano",
            "max_tokens": 4,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}],
            "modalities": ["text"],
            "prompt_cache_retention": "24h",
        },
        {"model": None, "n": None, "max_tokens": 4, "stop": None, "logit_bias": None, "tools": None, "messages": HELLO},
    ],
)
async def test_bodies_of_real_clients(mesh: Setting, body: dict[str, Any]) -> None:
    answer = await mesh.post("/v1/chat/completions", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["usage"]["completion_tokens"] <= 4


async def test_other_servers_names_of_parameters_reach_the_engine(mesh: Setting) -> None:
    whole = await chat(mesh)
    assert whole["choices"][0]["message"]["content"] == ANSWER
    assert (await chat(mesh, n_predict=2))["usage"]["completion_tokens"] == 2
    assert (await chat(mesh, max_tokens=-1, seed=-1, top_k=-1, stop=""))["choices"][0]["message"]["content"] == ANSWER
    assert (await chat(mesh, max_tokens=1, max_completion_tokens=3))["usage"]["completion_tokens"] == 3
    assert (await chat(mesh, cache_prompt=False))["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    first = (await chat(mesh, logprobs=True, max_tokens=1))["choices"][0]["logprobs"]["content"][0]["token"]
    forbidden = await chat(mesh, logit_bias=[[token, False] for token in range(2, 400)], max_tokens=4)
    assert forbidden["choices"][0]["message"]["content"] != ANSWER
    assert ANSWER.startswith(first)
    mirostat = await chat(mesh, temperature=1, mirostat=2, mirostat_tau=1, seed=5, max_tokens=12)
    assert mirostat["choices"][0]["message"]["content"]


async def test_a_prompt_that_is_too_long_has_the_code_that_clients_look_for(mesh: Setting) -> None:
    asked = {"model": "echo-nano", "messages": [{"role": "user", "content": "dog " * 20_000}]}
    for fields in ({}, {"stream": True}):
        answer = await mesh.post("/v1/chat/completions", json.dumps({**asked, **fields}).encode())
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "context_length_exceeded")


async def test_answers_to_one_prompt_differ(mesh: Setting) -> None:
    asked: Any = {"model": "echo-nano", "prompt": "The", "temperature": 2, "n": 4, "seed": 1, "max_tokens": 20}
    texts = [c.text for c in (await mesh.client.completions.create(**asked)).choices]
    assert len(set(texts)) > 1
    assert [c.text for c in (await mesh.client.completions.create(**asked)).choices] == texts
    alone = await mesh.client.completions.create(**{**asked, "n": 1, "seed": 3})
    assert alone.choices[0].text == texts[2]


async def test_a_client_that_leaves_frees_the_slots_of_all_its_answers(mesh: Setting, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def computes() -> bool:
        return (await mesh.agent.stats("echo-nano")).slots_busy > 0

    for stream in (b"true", b"false"):
        body = b'{"model":"echo-nano","prompt":["a","b","c"],"n":9,"max_tokens":900,"ignore_eos":true,"stream":%s}' % stream
        async with raw_connection(mesh.gateway.url) as raw:
            await raw.write(post("/v1/completions", body))
            await eventually(computes, "an answer is computed")
        await mesh.agent.idle("echo-nano")
    assert [record.message for record in caplog.records if record.name.startswith(("asyncio", "uvicorn", "echorator.gateway"))] == []
