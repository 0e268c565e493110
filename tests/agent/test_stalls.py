"""A step of an engine that takes too long is told to health checks, and taken back once it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from echorator.host.connection import channel_to
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.health import model_service
from tests.support.agents import GREEDY, collected, exit_code, refused, serving, subprocess_serving
from tests.support.models import random_gguf
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_step_that_takes_too_long_makes_its_model_not_serving(tmp_path: Path) -> None:
    """A prefill of 4,000 tokens in one step takes far longer than the limit of 0.05 s; a step of one token does not."""
    path = random_gguf.write(tmp_path / "slow.gguf", random_gguf.Shape(layers=8, dim=256, ffn=512, context=8192))
    prompt = pb.TokenIds(ids=[5 + i % 250 for i in range(4000)])
    long = pb.GenerateRequest(model="slow", tokens=prompt, sampling=GREEDY, limits=pb.Limits(max_tokens=1, ignore_eos=True))
    options: dict[str, Any] = {"slots": 1, "context_tokens": 8192, "batch_tokens": 8192, "ubatch_tokens": 4096, "step_limit_s": 0.05}
    async with serving({"slow": path}, **options) as agent, channel_to(agent.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def status(service: str) -> int:
            return int((await health.Check(health_pb2.HealthCheckRequest(service=service))).status)

        def all_are(wanted: int) -> Callable[[], Awaitable[bool]]:
            async def holds() -> bool:
                return {await status(service) for service in ("", model_service("slow"))} == {wanted}

            return holds

        await eventually(all_are(health_pb2.HealthCheckResponse.SERVING), "serving")
        call = agent.stub.Generate(long)
        reading = asyncio.create_task(collected(call))
        await eventually(all_are(health_pb2.HealthCheckResponse.NOT_SERVING), "not serving")
        (model,) = (await agent.stub.ListModels(pb.ListModelsRequest())).models
        assert model.state == pb.MODEL_STATE_STALLED
        await refused(agent.stub.Generate(long), grpc.StatusCode.UNAVAILABLE, "does not get on")
        _, finish = await reading
        assert finish.usage.completion_tokens == 1
        await eventually(all_are(health_pb2.HealthCheckResponse.SERVING), "serving again")


@pytest.mark.slow
async def test_sigterm_is_heard_while_a_step_does_not_end(tmp_path: Path) -> None:
    """A prefill of 8,000 tokens in one step of one thread takes minutes; the process ends without it."""
    path = random_gguf.write(tmp_path / "slow.gguf", random_gguf.Shape(layers=16, dim=512, heads=8, kv_heads=8, ffn=2048, context=8192))
    options = ("--context-tokens", "8192", "--slots", "1", "--batch-tokens", "8192", "--ubatch-tokens", "8192")
    prompt = pb.TokenIds(ids=[5 + i % 250 for i in range(8000)])
    async with (
        subprocess_serving(str(path), *options, "--step-limit-s", "0.5", "--grace", "0.3") as (process, address),
        channel_to(address) as channel,
    ):
        stub: Any = ModelServiceStub(channel)
        reading = asyncio.ensure_future(stub.Generate(pb.GenerateRequest(tokens=prompt, sampling=GREEDY)).read())

        async def stalls() -> bool:
            (model,) = (await stub.ListModels(pb.ListModelsRequest())).models
            return int(model.state) == pb.MODEL_STATE_STALLED

        await eventually(stalls, "the step is under way")
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(reading, return_exceptions=True)
        assert await exit_code(process, 60) == 0
        assert process.stderr is not None
        assert b"a step that does not end" in await process.stderr.read()
