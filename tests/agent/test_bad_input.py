"""Every bad request gets the right code and a message that says what to do, and the server goes on serving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, GREETING, Agent, collected, refused, serving, trailers, user
from tests.support.models import random_gguf

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NINES, LONG = "9" * 5000, "a whole number of 5000 digits; no number may have more than 4300"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def still_serving(agent: Agent) -> AsyncIterator[None]:
    yield
    text, _ = await collected(agent.stub.Chat(pb.ChatRequest(messages=GREETING, sampling=GREEDY)))
    assert text
    await agent.idle()


async def test_a_prompt_longer_than_the_context_names_both_numbers(agent: Agent) -> None:
    model = await agent.stub.GetModel(pb.GetModelRequest())
    text = "word " * (model.context_tokens + 10)
    tokens = (await agent.stub.Tokenize(pb.TokenizeRequest(text=text, add_special=True, parse_special=True))).tokens
    error = await refused(
        agent.stub.Generate(pb.GenerateRequest(prompt=text)), INVALID, str(len(tokens)), str(model.context_tokens), "shorten"
    )
    status = status_pb2.Status.FromString(trailers(error)["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, status.code) == ("CONTEXT_OVERFLOW", "echorator", INVALID.value[0])


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.GenerateRequest(), "the prompt is empty"),
        (pb.GenerateRequest(tokens=pb.TokenIds()), "the prompt is empty"),
        (pb.GenerateRequest(tokens=pb.TokenIds(ids=[1, 100_000])), "token ids must be 0..767, not 100000"),
        (pb.GenerateRequest(tokens=pb.TokenIds(ids=[-1])), "token ids must be"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(temperature=101)), "temperature must be 0..100, not 101"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(logit_bias={768: 1})), "logit_bias: token ids must be 0..767"),
        (pb.GenerateRequest(prompt="x", limits=pb.Limits(max_tokens=-1)), "max_tokens must be 0 or more"),
        (pb.GenerateRequest(prompt="x", limits=pb.Limits(logprobs=21)), "logprobs must be 0..20"),
        (pb.GenerateRequest(prompt="x", limits=pb.Limits(priority=500)), "priority must be -100..100"),
        (pb.GenerateRequest(prompt="x", limits=pb.Limits(stop=[""])), "stop: each text"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(grammar='root ::= "a')), "grammar"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(grammar="root ::= nothing")), "grammar"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(grammar='other ::= "a"')), "grammar"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(grammar="root ::= " + "(" * 5000 + '"a"' + ")" * 5000)), "grammar"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(grammar="")), "grammar is empty"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema='{"type": "nonsense"}')), "schema"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema='{"$ref": "#/nowhere"}')), "schema"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema="")), "json_schema is empty"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema=" \n")), "json_schema is empty"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema=f'{{"const": {NINES}}}')), f"json_schema: const is {LONG}"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema="{")), "json_schema is not JSON"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema="[1]")), "json_schema must be a JSON object"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema='{"a":' * 100_000)), "json_schema nests more than"),
        (pb.GenerateRequest(prompt="x", sampling=pb.Sampling(json_schema='{"const": NaN}')), "json_schema is not JSON"),
    ],
)
async def test_generate(agent: Agent, request_: pb.GenerateRequest, says: str) -> None:
    await refused(agent.stub.Generate(request_), INVALID, says)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.ChatRequest(), "messages is empty"),
        (pb.ChatRequest(messages=[pb.Message(content="x")]), "messages[0].role is empty"),
        (pb.ChatRequest(messages=GREETING, sampling=pb.Sampling(top_p=-1)), "top_p must be 0..1, not -1"),
        (pb.ChatRequest(messages=GREETING, sampling=pb.Sampling(json_schema="")), "json_schema is empty"),
        (pb.ChatRequest(messages=GREETING, template_arguments_json=f'{{"a": [{NINES}]}}'), f"template_arguments_json: a.0 is {LONG}"),
        (
            pb.ChatRequest(messages=[pb.Message(role="user", content="x", fields_json=f'{{"a": -{NINES}}}')]),
            f"messages[0].fields_json: a is {LONG}",
        ),
    ],
)
async def test_chat(agent: Agent, request_: pb.ChatRequest, says: str) -> None:
    await refused(agent.stub.Chat(request_), INVALID, says)


async def test_unknown_model_lists_those_that_are_loaded(agent: Agent) -> None:
    code = grpc.StatusCode.NOT_FOUND
    await refused(agent.stub.Generate(pb.GenerateRequest(model="nobody", prompt="x")), code, "'nobody'", "loaded: echo-nano")
    await refused(agent.stub.Chat(pb.ChatRequest(model="nobody", messages=GREETING)), code, "echo-nano")
    await refused(agent.stub.Embed(pb.EmbedRequest(model="nobody", inputs=["x"])), code, "echo-nano")
    await refused(agent.stub.Tokenize(pb.TokenizeRequest(model="nobody", text="x")), code, "echo-nano")
    await refused(agent.stub.Detokenize(pb.DetokenizeRequest(model="nobody")), code, "echo-nano")
    await refused(agent.stub.GetModel(pb.GetModelRequest(model="nobody")), code, "echo-nano")
    await refused(agent.stub.UnloadModel(pb.UnloadModelRequest(model="nobody")), code, "echo-nano")
    await refused(agent.stub.ListSlots(pb.ListSlotsRequest(model="nobody")), code, "echo-nano")
    await refused(agent.stub.WatchStats(pb.WatchStatsRequest(model="nobody")), code, "echo-nano")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.EmbedRequest(), "1..2048 in one call, not 0"),
        (pb.EmbedRequest(inputs=["x"] * 2049), "not 2049"),
        (pb.EmbedRequest(inputs=["", ""]), "inputs[0] is empty"),
        (pb.EmbedRequest(inputs=["x"], pooling=9), "pooling: 9 is no pooling; use 0 (POOLING_UNSPECIFIED), 1"),  # type: ignore[arg-type]
        (pb.EmbedRequest(inputs=["word " * 5000], pooling=pb.POOLING_MEAN), "inputs[0] has"),
    ],
)
async def test_embed(agent: Agent, request_: pb.EmbedRequest, says: str) -> None:
    await refused(agent.stub.Embed(request_), INVALID, says)


CHOICES = [f.name for f in pb.EngineOptions.DESCRIPTOR.fields if f.type == f.TYPE_STRING and f.name != "chat_template"]


@pytest.mark.parametrize("name", CHOICES)
async def test_an_empty_option_is_none_of_its_choices(agent: Agent, name: str) -> None:
    """An optional text that is set counts, also where it is empty."""
    load = pb.LoadModelRequest(path="echo-nano", name="other", options=pb.EngineOptions(**{name: ""}))  # type: ignore[arg-type]
    await refused(agent.stub.LoadModel(load), INVALID, f"{name} must be one of ")


async def test_detokenize_of_no_token(agent: Agent) -> None:
    await refused(agent.stub.Detokenize(pb.DetokenizeRequest(tokens=[768])), INVALID, "token ids must be 0..767, not 768")


async def test_watch_interval(agent: Agent) -> None:
    await refused(agent.stub.WatchStats(pb.WatchStatsRequest(interval_ms=99)), INVALID, "interval_ms must be 100..60000")


async def test_oversize_message(agent: Agent) -> None:
    huge = pb.GenerateRequest(prompt="x" * (5 << 20))
    await refused(agent.stub.Generate(huge), grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")


async def test_a_long_error_fits_the_headers(agent: Agent) -> None:
    await refused(agent.stub.Generate(pb.GenerateRequest(model="é" * 1000, prompt="x")), grpc.StatusCode.NOT_FOUND, "loaded: echo-nano")
    await refused(
        agent.stub.Generate(pb.GenerateRequest(model="é" * 100_000, prompt="x")), INVALID, "model must be at most 1024 characters"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{% for m in messages %}",
        "{{ messages[99].content.missing.deep }}",
        "{{ ''.__class__.mro() }}",
    ],
)
async def test_a_template_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    monkeypatch.setattr(random_gguf, "CHATML", template)
    path = random_gguf.write(tmp_path / "broken.gguf", random_gguf.Shape())
    async with serving({"broken": path}) as broken:
        await refused(broken.stub.Chat(pb.ChatRequest(messages=user("Hi"))), INVALID, "template")
        limits = pb.Limits(max_tokens=2, ignore_eos=True)
        assert (await collected(broken.stub.Generate(pb.GenerateRequest(prompt="a", limits=limits))))[1].usage.completion_tokens == 2
