"""MODEL:NAME by gRPC: each request has the adapter that it names, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import pytest_asyncio

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, Agent, collected, refused, serving
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
MERGED = {"phi": "phi", "phi:a": "with-a", "phi:b": "with-b"}  # the model whose weights have the adapter's change in them, by the name
PROMPTS = ("Once upon a time", "Once upon a roof", "the cat and")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lora")
    base = write(folder / "phi.gguf", Shape(fills=True))
    for name in "ab":
        merge_lora(folder / f"with-{name}.gguf", base, write_lora(folder / f"{name}.gguf", base, seed=ord(name)))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agent(folder: Path) -> AsyncIterator[Agent]:
    """An agent with `phi`, its adapters `a` and `b`, and the merged models beside it."""
    async with serving({name: folder / f"{name}.gguf" for name in ("with-a", "with-b")}, flash_attention="off") as agent:
        await load(agent, folder, "phi")
        yield agent


async def load(agent: Agent, folder: Path, name: str) -> pb.Model:
    lora = [pb.Lora(source=str(folder / f"{name}.gguf"), name=name) for name in "ab"]
    options = pb.EngineOptions(lora=lora, slots=8, flash_attention="off")
    request = pb.LoadModelRequest(name=name, path=str(folder / "phi.gguf"), options=options)
    return [reply async for reply in agent.stub.LoadModel(request)][-1].model


LIMITS = pb.Limits(max_tokens=16, ignore_eos=True)


async def generated(agent: Agent, model: str, prompt: str, suffix: str | None = None) -> str:
    request = pb.GenerateRequest(model=model, prompt=prompt, sampling=GREEDY, limits=LIMITS, suffix=suffix)
    return (await collected(agent.stub.Generate(request)))[0]


async def chatted(agent: Agent, model: str, prompt: str) -> str:
    messages = [pb.Message(role="user", content=prompt)]
    return (await collected(agent.stub.Chat(pb.ChatRequest(model=model, messages=messages, sampling=GREEDY, limits=LIMITS))))[0]


async def test_requests_of_several_adapters_at_once_answer_as_each_alone(agent: Agent) -> None:
    names = [(name, prompt) for prompt in PROMPTS for name in MERGED]
    for ask in (generated, chatted):
        alone = {(name, prompt): await ask(agent, MERGED[name], prompt) for name, prompt in names}
        assert len({alone[name, PROMPTS[0]] for name in MERGED}) == 3, "the adapters change nothing; the test shows nothing"
        for _ in range(2):  # the second time from the prefix cache
            assert await asyncio.gather(*(ask(agent, name, prompt) for name, prompt in names)) == [alone[one] for one in names]


async def test_a_gap_is_filled_with_the_adapter(agent: Agent) -> None:
    for name, merged in MERGED.items():
        assert await generated(agent, name, "def f(", suffix="return 1") == await generated(agent, merged, "def f(", suffix="return 1")


async def test_embeddings_of_several_adapters_at_once(agent: Agent) -> None:
    async def vectors(model: str) -> list[list[float]]:
        reply = await agent.stub.Embed(pb.EmbedRequest(model=model, inputs=PROMPTS * 8))
        return [list(one.values) for one in reply.embeddings]

    alone = {name: await vectors(merged) for name, merged in MERGED.items()}
    assert not np.allclose(alone["phi"], alone["phi:a"], atol=1e-3)
    names = list(MERGED) * 3
    for name, got in zip(names, await asyncio.gather(*map(vectors, names)), strict=True):
        assert np.allclose(got, alone[name], atol=1e-3), name


async def test_what_can_be_asked_for_is_shown(agent: Agent) -> None:
    models = {model.name: model for model in (await agent.stub.ListModels(pb.ListModelsRequest())).models}
    assert sorted(models) == ["phi", "with-a", "with-b"]
    assert models["phi"].aliases == ["phi:a", "phi:b"]
    assert [lora.name for lora in models["phi"].lora] == ["a", "b"]
    assert models["with-a"].aliases == []
    assert (await agent.stub.GetModel(pb.GetModelRequest(model="phi:b"))).name == "phi"
    tokens = await agent.stub.Tokenize(pb.TokenizeRequest(model="phi:a", text="the cat"))
    assert (await agent.stub.Detokenize(pb.DetokenizeRequest(model="phi:b", tokens=tokens.tokens))).text.strip() == "the cat"


async def test_what_is_not_there_is_refused_with_what_is(agent: Agent) -> None:
    stub = agent.stub
    said = "no adapter 'c' is loaded for the model 'phi'; its adapters: a, b"
    await refused(stub.Generate(pb.GenerateRequest(model="phi:c", prompt="x")), NOT_FOUND, said)
    await refused(stub.Chat(pb.ChatRequest(model="phi:c", messages=[pb.Message(role="user", content="x")])), NOT_FOUND, said)
    await refused(stub.Embed(pb.EmbedRequest(model="phi:c", inputs=["x"])), NOT_FOUND, said)
    await refused(stub.GetModel(pb.GetModelRequest(model="phi:c")), NOT_FOUND, said)
    await refused(stub.Tokenize(pb.TokenizeRequest(model="with-a:c", text="x")), NOT_FOUND, "it has none that a request may name")
    for name in ("psi:a", ":a", "phi:", "phi:a:b"):
        await refused(stub.Tokenize(pb.TokenizeRequest(model=name, text="x")), NOT_FOUND, f"no model '{name}' is loaded")
    await refused(stub.UnloadModel(pb.UnloadModelRequest(model="phi:a")), NOT_FOUND, "no model 'phi:a' is loaded")


async def test_a_model_of_that_whole_name_wins(agent: Agent, folder: Path) -> None:
    loaded = await load(agent, folder, "phi:a")
    try:
        assert loaded.aliases == ["phi:a:a", "phi:a:b"]
        assert await generated(agent, "phi:a", PROMPTS[0]) == await generated(agent, "phi", PROMPTS[0])
        assert await generated(agent, "phi:a:b", PROMPTS[0]) == await generated(agent, "phi:b", PROMPTS[0])
    finally:
        await agent.stub.UnloadModel(pb.UnloadModelRequest(model="phi:a"))
    assert await generated(agent, "phi:a", PROMPTS[0]) == await generated(agent, "with-a", PROMPTS[0])


async def test_names_that_cannot_be_are_said(agent: Agent, folder: Path) -> None:
    async def says(text: str, *names: str) -> None:
        options = pb.EngineOptions(lora=[pb.Lora(source=str(folder / "a.gguf"), name=name) for name in names])
        await refused(agent.stub.LoadModel(pb.LoadModelRequest(name="m", path=str(folder / "phi.gguf"), options=options)), INVALID, text)

    await says("lora: a name must be 1..64 letters", "a:b")
    await says("must not be 'latest'", "latest")
    await says("two adapters have the name 'a'", "a", "a")
