"""A hostile model file or text costs its own requests, told in words; the agent, its other models and their callers go on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from bench.hostile.templates import jinja_templates, schemas, texts
from echorator.agent.loading.embedded import embedded_model
from echorator.host.connection import connected
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, GREETING, Agent, collected, exit_code, refused, serving, subprocess_serving, user
from tests.support.models.random_gguf import Shape, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT
LOOPS = "{{ [] | slice((messages | length) * 1000000000000) | list | length }}"
TIMEOUT_S = 0.3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models by name: one that is good, one whose template loops, two whose pre-tokenizers go deep and take quadratic time."""
    folder = tmp_path_factory.mktemp("hostile")
    shapes = {
        "evil": Shape(template=LOOPS),
        "deep": Shape(vocab_from=embedded_model(), pre="tekken"),
        "quadratic": Shape(vocab_from=embedded_model(), pre="superbpe"),
    }
    return {"good": embedded_model(), **{name: write(folder / f"{name}.gguf", shape) for name, shape in shapes.items()}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(files: dict[str, Path]) -> AsyncIterator[Agent]:
    async with serving(files, child_timeout_s=TIMEOUT_S) as running:
        yield running


async def goes_on(agent: Agent) -> None:
    text, _ = await collected(agent.stub.Chat(pb.ChatRequest(model="good", messages=GREETING, sampling=GREEDY)))
    assert text


def tokenized(agent: Agent, model: str, text: str) -> aio.UnaryUnaryCall[pb.TokenizeRequest, pb.TokenizeResponse]:
    call: aio.UnaryUnaryCall[pb.TokenizeRequest, pb.TokenizeResponse] = agent.stub.Tokenize(
        pb.TokenizeRequest(model=model, text=text, parse_special=True)
    )
    return call


async def test_a_template_that_loops_fails_its_chats_while_others_are_answered(hostile: Agent) -> None:
    chats = [
        asyncio.create_task(refused(hostile.stub.Chat(pb.ChatRequest(model="evil", messages=GREETING)), INVALID, "did not finish within"))
        for _ in range(3)
    ]
    await asyncio.gather(*(goes_on(hostile) for _ in range(10)))
    assert not all(chat.done() for chat in chats)
    await asyncio.gather(*chats)
    limits = pb.Limits(max_tokens=2, ignore_eos=True)
    _, finish = await collected(hostile.stub.Generate(pb.GenerateRequest(model="evil", prompt="a", limits=limits)))
    assert finish.usage.completion_tokens == 2


@pytest.mark.slow
async def test_models_with_hostile_templates_are_loaded_and_unloaded(hostile: Agent, tmp_path: Path) -> None:
    for i, source in enumerate(jinja_templates(3, seed=5)):
        path = write(tmp_path / f"evil-{i}.gguf", Shape(template=source))
        async for _ in hostile.stub.LoadModel(pb.LoadModelRequest(name=f"evil-{i}", path=str(path))):
            pass
        await refused(hostile.stub.Chat(pb.ChatRequest(model=f"evil-{i}", messages=user("x" * 1000))), INVALID, "template of the model")
        await hostile.stub.UnloadModel(pb.UnloadModelRequest(model=f"evil-{i}"))
    await goes_on(hostile)


async def test_a_run_that_overflowed_the_stack_is_tokenized_and_one_that_cannot_fit_is_refused(hostile: Agent) -> None:
    assert len((await tokenized(hostile, "deep", "a" * 26_400)).tokens) == 26_400
    for request in (
        pb.GenerateRequest(model="deep", prompt="a" * 400_000),
        pb.ChatRequest(model="deep", messages=user("a" * 400_000)),
    ):
        call = hostile.stub.Generate(request) if isinstance(request, pb.GenerateRequest) else hostile.stub.Chat(request)
        await refused(call, INVALID, "the prompt has 400", "at least 30", "at most 2048 fit", "shorten it")
    inputs = pb.EmbedRequest(model="deep", inputs=["x", "a" * 400_000], pooling=pb.POOLING_MEAN)
    await refused(hostile.stub.Embed(inputs), INVALID, "inputs[1] has 400000 bytes", "at most 2048 fit")
    await goes_on(hostile)


async def test_a_text_that_takes_quadratic_time_fails_alone(hostile: Agent) -> None:
    slow = asyncio.create_task(
        refused(tokenized(hostile, "quadratic", "1" * 100_000), INVALID, "the tokenizer of the model did not finish")
    )
    assert [len((await tokenized(hostile, "quadratic", "12 and 3")).tokens) > 2 for _ in range(5)] == [True] * 5
    await slow
    await goes_on(hostile)


async def test_long_lists_of_tokens_are_made_text(hostile: Agent) -> None:
    tokens = (await tokenized(hostile, "deep", "word " * 5000)).tokens
    assert (await hostile.stub.Detokenize(pb.DetokenizeRequest(model="deep", tokens=tokens))).text == "word " * 5000


async def test_hostile_texts_and_schemas_are_answered_or_refused_in_words(hostile: Agent) -> None:
    async def told(call: Any) -> str:
        results = await asyncio.gather(collected(call) if hasattr(call, "read") else call, return_exceptions=True)
        if not isinstance(results[0], aio.AioRpcError):
            return "answered"
        assert results[0].code() is INVALID, results[0]
        return results[0].details() or ""

    limits = pb.Limits(max_tokens=2)
    for text in texts(12, most_characters=50_000, seed=2):
        assert await told(tokenized(hostile, "deep", text))
    for schema in schemas(16, seed=2):
        sampling = pb.Sampling(json_schema=schema, temperature=0.0)
        assert await told(hostile.stub.Generate(pb.GenerateRequest(model="good", prompt="a", sampling=sampling, limits=limits)))
    await goes_on(hostile)


async def test_sigterm_is_heard_while_children_compute(files: dict[str, Path]) -> None:
    options = ("--child-timeout-s", "60", "--grace", "0.3")
    async with subprocess_serving(str(files["evil"]), *options) as (process, address), connected(address) as stub:
        calls = [stub.Chat(pb.ChatRequest(messages=GREETING)) for _ in range(8)]
        reading = [asyncio.ensure_future(call.read()) for call in calls]
        await stub.Tokenize(pb.TokenizeRequest(text="the server answers while it renders"))
        process.send_signal(signal.SIGTERM)
        assert await exit_code(process, 20) == 0
        results = await asyncio.gather(*reading, return_exceptions=True)
        assert all(isinstance(result, aio.AioRpcError) for result in results)
