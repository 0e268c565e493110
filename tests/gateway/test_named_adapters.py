"""MODEL:NAME through the gateway, by gRPC and by every HTTP API, and by xDS: a real agent that has its adapters from the model's spec."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from echorator.agent.mesh.mesh_session import MeshSettings
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.serving import Gateway, gatewaying
from tests.support.agents import GREEDY, Agent, collected, refused, serving
from tests.support.http_client import http
from tests.support.mesh import Mesh, xds_client
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = {"phi": "phi", "phi:a": "with-a", "phi:b": "with-b"}  # the model whose weights have the adapter's change in them, by the name
QUESTION = "Tell me of the cat"
TOKENS = 12
CALL: dict[str, Any] = {"temperature": 0, "max_tokens": TOKENS, "seed": 1}


@dataclass
class Setting:
    gateway: Gateway
    agent: Agent

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await http(self.gateway.url, "POST", path, json.dumps(body).encode())
        assert answer.status == 200, answer
        return json.loads(answer.body)

    async def get(self, path: str) -> Any:
        answer = await http(self.gateway.url, "GET", path)
        assert answer.status == 200, answer
        return json.loads(answer.body)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def setting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    folder = tmp_path_factory.mktemp("named")
    base = write(folder / "phi.gguf", Shape(endless=True))
    loras = {name: write_lora(folder / f"{name}.gguf", base, seed=ord(name)) for name in "ab"}
    merged = {f"with-{name}": merge_lora(folder / f"with-{name}.gguf", base, lora) for name, lora in loras.items()}
    options = pb.EngineOptions(lora=[pb.Lora(source=str(lora), name=name) for name, lora in loras.items()], flash_attention="off")
    async with gatewaying(folder) as gateway, serving(merged, flash_attention="off") as agent:
        session = agent.server.join(MeshSettings(gateway.controller.address, "agent", agent.address))
        await gateway.controller.apply("phi", source=str(base), options=options)
        await gateway.controller.apply("asleep", replicas=0, source=str(base), options=options)
        await gateway.controller.ready("phi", 1)
        fleet = gateway.role.fleet
        await eventually(lambda: all(fleet.find(name).any_open for name in ("phi", *merged)) and "asleep" in fleet.models(), "all is known")
        yield Setting(gateway, agent)
        await session.close()


async def test_a_chat_by_grpc_has_the_adapter_that_it_names(setting: Setting) -> None:
    async def chat(model: str) -> str:
        limits = pb.Limits(max_tokens=TOKENS)
        request = pb.ChatRequest(model=model, messages=[pb.Message(role="user", content=QUESTION)], sampling=GREEDY, limits=limits)
        return (await collected(setting.gateway.stub.Chat(request)))[0]

    alone = [await chat(merged) for merged in NAMES.values()]
    assert len(set(alone)) == 3, "the adapters change nothing; the test shows nothing"
    for _ in range(2):  # the second time from the prefix cache
        assert await asyncio.gather(*map(chat, list(NAMES) * 2)) == alone * 2


def _openai(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": QUESTION}], **CALL}


def _text(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/completions", {"model": model, "prompt": QUESTION, **CALL}


def _several(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/completions", {"model": model, "prompt": QUESTION, "n": 3, **CALL}


def _responses(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": model, "input": QUESTION, "temperature": 0, "max_output_tokens": TOKENS}


def _anthropic(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/messages", {"model": model, "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": TOKENS}


def _llama_server(model: str) -> tuple[str, dict[str, Any]]:
    return "/completion", {"model": model, "prompt": QUESTION, "temperature": 0, "n_predict": TOKENS}


def _ollama(model: str) -> tuple[str, dict[str, Any]]:
    options = {"temperature": 0, "num_predict": TOKENS}
    return "/api/chat", {"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": False, "options": options}


def _embeddings(model: str) -> tuple[str, dict[str, Any]]:
    return "/v1/embeddings", {"model": model, "input": QUESTION}


@pytest.mark.parametrize("api", [_openai, _text, _several, _responses, _anthropic, _llama_server, _ollama, _embeddings])
async def test_every_http_api_takes_the_name(setting: Setting, api: Any) -> None:
    said: dict[str, list[Any]] = {}
    for name in (*NAMES, *NAMES.values()):
        answer = await setting.post(*api(name))
        assert answer["model"] == name
        said[name] = [_rounded(part) for part in _contents(answer)]
    for name, merged in NAMES.items():
        assert said[name] == said[merged]
    assert len({str(said[name]) for name in NAMES}) == 3
    path, body = api("phi:c")
    answer = await http(setting.gateway.url, "POST", path, json.dumps(body).encode())
    assert answer.status == 404
    assert "no adapter 'c' is loaded for the model 'phi'; its adapters: a, b" in answer.body.decode()


def _contents(answer: dict[str, Any]) -> list[Any]:
    """What an answer of any API says, without its ids, times and numbers."""
    if "data" in answer:
        return [one["embedding"] for one in answer["data"]]
    if "choices" in answer:
        return [one["text"] if "text" in one else one["message"]["content"] for one in answer["choices"]]
    if isinstance(answer.get("content"), list):
        return [one["text"] for one in answer["content"]]
    if "output" in answer:
        return [part["text"] for one in answer["output"] for part in one["content"]]
    return [answer["content"] if "content" in answer else answer["message"]["content"]]


def _rounded(part: Any) -> Any:
    return [round(value, 2) for value in part] if isinstance(part, list) else part


async def test_lists_show_what_can_be_asked_for(setting: Setting) -> None:
    everything = ["asleep", "asleep:a", "asleep:b", "phi", "phi:a", "phi:b", "with-a", "with-b"]
    assert [one["id"] for one in (await setting.get("/v1/models"))["data"]] == everything
    assert (await setting.get("/v1/models/phi:b"))["id"] == "phi:b"
    assert (await setting.get("/props?model=phi:a"))["model_alias"] == "phi:a"
    assert {one["name"] for one in (await setting.get("/api/tags"))["models"]} >= {"phi:latest", "phi:a", "phi:b"}
    assert (await setting.post("/api/show", {"model": "phi:a"}))["modelfile"].endswith("FROM phi:a\n")
    for path in ("/v1/models/phi:c", "/props?model=phi:c"):
        assert (await http(setting.gateway.url, "GET", path)).status == 404
    models = {model.name: model for model in (await setting.gateway.stub.ListModels(pb.ListModelsRequest())).models}
    assert sorted(models) == ["asleep", "phi", "with-a", "with-b"]
    assert models["phi"].aliases == ["phi:a", "phi:b"]
    assert models["asleep"].aliases == ["asleep:a", "asleep:b"]
    assert (await setting.gateway.stub.GetModel(pb.GetModelRequest(model="phi:a"))).name == "phi"


async def test_an_adapter_that_the_spec_does_not_have_wakes_nobody(setting: Setting) -> None:
    stub = setting.gateway.stub
    request = pb.GenerateRequest(model="asleep:c", prompt="x")
    await refused(stub.Generate(request, timeout=20), grpc.StatusCode.NOT_FOUND, "no adapter 'c'", "'asleep'; its adapters: a, b")
    assert (await setting.gateway.controller.model("asleep")).spec.replicas == 0


async def test_an_agents_own_model_says_itself_what_adapters_it_has(setting: Setting) -> None:
    request = pb.GenerateRequest(model="with-a:c", prompt="x")
    said = "no adapter 'c' is loaded for the model 'with-a'; it has none that a request may name"
    await refused(setting.gateway.stub.Generate(request, timeout=20), grpc.StatusCode.NOT_FOUND, said)


@pytest.mark.slow
async def test_a_client_by_xds_names_the_adapter_in_its_request(tmp_path: Path) -> None:
    base = write(tmp_path / "phi.gguf", Shape(endless=True))
    lora = write_lora(tmp_path / "a.gguf", base)
    asked = ("--calls", "2", "--max-tokens", "8")
    with Mesh(tmp_path) as mesh:
        mesh.agent("a", str(base), "--lora", f"style={lora}")
        mesh.agent("b", str(merge_lora(tmp_path / "merged.gguf", base, lora)))
        answers = []
        for target, *more in (("phi",), ("phi", "--model", "phi:style"), ("merged",), ("phi", "--model", "phi:none")):
            with xds_client(mesh, f"xds:///{target}", *asked, *more) as caller:
                told, _ = await asyncio.to_thread(caller.communicate, "")
                answers.append(json.loads(told))
    plain, styled, merged, unknown = answers
    assert plain["failures"] == styled["failures"] == []
    assert styled["answers"] == merged["answers"] != plain["answers"]
    assert "NOT_FOUND: no adapter 'none' is loaded for the model 'phi'; its adapters: style" in unknown["failures"]
