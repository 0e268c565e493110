"""Loading, naming, listing and unloading while other models serve."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import gguf
import grpc
import pytest

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, GREETING, Agent, collected, read, refused, serving
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def loaded(agent: Agent, **request: object) -> list[pb.LoadModelResponse]:
    return [reply async for reply in agent.stub.LoadModel(pb.LoadModelRequest(**request))]  # type: ignore[arg-type]


async def names(agent: Agent) -> list[str]:
    return [m.name for m in (await agent.stub.ListModels(pb.ListModelsRequest())).models]


async def answers(agent: Agent, model: str) -> str:
    return (await collected(agent.stub.Chat(pb.ChatRequest(model=model, messages=GREETING, sampling=GREEDY))))[0]


@pytest.fixture
def whole(echo_nano: Path) -> bytes:
    return echo_nano.read_bytes()


@pytest.fixture
def bad_files(whole: bytes, tmp_path: Path) -> dict[str, Path]:
    """Files that are no model, by what is wrong with them."""
    contents = {
        "truncated": whole[: len(whole) // 2],
        "header-only": whole[:24],
        "empty": b"",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(4096),
        "torn": whole[:100] + bytes(b ^ 0xFF for b in whole[100:400]) + whole[400:],
    }
    paths = {name: tmp_path / f"{name}.gguf" for name in contents}
    for name, data in contents.items():
        paths[name].write_bytes(data)
    return paths | {"missing": tmp_path / "missing.gguf", "folder": tmp_path, "foreign": _foreign(tmp_path / "foreign.gguf")}


async def test_what_is_known_about_a_model(agent: Agent, echo_nano: Path, whole: bytes) -> None:
    model = await agent.stub.GetModel(pb.GetModelRequest(model="echo-nano"))
    assert model.digest == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert (model.name, model.architecture, model.quantisation, model.parameters) == ("echo-nano", "llama", "Q8_0", 951_424)
    assert (model.trained_context_tokens, model.slots, model.embedding_length) == (1024, 8, 128)
    assert model.state == pb.MODEL_STATE_READY
    assert model.generates
    assert 0 < model.context_tokens <= 8192
    assert model.kv_layout in ("unified", "separate")
    assert "<|im_start|>" in model.chat_template
    assert Path(model.path) == echo_nano
    assert list((await agent.stub.ListModels(pb.ListModelsRequest())).models) == [model]


async def test_a_load_streams_its_progress_and_ends_with_the_model(echo_nano: Path, slow_model: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        options = pb.EngineOptions(slots=2, context_tokens=1024)
        replies = await loaded(agent, path=str(slow_model), options=options)
        stages = [r.stage for r in replies]
        assert stages == sorted(stages, key=["checking", "loading", "ready"].index)
        assert stages[-1] == "ready"
        assert "checking" in stages
        assert all(0.0 <= r.progress <= 1.0 for r in replies)
        model = replies[-1].model
        assert (model.name, model.slots, model.state) == ("slow", 2, pb.MODEL_STATE_READY)
        assert model.digest.startswith("sha256:")
        assert [r.HasField("model") for r in replies] == [False] * (len(replies) - 1) + [True]
        assert await names(agent) == ["echo-nano", "slow"]

        await refused(agent.stub.Chat(pb.ChatRequest(messages=GREETING)), grpc.StatusCode.NOT_FOUND, "name one of them: echo-nano, slow")
        assert await answers(agent, "echo-nano")
        await agent.stub.UnloadModel(pb.UnloadModelRequest(model="slow"))
        assert await names(agent) == ["echo-nano"]
        assert await answers(agent, "")


async def test_of_two_loads_of_one_name_one_wins(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        calls = [loaded(agent, name="twin", path=str(echo_nano)) for _ in range(2)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        errors = [d for d in done if isinstance(d, grpc.aio.AioRpcError)]
        assert [e.code() for e in errors] == [grpc.StatusCode.ALREADY_EXISTS]
        assert "choose another name" in (errors[0].details() or "")
        assert await answers(agent, "twin")
        await refused(
            agent.stub.LoadModel(pb.LoadModelRequest(name="echo-nano", path=str(echo_nano))),
            grpc.StatusCode.ALREADY_EXISTS,
            "ready already",
        )


async def test_a_load_goes_on_when_its_client_leaves(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        call = agent.stub.LoadModel(pb.LoadModelRequest(name="second", path=str(echo_nano)))
        await read(call)
        call.cancel()

        async def ready() -> bool:
            models = (await agent.stub.ListModels(pb.ListModelsRequest())).models
            return [m.state for m in models if m.name == "second"] == [pb.MODEL_STATE_READY]

        await eventually(ready, "the model of the client that left is ready")
        assert await answers(agent, "second")


async def test_a_model_that_loads_is_listed_and_not_yet_served(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        call = agent.stub.LoadModel(pb.LoadModelRequest(name="second", path=str(echo_nano)))
        assert (await read(call)).stage in ("checking", "loading")
        models = (await agent.stub.ListModels(pb.ListModelsRequest())).models
        assert [m.state for m in models if m.name == "second"] in ([pb.MODEL_STATE_LOADING], [pb.MODEL_STATE_READY])
        early = agent.stub.Chat(pb.ChatRequest(model="second", messages=GREETING))
        try:
            await collected(early)  # it was ready by then
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017
            assert "still being loaded" in (error.details() or "")  # noqa: PT017
        while await call.read() is not grpc.aio.EOF:
            pass
        assert await answers(agent, "second")


def _foreign(path: Path) -> Path:
    writer = gguf.GGUFWriter(str(path), "nonsense")
    writer.add_name("not a language model")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def test_bad_files_are_refused_while_others_serve(echo_nano: Path, bad_files: dict[str, Path]) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        expected = await answers(agent, "echo-nano")
        serves = asyncio.create_task(_keep_asking(agent, expected))
        for name, path in bad_files.items():
            await refused(agent.stub.LoadModel(pb.LoadModelRequest(name=name, path=str(path))), INVALID)
            assert await names(agent) == ["echo-nano"], name
        serves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serves
        assert await answers(agent, "echo-nano") == expected


async def _keep_asking(agent: Agent, expected: str) -> None:
    while True:
        assert await answers(agent, "echo-nano") == expected


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.LoadModelRequest(), "path is empty"),
        (pb.LoadModelRequest(path="x.gguf", name="a b"), "not fit"),
        (pb.LoadModelRequest(path="x.gguf", options=pb.EngineOptions(slots=1000)), "slots must be 1..128"),
    ],
)
async def test_bad_options_are_refused(agent: Agent, request_: pb.LoadModelRequest, says: str) -> None:
    await refused(agent.stub.LoadModel(request_), INVALID, says)


async def test_unload_waits_for_what_runs(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=2, context_tokens=8192) as agent:
        limits = pb.Limits(max_tokens=1500, ignore_eos=True)
        call = agent.stub.Generate(pb.GenerateRequest(prompt="a", limits=limits))
        first = await read(call)
        unload = asyncio.ensure_future(agent.stub.UnloadModel(pb.UnloadModelRequest(model="slow", grace_s=120)))
        twice = asyncio.ensure_future(agent.stub.UnloadModel(pb.UnloadModelRequest(model="slow", grace_s=120)))

        async def draining() -> bool:
            models = (await agent.stub.ListModels(pb.ListModelsRequest())).models
            return [m.state for m in models] == [pb.MODEL_STATE_DRAINING]

        await eventually(draining, "the model drains")
        await refused(agent.stub.Generate(pb.GenerateRequest(prompt="b")), grpc.StatusCode.UNAVAILABLE, "slow is being unloaded")
        _, finish = await collected(call)
        assert first.text or first.tokens
        assert finish.usage.completion_tokens == 1500
        assert [(await u).cancelled_requests for u in (unload, twice)] == [0, 0]
        await refused(agent.stub.Generate(pb.GenerateRequest(prompt="b")), grpc.StatusCode.NOT_FOUND, "no model is loaded")


async def test_unload_cancels_what_outlives_the_grace(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=2, context_tokens=32768) as agent:
        call = agent.stub.Generate(pb.GenerateRequest(prompt="a", limits=pb.Limits(ignore_eos=True)))
        await read(call)
        response = await agent.stub.UnloadModel(pb.UnloadModelRequest(model="slow", grace_s=0.2))
        assert response.cancelled_requests == 1
        await refused(call, grpc.StatusCode.UNAVAILABLE, "the server stopped")


async def test_watch_stats_counts_and_ends_with_the_model(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent:
        watch = agent.stub.WatchStats(pb.WatchStatsRequest(interval_ms=100))
        before = await read(watch)
        _, finish = await collected(agent.stub.Chat(pb.ChatRequest(messages=GREETING, sampling=GREEDY)))
        after = await read(watch)
        while after.completion_tokens == before.completion_tokens:
            after = await read(watch)
        assert after.requests - before.requests == 1
        assert after.completion_tokens - before.completion_tokens == finish.usage.completion_tokens
        assert after.prompt_tokens - before.prompt_tokens == finish.usage.prompt_tokens
        assert (after.model, after.slots) == ("echo-nano", 8)
        assert after.tokens_per_s > 0
        await agent.stub.UnloadModel(pb.UnloadModelRequest())
        await refused(watch, grpc.StatusCode.UNAVAILABLE, "being unloaded")
