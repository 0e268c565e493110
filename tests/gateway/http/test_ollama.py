"""Ollama's API, with Ollama's own client before a real agent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import ollama
import pytest
import pytest_asyncio
from ollama import AsyncClient

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import ANSWER, FACTS, HELLO, Setting, setting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREEDY = {"temperature": 0}


class OllamaSetting:
    def __init__(self, mesh: Setting) -> None:
        self.mesh = mesh
        self.client = AsyncClient(host=mesh.gateway.url)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> AsyncIterator[OllamaSetting]:
    async with setting_of(tmp_path_factory.mktemp("ollama"), {"echo": embedded_model(), "embed": encoder}, 8192) as mesh:
        setting = OllamaSetting(mesh)
        yield setting
        await setting.client._client.aclose()


async def test_a_chat(served: OllamaSetting) -> None:
    answer = await served.client.chat("echo", FACTS, options=GREEDY)
    assert (answer.message.role, answer.message.content) == ("assistant", ANSWER)
    assert (answer.model, answer.done, answer.done_reason, answer.eval_count) == ("echo", True, "stop", 10)
    assert answer.prompt_eval_count
    assert answer.total_duration
    assert answer.prompt_eval_duration is not None
    assert answer.eval_duration is not None
    assert answer.total_duration >= answer.eval_duration + answer.prompt_eval_duration > 0


async def test_a_streamed_chat(served: OllamaSetting) -> None:
    parts = [part async for part in await served.client.chat("echo:latest", FACTS, options=GREEDY, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {part.model for part in parts} == {"echo:latest"}
    assert (parts[-1].done_reason, parts[-1].eval_count) == ("stop", 10)


async def test_a_prompt(served: OllamaSetting) -> None:
    said, system = FACTS[1]["content"], FACTS[0]["content"]
    answer = await served.client.generate("echo", said, system=system, options=GREEDY)
    assert (answer.response, answer.done_reason) == (ANSWER, "stop")
    raw = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n"
    parts = [part async for part in await served.client.generate("echo", raw, raw=True, options=GREEDY, stream=True)]
    assert "".join(part.response or "" for part in parts) == ANSWER


async def test_options(served: OllamaSetting) -> None:
    cut = await served.client.chat("echo", FACTS, options={**GREEDY, "num_predict": 2})
    assert (cut.done_reason, cut.eval_count) == ("length", 2)
    stopped = await served.client.chat("echo", FACTS, options={**GREEDY, "stop": [" is"]})
    assert stopped.message.content == "Your dog's name"

    async def one(seed: int) -> str | None:
        return (await served.client.generate("echo", "The", raw=True, options={"temperature": 2, "seed": seed, "num_predict": 20})).response

    assert await one(1) == await one(1) != await one(2)
    body = {"model": "echo", "prompt": "x", "keep_alive": "5m", "nonsense": 1, "options": {"num_ctx": 4096, "num_predict": 1, "frob": 2}}
    answer = await served.mesh.post("/api/generate", json.dumps(body).encode())
    assert answer.headers["x-echorator-ignored"] == "keep_alive, nonsense, options.frob, options.num_ctx"


@pytest.mark.parametrize("form", ["json", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}])
async def test_a_format(served: OllamaSetting, form: Any) -> None:
    answer = await served.client.chat("echo", HELLO, format=form, options={"seed": 3, "num_predict": 200})
    said = answer.message.content or ""
    assert said.startswith("{")
    if form != "json":  # where anything may come, the answer may have no end within its tokens
        jsonschema.validate(json.loads(said), form)


async def test_logprobs(served: OllamaSetting) -> None:
    answer = await served.client.chat("echo", FACTS, options=GREEDY, logprobs=True, top_logprobs=3)
    assert answer.logprobs is not None
    assert "".join(one.token for one in answer.logprobs) == ANSWER
    assert all(len(one.top_logprobs or ()) == 3 for one in answer.logprobs)


async def test_embeddings(served: OllamaSetting) -> None:
    answer = await served.client.embed("embed", ["a fox", "a dog"])
    assert [len(vector) for vector in answer.embeddings] == [64, 64]
    assert answer.prompt_eval_count
    one = (await served.client.embed("embed:latest", "a fox", dimensions=16)).embeddings[0]
    scale = sum(x * x for x in answer.embeddings[0][:16]) ** -0.5
    assert one == pytest.approx([x * scale for x in answer.embeddings[0][:16]], abs=1e-5)
    assert (await served.client.embed("embed", "")).embeddings == []
    old = (await served.client.embeddings("embed", "a fox")).embedding
    length = sum(x * x for x in old) ** 0.5
    assert [x / length for x in old] == pytest.approx(list(answer.embeddings[0]), abs=1e-4)
    assert len((await served.client.embed("embed", ["a", ""])).embeddings) == 2


async def test_models(served: OllamaSetting) -> None:
    listed = (await served.client.list()).models
    assert [(model.model, model.details.format if model.details else "") for model in listed] == [
        ("echo:latest", "gguf"),
        ("embed:latest", "gguf"),
    ]
    assert all(len(model.digest or "") == 64 and model.size for model in listed)
    running = (await served.client.ps()).models
    assert [(model.name, bool(model.context_length)) for model in running] == [("echo:latest", True), ("embed:latest", False)]
    shown = await served.client.show("echo")
    assert shown.capabilities == ["completion"]
    assert "<|im_start|>" in (shown.template or "")
    assert shown.modelinfo
    assert shown.modelinfo[f"{shown.modelinfo['general.architecture']}.embedding_length"] == 128
    assert (await served.client.show("embed")).capabilities == ["embedding"]
    version = json.loads((await served.mesh.get("/api/version")).body)["version"]
    assert [part.isdigit() for part in version.split(".")] == [True] * 3
    assert (await served.mesh.get("/")).status == 200


async def test_loading_and_unloading_are_accepted(served: OllamaSetting) -> None:
    assert (await served.client.generate("echo")).done_reason == "load"
    assert (await served.client.chat("echo", keep_alive=0)).done_reason == "unload"
    assert [part.done_reason async for part in await served.client.generate("echo", stream=True)] == ["load"]
    assert (await served.client.pull("echo")).status == "success"


@pytest.mark.parametrize(
    ("status", "said", "path", "body"),
    [
        (400, "the body is not JSON", "/api/chat", b"{"),
        (400, "model is required", "/api/chat", b'{"messages":[{"role":"user","content":"x"}]}'),
        (404, "no model 'none' is served here", "/api/chat", b'{"model":"none","messages":[{"role":"user","content":"x"}]}'),
        (404, "no model 'none:latest'", "/api/generate", b'{"model":"none:latest","prompt":"x"}'),
        (404, "no model 'none'", "/api/show", b'{"model":"none"}'),
        (404, "no model 'none'", "/api/pull", b'{"model":"none"}'),
        (400, "messages: Input should be a valid list", "/api/chat", b'{"model":"echo","messages":"x"}'),
        (400, "messages[0].role: Field required", "/api/chat", b'{"model":"echo","messages":[{"content":"x"}]}'),
        (400, "images are not read here", "/api/chat", b'{"model":"echo","messages":[{"role":"user","content":"x","images":["aGk="]}]}'),
        (400, "images are not read here", "/api/generate", b'{"model":"echo","prompt":"x","images":["aGk="]}'),
        (400, "suffix: echo cannot fill gaps", "/api/generate", b'{"model":"echo","prompt":"x","suffix":"y"}'),
        (400, "system and think have no place", "/api/generate", b'{"model":"echo","prompt":"x","suffix":"y","system":"z"}'),
        (400, "template of a request", "/api/generate", b'{"model":"echo","prompt":"x","template":"y"}'),
        (400, "context is not kept here", "/api/generate", b'{"model":"echo","prompt":"x","context":[1,2]}'),
        (400, "options.top_k", "/api/generate", b'{"model":"echo","prompt":"x","options":{"top_k":"many"}}'),
        (400, "temperature must be 0..100", "/api/generate", b'{"model":"echo","prompt":"x","options":{"temperature":109}}'),
        (400, "options.num_predict must be", "/api/generate", b'{"model":"echo","prompt":"x","options":{"num_predict":99999999999}}'),
        (400, 'format must be "json" or a JSON schema', "/api/generate", b'{"model":"echo","prompt":"x","format":"xml"}'),
        (
            400,
            "tools[0].function.name",
            "/api/chat",
            b'{"model":"echo","messages":[{"role":"user","content":"x"}],"tools":[{"function":{}}]}',
        ),
        (400, "tools[0].type", "/api/chat", b'{"model":"echo","messages":[{"role":"user","content":"x"}],"tools":[{"type":"web"}]}'),
        (400, "embed is an encoder", "/api/generate", b'{"model":"embed","prompt":"x","raw":true}'),
        (400, "input: Input should be a valid", "/api/embed", b'{"model":"embed","input":5}'),
        (501, "`echorator mesh apply`", "/api/create", b'{"model":"x"}'),
        (404, "no such path here; served", "/api/nothing", b"{}"),
        (405, "this path takes another method than POST: GET", "/api/tags", b"{}"),
    ],
)
async def test_what_is_refused(served: OllamaSetting, status: int, said: str, path: str, body: bytes) -> None:
    answer = await served.mesh.post(path, body)
    error = json.loads(answer.body)
    assert (answer.status, list(error)) == (status, ["error"])
    assert said in error["error"]
    assert (await served.client.generate("echo", "Hello!", options={"num_predict": 1})).eval_count == 1


async def test_an_error_of_the_client(served: OllamaSetting) -> None:
    with pytest.raises(ollama.ResponseError, match="no model 'none' is served here; served: echo, embed") as error:
        await served.client.chat("none", HELLO)
    assert error.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="no model 'none'"):
        [part async for part in await served.client.chat("none", HELLO, stream=True)]


async def test_a_body_as_curl_sends_it(served: OllamaSetting) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await served.mesh.post("/api/generate", b'{"model":"echo","prompt":"x","stream":false,"options":{"num_predict":1}}', form)
    assert answer.status == 200
    assert json.loads(answer.body)["done"] is True
