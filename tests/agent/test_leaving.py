"""Requests that end early: full queues, deadlines, cancelled and vanished clients. Nothing of them may stay behind."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from echorator.host.connection import connected
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import Agent, collected, refused, serving, trailers, user
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = pb.Limits(ignore_eos=True)
LEAVE_AFTER = 1000
CONCURRENT = 24


async def test_a_full_queue_refuses_and_says_when_to_come_back(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=1, queue_limit=1, context_tokens=4096) as agent:
        request = pb.GenerateRequest(prompt="a", limits=ENDLESS)
        running = agent.stub.Generate(request)
        await running.read()
        waiting = agent.stub.Generate(request)

        async def queued() -> bool:
            return (await agent.stats()).queued == 1

        await eventually(queued, "one queued")
        error = await refused(agent.stub.Generate(request), grpc.StatusCode.RESOURCE_EXHAUSTED, "1 requests wait already")
        pushback_ms = int(trailers(error)["grpc-retry-pushback-ms"])
        assert 0 < pushback_ms <= 10_000
        status = status_pb2.Status.FromString(trailers(error)["grpc-status-details-bin"])
        retry = error_details_pb2.RetryInfo()
        assert any(detail.Unpack(retry) for detail in status.details)
        assert retry.retry_delay.ToMilliseconds() == pushback_ms
        running.cancel()
        waiting.cancel()
        await agent.idle()


async def test_a_deadline_ends_a_running_request(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=2, context_tokens=32768) as agent:
        started_s = time.monotonic()
        call = agent.stub.Generate(pb.GenerateRequest(prompt="a", limits=ENDLESS), timeout=0.5)
        await refused(call, grpc.StatusCode.DEADLINE_EXCEEDED)
        assert 0.3 < time.monotonic() - started_s < 5.0
        await agent.idle(within_s=2.0)
        assert agent.server.registry.get("").running == 0


async def test_a_deadline_ends_a_queued_request(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=1, context_tokens=16384) as agent:
        running = agent.stub.Generate(pb.GenerateRequest(prompt="a", limits=ENDLESS))
        await running.read()
        await refused(agent.stub.Generate(pb.GenerateRequest(prompt="b"), timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)

        async def unqueued() -> bool:
            return (await agent.stats()).queued == 0

        await eventually(unqueued, "nothing queued", 2.0)
        assert (await agent.stats()).slots_busy == 1
        running.cancel()
        await agent.idle()


async def test_a_cancelled_call_frees_its_slot_within_a_step(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=2, context_tokens=32768) as agent:
        call = agent.stub.Generate(pb.GenerateRequest(prompt="a", limits=ENDLESS))
        for _ in range(3):
            await call.read()
        steps = (await agent.stats()).steps
        call.cancel()
        await agent.idle()
        assert (await agent.stats()).steps - steps < 1000, "of the 16,384 that it had before it"
        slots = (await agent.stub.ListSlots(pb.ListSlotsRequest())).slots
        assert [s.state for s in slots] == [pb.SLOT_STATE_IDLE] * 2


async def test_a_killed_client_frees_its_slot(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=2, context_tokens=32768) as agent:
        command = (sys.executable, "-m", "echorator", "chat", "--server", agent.address, "--temperature", "0", "Hello")
        client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await agent.busy(1)
        client.send_signal(signal.SIGKILL)
        await client.wait()
        await agent.idle(within_s=5.0)


async def test_list_slots_shows_what_runs(slow_model: Path) -> None:
    async with serving({"slow": slow_model}, slots=3, context_tokens=32768) as agent:
        call = agent.stub.Generate(pb.GenerateRequest(prompt="abc", limits=ENDLESS))
        await call.read()

        async def decoding() -> bool:
            slots = (await agent.stub.ListSlots(pb.ListSlotsRequest())).slots
            states = sorted(s.state for s in slots)
            busy = [s for s in slots if s.state == pb.SLOT_STATE_DECODE]
            return states == [1, 1, pb.SLOT_STATE_DECODE] and busy[0].generated_tokens > 0 and busy[0].prompt_tokens > 0

        await eventually(decoding, "one decoding slot and two idle ones")
        call.cancel()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def _leave(agent: Agent, rng: random.Random) -> None:
    """One request that ends in one of the ways in which requests end."""
    way = rng.choice(("finish", "at once", "later", "deadline", "disconnect", "embed"))
    limits = pb.Limits(max_tokens=rng.randint(1, 200), ignore_eos=True, no_cache=rng.random() < 0.2)
    sampling = pb.Sampling(temperature=rng.choice((0.0, 1.0)), seed=rng.getrandbits(32))
    messages = user(f"Number {rng.randint(0, 20)}. " + "Tell me a story. " * rng.randint(1, 20))
    request = pb.ChatRequest(messages=messages, sampling=sampling, limits=limits)
    if way == "finish":
        await collected(agent.stub.Chat(request))
    elif way == "at once":
        agent.stub.Chat(request).cancel()
    elif way == "later":
        call = agent.stub.Chat(request)
        for _ in range(rng.randint(0, 5)):
            await call.read()
        call.cancel()
    elif way == "deadline":
        code = await agent.stub.Chat(request, timeout=rng.uniform(0.0, 0.1)).code()
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)
    elif way == "disconnect":
        async with connected(agent.address) as stub:
            await stub.Chat(request).read()
    else:
        embedding = agent.stub.Embed(pb.EmbedRequest(inputs=["some text"] * rng.randint(1, 4), pooling=pb.POOLING_MEAN))
        if rng.random() < 0.5:
            await asyncio.sleep(0)
            embedding.cancel()
        else:
            await embedding


@pytest.mark.slow
@pytest.mark.parametrize("prefix_cache", [False, True])
async def test_a_thousand_clients_leave_and_nothing_stays(echo_nano: Path, prefix_cache: bool) -> None:
    rng = random.Random(20)
    async with serving({"echo-nano": echo_nano}, slots=8, context_tokens=8192, prefix_cache=prefix_cache) as agent:
        todo = iter(range(LEAVE_AFTER))
        resident: list[int] = []

        async def client() -> None:
            for i in todo:
                await _leave(agent, rng)
                if i % 100 == 99:
                    resident.append(resident_bytes())

        await asyncio.gather(*(client() for _ in range(CONCURRENT)))
        served = agent.server.registry.get("")
        await agent.idle()

        async def ended() -> bool:
            return served.running == 0

        await eventually(ended, "no call running")
        stats = await agent.stats()
        assert (stats.slots_busy, stats.queued) == (0, 0)
        if prefix_cache:
            assert 0 < stats.kv_cells_used <= stats.kv_cells
            assert 0 < stats.cached_sequences <= 2 * 8
        else:
            assert (stats.kv_cells_used, stats.cached_sequences) == (0, 0)
        assert max(resident[3:]) - resident[2] < 32 << 20, resident
