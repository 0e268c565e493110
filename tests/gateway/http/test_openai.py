"""The OpenAI-compatible side, with the official client before a real agent, and with bodies that no client would send."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import ANSWER, FACTS, HELLO, Setting, setting_of
from tests.gateway.serving import HTTP_LIMIT_BYTES, gatewaying
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")

PART = "messages[0].content[0].type"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("openai"), {"echo": embedded_model(), "embed": encoder}, 8192) as setting:
        yield setting


async def test_models(mesh: Setting) -> None:
    models = (await mesh.client.models.list()).data
    assert [(m.id, m.object, m.owned_by) for m in models] == [("echo", "model", "echorator"), ("embed", "model", "echorator")]
    assert (await mesh.client.models.retrieve("echo")).id == "echo"
    with pytest.raises(openai.NotFoundError, match="no model 'none' is served here; served: echo, embed"):
        await mesh.client.models.retrieve("none")


async def test_a_chat(mesh: Setting) -> None:
    answer = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0)
    assert answer.object == "chat.completion"
    assert (answer.model, answer.choices[0].message.role, answer.choices[0].message.content) == ("echo", "assistant", ANSWER)
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert usage is not None
    assert usage.completion_tokens == 10
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    again = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0)
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens - 1


async def test_a_streamed_chat_with_its_usage(mesh: Setting) -> None:
    options: Any = {"include_usage": True}
    stream = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0, stream=True, stream_options=options)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert {c.id for c in chunks} == {chunks[0].id}
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 10
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_stop_and_length(mesh: Setting) -> None:
    stopped = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0, stop=[" is"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("Your dog's name", "stop")
    cut = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0, max_completion_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert ANSWER.startswith(cut.choices[0].message.content or "?")


async def test_a_seed_repeats_its_answer(mesh: Setting) -> None:
    async def one(seed: int) -> str:
        return (await mesh.client.completions.create(model="echo", prompt="The", temperature=2, seed=seed, max_tokens=20)).choices[0].text

    first, again, other = await one(1), await one(1), await one(2)
    assert first == again
    assert first != other


async def test_logprobs(mesh: Setting) -> None:
    answer = await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0, logprobs=True, top_logprobs=3)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(position.token for position in logprobs.content) == ANSWER
    for position in logprobs.content:
        assert len(position.top_logprobs) == 3
        assert position.logprob == max(top.logprob for top in position.top_logprobs) <= 0.0
        assert bytes(position.bytes or []).decode() == position.token


async def test_a_json_schema(mesh: Setting) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}}, "required": ["n", "ok"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    answer = await mesh.client.chat.completions.create(model="echo", messages=HELLO, response_format=form, seed=3, max_tokens=200)
    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), schema)


async def test_a_forced_call_of_a_model_whose_template_shows_no_tools(mesh: Setting) -> None:
    """`test_conversations` has a template that shows them."""
    tools: Any = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
    asked: Any = {"model": "echo", "messages": FACTS, "temperature": 0, "tools": tools}
    said = await mesh.client.chat.completions.create(tool_choice="none", **asked)
    assert said.choices[0].message.content == ANSWER
    called = await mesh.client.chat.completions.create(tool_choice="required", max_tokens=200, **asked)
    assert called.choices[0].finish_reason == "tool_calls"
    for call in called.choices[0].message.tool_calls or []:
        assert call.type == "function"
        assert call.function.name == "now"
        assert isinstance(json.loads(call.function.arguments), dict)


async def test_roles(mesh: Setting) -> None:
    asked: Any = {"model": "echo", "max_tokens": 1}
    for role in ("developer", "system", "user"):
        said: Any = {"role": role, "content": "x"}
        await mesh.client.chat.completions.create(messages=[said, *FACTS], **asked)
    said = {"role": "foo", "content": "x"}
    with pytest.raises(openai.BadRequestError, match="knows no role 'foo'"):
        await mesh.client.chat.completions.create(messages=[said, *FACTS], **asked)


async def test_text_completions(mesh: Setting) -> None:
    prompts = ("Once upon", "The fox")
    asked: Any = {"model": "echo", "max_tokens": 4, "temperature": 0, "extra_body": {"ignore_eos": True}}
    answer = await mesh.client.completions.create(prompt=list(prompts), logprobs=1, echo=True, **asked)
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice, prompt in zip(answer.choices, prompts, strict=True):
        assert choice.text.startswith(prompt)
        assert choice.logprobs is not None
        assert choice.logprobs.tokens is not None
        assert choice.logprobs.text_offset is not None
        assert choice.logprobs.text_offset[0] == 0
        assert "".join(choice.logprobs.tokens).endswith(choice.text)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    stream = await mesh.client.completions.create(prompt="Once upon", stream=True, **asked)
    streamed = "".join([chunk.choices[0].text async for chunk in stream])
    assert f"Once upon{streamed}" == answer.choices[0].text


async def test_embeddings(mesh: Setting) -> None:
    answer = await mesh.client.embeddings.create(model="embed", input=["a fox", "a dog"])
    assert [len(e.embedding) for e in answer.data] == [64, 64]
    plain = await mesh.post("/v1/embeddings", b'{"model":"embed","input":"a fox"}')
    vector = json.loads(plain.body)["data"][0]["embedding"]
    assert vector == pytest.approx(answer.data[0].embedding)
    packed = await mesh.post("/v1/embeddings", b'{"model":"embed","input":"a fox","encoding_format":"base64"}')
    raw = base64.b64decode(json.loads(packed.body)["data"][0]["embedding"])
    assert list(struct.unpack("<64f", raw)) == pytest.approx(vector)
    assert json.loads(packed.body)["pooling"] == json.loads(plain.body)["pooling"]
    short = (await mesh.client.embeddings.create(model="embed", input="a fox", dimensions=16)).data[0].embedding
    scale = sum(x * x for x in vector[:16]) ** -0.5
    assert short == pytest.approx([x * scale for x in vector[:16]], abs=1e-5)
    with pytest.raises(openai.BadRequestError, match=r"dimensions must be 1\.\.64, the length of this model's vectors, not 65"):
        await mesh.client.embeddings.create(model="embed", input="a", dimensions=65)


async def test_embeddings_of_token_ids_as_langchain_sends_them(mesh: Setting) -> None:
    ids: list[list[int]] = [[5, 6, 7], [8]]
    both = (await mesh.client.embeddings.create(model="embed", input=ids)).data
    assert [len(e.embedding) for e in both] == [64, 64]
    one = (await mesh.client.embeddings.create(model="embed", input=ids[0])).data
    assert len(one) == 1
    assert one[0].embedding == pytest.approx(both[0].embedding, abs=1e-4)
    with pytest.raises(openai.BadRequestError, match=r"items\[0\]: token ids must be 0\.\.76, not 77"):
        await mesh.client.embeddings.create(model="embed", input=[[77]])


async def test_embeddings_of_a_model_that_generates(mesh: Setting) -> None:
    answer = await mesh.client.embeddings.create(model="echo", input=["a fox", ""])
    assert (answer.model_extra or {})["pooling"] == "mean"
    assert [len(e.embedding) for e in answer.data] == [128, 0]
    assert (answer.data[1].model_extra or {})["error"]["message"] == "the input is empty; there is nothing to embed"
    last = await mesh.client.embeddings.create(model="echo", input="a fox", extra_body={"pooling": "last"})
    assert (last.model_extra or {})["pooling"] == "last"
    with pytest.raises(openai.BadRequestError, match="is empty; there is nothing to embed"):
        await mesh.client.embeddings.create(model="echo", input="")
    with pytest.raises(openai.BadRequestError, match="none, a vector for each token, is not served here"):
        await mesh.client.embeddings.create(model="echo", input="a", extra_body={"pooling": "none"})


@pytest.mark.parametrize(
    ("path", "body", "status", "said", "param"),
    [
        ("/v1/chat/completions", b"not JSON", 400, "the body is not JSON", None),
        ("/v1/chat/completions", b'{"model":"echo"', 400, "the body is not JSON", None),
        ("/v1/chat/completions", b"[]", 400, "object", None),
        ("/v1/chat/completions", b'{"model":"echo","messages":[],"tempratur":1}', 400, "tempratur", "tempratur"),
        ("/v1/chat/completions", b'{"model":"echo","messages":"hello"}', 400, "messages", "messages"),
        ("/v1/chat/completions", b'{"model":"echo","messages":[]}', 400, "message", None),
        ("/v1/chat/completions", b'{"model":"none","messages":[]}', 404, "no model 'none' is served here", "model"),
        (
            "/v1/chat/completions",
            b'{"model":"echo","messages":[{"role":"user","content":"a"}],"temperature":109}',
            400,
            "temperature",
            None,
        ),
        ("/v1/chat/completions", b'{"model":"echo","messages":[{"role":"user","content":"a"}],"n":0}', 400, "n: Input should be", "n"),
        ("/v1/chat/completions", b'{"model":"echo","messages":[{"role":"user","content":"a"}],"n":200}', 400, "n: Input should be", "n"),
        (
            "/v1/chat/completions",
            b'{"model":"echo","messages":[{"role":"user","content":[{"type":"image_url"}]}]}',
            400,
            "messages[0].content[0].type",
            "messages[0].content[0].type",
        ),
        ("/v1/chat/completions", b'{"model":"echo","messages":[{"role":"user","content":"\\ud800"}]}', 400, "JSON", None),
        (
            "/v1/chat/completions",
            b'{"model":"echo","messages":[{"role":"user","content":"a"}],"seed":99999999999999999999}',
            400,
            "seed",
            "seed",
        ),
        (
            "/v1/completions",
            b'{"model":"echo","prompt":"a","seed":' + b"9" * 5000 + b"}",
            400,
            "seed is a whole number of 5000 digits",
            "seed",
        ),
        (
            "/v1/completions",
            b'{"model":"echo","prompt":[' + b"9" * 5000 + b"]}",
            400,
            "prompt[0] is a whole number of 5000 digits",
            "prompt",
        ),
        ("/v1/completions", b'{"model":"echo","prompt":[]}', 400, "prompt is empty", "prompt"),
        ("/v1/completions", b'{"model":"echo","prompt":[1,-5]}', 400, "token ids", None),
        ("/v1/embeddings", b'{"model":"echo","input":[]}', 400, "", None),
        ("/v1/chat/completions", b'{"model":"' + b"x" * (HTTP_LIMIT_BYTES + 1) + b'"}', 413, "larger than 1048576 bytes", None),
        ("/v1/other", b"{}", 404, "no such path here", None),
        ("/v1/models", b"{}", 405, "another method", None),
    ],
)
async def test_bad_requests(mesh: Setting, path: str, body: bytes, status: int, said: str, param: str | None) -> None:
    answer = await mesh.post(path, body)
    assert answer.status == status, answer.body
    error = json.loads(answer.body)["error"]
    assert said in error["message"]
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param
    if said not in ("no such path here", "another method"):
        assert error["trace_id"] == answer.headers["x-request-id"]
    assert (await mesh.client.chat.completions.create(model="echo", messages=FACTS, temperature=0)).choices[0].message.content == ANSWER


async def test_a_client_that_goes_away_frees_its_slot(tmp_path: Path, slow_model: Path) -> None:
    async with setting_of(tmp_path, {"slow": slow_model}, 16384 * 8) as mesh:
        for stream in (True, False):
            asked: Any = mesh.client.completions.create(
                model="slow", prompt="Once", max_tokens=16000, stream=stream, extra_body={"ignore_eos": True}
            )
            task = asyncio.ensure_future(asked)
            await mesh.agent.busy(1, "slow")
            if stream:
                await (await task).close()
            else:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await mesh.agent.idle("slow")


async def test_health_and_metrics(mesh: Setting) -> None:
    health = await http(mesh.gateway.url, "GET", "/health")
    assert (health.status, json.loads(health.body)) == (200, {"status": "ok", "models": ["echo", "embed"]})
    metrics = (await http(mesh.gateway.url, "GET", "/metrics")).body.decode()
    for name in (
        'echorator_gateway_requests_total{code="OK",method="Chat",model="echo",service="echorator.v1.ModelService"}',
        'echorator_gateway_requests_total{code="OK",method="Embed",model="embed",service="echorator.v1.ModelService"}',
        'echorator_gateway_time_to_first_token_seconds_bucket{le="0.1",model="echo"}',
        "echorator_gateway_buffer_requests 0.0",
        "echorator_gateway_controller_connected 1.0",
        "echorator_gateway_agents 1.0",
    ):
        assert name in metrics, name
    assert "Pixel" not in metrics


async def test_requests_that_wait_and_that_are_shed(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, buffer_requests=1, wait_s=20.0) as gateway:
        back_end = await gateway.back_end("a")
        back_end.go.clear()
        client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)
        calls = [asyncio.ensure_future(client.chat.completions.create(model="m", messages=HELLO)) for _ in range(2)]
        await gateway.waiting(1)
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="m", messages=HELLO)
        assert caught.value.response.headers["retry-after"] == "1"
        back_end.go.set()
        assert [(await call).choices[0].message.content for call in calls] == ["firstlast"] * 2
        back_end.breaks = True
        with pytest.raises(openai.InternalServerError) as broken:
            await client.chat.completions.create(model="m", messages=HELLO)
        assert broken.value.status_code == 503
        body: Any = broken.value.body
        assert body["produced"] == "first"
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError, match="was lost after 1 messages"):
            assert [chunk async for chunk in stream]
        await client.close()
