"""Measures prefix affinity: the share of cacheable prompt tokens that is cached, for 50 conversations of 6 turns over 4 agents.

    python -m bench.mesh.affinity

The gateway against a client that calls the agents in turns (round robin) and one that calls the agent with the fewest of its own calls
(least busy), each with fresh agents. The cacheable part of a prompt is the prompt of the turn before, and in a first turn the part
that all conversations begin with. Conversations name no session: the gateway recognizes one by its first messages.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from grpc import aio

from bench.parts import Parts, Table, quantile
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.models.random_gguf import Shape, write
from tests.support.ports import free_port

CONVERSATIONS, TURNS, AGENTS, AT_ONCE = 50, 6, 4, 12
SHARED_CHARACTERS = {"much": 600, "little": 0}
SAID_CHARACTERS = 100
TOKENS_OUT = 8
CACHE = ("--slots", "8", "--context-tokens", "131072", "--kv-layout", "unified", "--cache-sequences", "64")  # of each agent
Chat = Callable[[pb.ChatRequest], Awaitable[tuple[pb.Usage, float]]]


async def ask(stub: ModelServiceStub, request: pb.ChatRequest) -> tuple[pb.Usage, float]:
    """Return the usage and the seconds to the first token of a chat."""
    begin_s, first_s, usage = time.perf_counter(), 0.0, pb.Usage()
    async for reply in stub.Chat(request, timeout=120.0):
        first_s = first_s or time.perf_counter() - begin_s
        if reply.HasField("finish"):
            usage = reply.finish.usage
    return usage, first_s


def words(source: random.Random, characters: int) -> str:
    return "".join(source.choice("abcdefghij klmnop") for _ in range(characters))


async def conversations(chat: Chat, shared: int) -> tuple[float, list[float]]:
    """Return the share of the cacheable prompt tokens that were cached, and the times to first token in seconds."""
    source = random.Random(7)
    system = pb.Message(role="system", content=words(source, shared))
    openings = [words(source, SAID_CHARACTERS) for _ in range(CONVERSATIONS)]
    gate = asyncio.Semaphore(AT_ONCE)
    cached = cacheable = 0
    times: list[float] = []

    async def converse(i: int) -> None:
        nonlocal cached, cacheable
        own = random.Random(i)
        messages = [*([system] if shared else []), pb.Message(role="user", content=openings[i])]
        before = shared
        for _ in range(TURNS):
            request = pb.ChatRequest(messages=messages, limits=pb.Limits(max_tokens=TOKENS_OUT, ignore_eos=True))
            async with gate:
                usage, first_s = await chat(request)
            cached += min(before, usage.cached_tokens)
            cacheable += before
            before = usage.prompt_tokens
            times.append(first_s)
            messages += [
                pb.Message(role="assistant", content=words(own, SAID_CHARACTERS)),
                pb.Message(role="user", content=words(own, SAID_CHARACTERS)),
            ]
            await asyncio.sleep(own.uniform(0.0, 0.05))

    await asyncio.gather(*(converse(i) for i in range(CONVERSATIONS)))
    return cached / cacheable, times


async def through(addresses: list[str], policy: str, shared: int) -> tuple[float, list[float]]:
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(aio.insecure_channel(address)) for address in addresses]
        stubs = [ModelServiceStub(channel) for channel in channels]
        running = [0] * len(stubs)
        turn = 0

        async def chat(request: pb.ChatRequest) -> tuple[pb.Usage, float]:
            nonlocal turn
            turn += 1
            i = turn % len(stubs) if policy == "round robin" else min(range(len(stubs)), key=lambda i: (running[i], random.random()))
            running[i] += 1
            try:
                return await ask(stubs[i], request)
            finally:
                running[i] -= 1

        return await conversations(chat, shared)


def measured(model: Path, policy: str, shared: int) -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        parts = Parts(stack, Path(folder))
        parts.control()
        ports = [str(free_port()) for _ in range(AGENTS)]
        for i, port in enumerate(ports):
            joined = ("--port", port, "--controller", parts.controller, "--agent-id", f"a{i}")
            parts.echorator(f"a{i}", "serve", str(model), "--name", "m", "--threads", "1", *CACHE, *joined)
        if policy == "this gateway":
            return asyncio.run(through([parts.gateway()[1]], policy, shared))
        return asyncio.run(through([f"127.0.0.1:{port}" for port in ports], policy, shared))


def main() -> None:
    table = Table("Prefix affinity")
    with tempfile.TemporaryDirectory() as folder:
        model = write(Path(folder) / "m.gguf", Shape(context=8192))
        for sharing, shared in SHARED_CHARACTERS.items():
            for policy in ("this gateway", "round robin", "least busy"):
                share, times = measured(model, policy, shared)
                first = f"first token p50 {quantile(times, 0.5) * 1e3:.0f} ms, p99 {quantile(times, 0.99) * 1e3:.0f} ms"
                ours = policy == "this gateway"
                met = share >= 0.9 if ours else None
                table.row(f"{sharing} sharing, {policy}", f"{share:.1%} of the cacheable tokens; {first}", "≥ 90 %" if ours else "", met)


if __name__ == "__main__":
    main()
