"""Measures what an ordinary request costs here and in another checkout of this project: before and after a change.

    python -m bench.versions OTHER_CHECKOUT [--rounds 7] [--image echo-nano]

OTHER_CHECKOUT has its extensions built in place (`python setup.py build_ext --inplace`). Both run `echorator up` with a model of 24 million
random weights, or `--image`, and 32 slots, without a memory, and take turns, so that a drift of the machine meets both. Measured through
the gateway are:

- the time to the first token of short chats, one after another, by gRPC and by HTTP;
- the tokens in a second of 32 streams at once, by gRPC.

Printed are the medians over the rounds, the milliseconds that are added to the first token, and the ratio of the throughputs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from grpc import aio

from bench.parts import Part
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.models.random_gguf import Shape, write
from tests.support.ports import free_port

STREAMS = 32
CHATS = 200  # of which the time to the first token is taken, in each turn
STREAMS_S = 10.0
MODEL = "nano"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Where is the fox?"}], "max_tokens": 8, "temperature": 0, "stream": True}


@dataclass
class Turns:
    """The figures of one checkout, one per round. Times in milliseconds, throughput in tokens/s."""

    grpc_ms: list[float] = field(default_factory=list)
    http_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


def chat(tokens: int) -> pb.ChatRequest:
    message = pb.Message(role="user", content="Where is the fox?")
    return pb.ChatRequest(
        model=MODEL, messages=[message], sampling=pb.Sampling(temperature=0.0), limits=pb.Limits(max_tokens=tokens, ignore_eos=True)
    )


async def first_by_grpc(stub: ModelServiceStub) -> float:
    """Return the milliseconds to the first token of a chat over gRPC."""
    begin_s = time.perf_counter()
    first_s = 0.0
    async for answer in stub.Chat(chat(8)):
        if not first_s and answer.text:
            first_s = time.perf_counter()
    return (first_s - begin_s) * 1e3


async def first_by_http(session: aiohttp.ClientSession) -> float:
    """Return the milliseconds to the first token of a chat over HTTP."""
    begin_s = time.perf_counter()
    first_s = 0.0
    async with session.post("/v1/chat/completions", json=BODY) as answer:
        async for line in answer.content:
            if not first_s and line.startswith(b"data: {") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
                first_s = time.perf_counter()
    return (first_s - begin_s) * 1e3


async def tokens_per_second(stub: ModelServiceStub) -> float:
    """Return the tokens per second of STREAMS streams, each of which sends one chat after another."""
    tokens, begin_s = 0, time.perf_counter()

    async def stream() -> None:
        nonlocal tokens
        while time.perf_counter() - begin_s < STREAMS_S:
            async for answer in stub.Chat(chat(64)):
                if answer.HasField("finish"):
                    tokens += answer.finish.usage.completion_tokens

    await asyncio.gather(*(stream() for _ in range(STREAMS)))
    return tokens / (time.perf_counter() - begin_s)


@dataclass
class Server:
    """The two APIs of one `echorator up`, and its measured figures."""

    stub: ModelServiceStub
    session: aiohttp.ClientSession
    turns: Turns = field(default_factory=Turns)


async def measure(servers: Sequence[Server], rounds: int) -> None:
    """Send chats to one server and the other in turn, and so the streams; the order changes with each round."""
    for server in servers:
        for _ in range(50):
            await first_by_grpc(server.stub)
            await first_by_http(server.session)
    for number in range(rounds):
        ordered = servers if number % 2 else servers[::-1]
        times: dict[int, tuple[list[float], list[float]]] = {id(server): ([], []) for server in servers}
        for _ in range(CHATS):
            for server in ordered:
                times[id(server)][0].append(await first_by_grpc(server.stub))
            for server in ordered:
                times[id(server)][1].append(await first_by_http(server.session))
        for server in ordered:
            server.turns.grpc_ms.append(statistics.median(times[id(server)][0]))
            server.turns.http_ms.append(statistics.median(times[id(server)][1]))
            server.turns.rate.append(await tokens_per_second(server.stub))
        told = "; ".join(f"{s.turns.grpc_ms[-1]:.2f} ms, {s.turns.http_ms[-1]:.2f} ms, {s.turns.rate[-1]:.0f} tokens/s" for s in servers)
        print(f"round {number + 1} of {rounds}: {told}", file=sys.stderr)


async def compare(checkouts: Sequence[Path], image: str, rounds: int) -> list[Turns]:
    """Start a server of each checkout, measure them and return their figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        models = folder / "models.yaml"
        spec = f"{{image: {image}, engine: {{slots: {STREAMS}}}}}"
        models.write_text(f"apiVersion: echorator.dev/v1\nkind: Model\nmetadata: {{name: {MODEL}}}\nspec: {spec}\n")
        async with AsyncExitStack() as connections:
            servers = []
            for number, checkout in enumerate(checkouts):
                port, http_port, controller = free_port(), free_port(), free_port()
                ports = ["--port", str(port), "--http-port", str(http_port), "--controller-port", str(controller)]
                data = str(folder / f"data-{number}")
                command = [
                    sys.executable,
                    "-P",
                    "-m",
                    "echorator",
                    "up",
                    "--data",
                    data,
                    "--no-memory",
                    "-f",
                    str(models),
                    "--view",
                    "lines",
                ]
                environment = {**os.environ, "PYTHONPATH": str(checkout)}
                Part(stack, folder / f"up-{number}.log", *command, "--view", "lines", *ports, says="ready", env=environment)
                channel = await connections.enter_async_context(aio.insecure_channel(f"127.0.0.1:{port}"))
                session = await connections.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{http_port}"))
                servers.append(Server(ModelServiceStub(channel), session))
            await measure(servers, rounds)
    return [server.turns for server in servers]


def main() -> None:
    """Run the benchmark and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, metavar="OTHER_CHECKOUT")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--image", default="", help="a GGUF file, or echo-nano")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        image = options.image or str(write(Path(folder) / "24M.gguf", Shape("llama", 384, 8, 6, 6, 1024, 32_768)))
        checkouts = (options.other.resolve(), Path(__file__).resolve().parents[1])
        other, here = asyncio.run(compare(checkouts, image, options.rounds))
    median = statistics.median
    print(f"{'medians of ' + str(options.rounds) + ' rounds':44} {'other':>9} {'here':>9}")
    for name, all_before, all_after in (
        ("ms to the first token, gRPC", other.grpc_ms, here.grpc_ms),
        ("ms to the first token, HTTP", other.http_ms, here.http_ms),
    ):
        before, after = median(all_before), median(all_after)
        print(f"{name:44} {before:9.2f} {after:9.2f}   {after - before:+.2f} ms")
    before, after = median(other.rate), median(here.rate)
    print(f"{f'tokens/s of {STREAMS} streams':44} {before:9.0f} {after:9.0f}   {after / before:.3f} x")


if __name__ == "__main__":
    main()
