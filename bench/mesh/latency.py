"""Measures the cost of gateway and xDS for a stream: time to first token at 50 requests/s, large prompts, tokens/s of 32 streams.

    python -m bench.mesh.latency [--seconds 20]

Direct calls, calls through the gateway and through `xds:///m` take turns before the same back ends, in slices of a second. An engine with
a thread on every core leaves none to gateway and client, so both are measured: that, and an engine that leaves them the other cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from grpc import aio

from bench.parts import Parts, Table, quantile
from echorator.agent.loading.embedded import embedded_model
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.models.random_gguf import Shape, write
from tests.support.ports import free_port

RATE, LARGE_RATE = 50.0, 140.0
LARGE_BYTES = 220 << 10
STREAMS, TOKENS = 32, 100
MESSAGE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


async def first_token(stub: Any, request: pb.GenerateRequest, session: str = "") -> float:
    """Return the seconds to the first message; the other messages are read too."""
    begin_s = time.perf_counter()
    call = stub.Generate(request, timeout=60.0, metadata=(("x-echorator-session", session),) if session else ())
    await call.read()
    first_s = time.perf_counter() - begin_s
    while await call.read() is not aio.EOF:
        pass
    return first_s


async def slice_of_arrivals(stub: Any, make: Callable[[], pb.GenerateRequest], rate: float, seconds: float) -> tuple[list[float], float]:
    """Send requests at `rate` without waiting for answers (open loop). Return the times to first token, and answers per second."""
    calls: list[asyncio.Task[float]] = []
    begin_s = time.perf_counter()
    due_s = begin_s
    while due_s < begin_s + seconds:
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        calls.append(asyncio.create_task(first_token(stub, make())))
        due_s += random.expovariate(rate)
    times = await asyncio.gather(*calls)
    return times, len(times) / (time.perf_counter() - begin_s)


async def arrivals(stubs: dict[str, Any], make: Callable[[], pb.GenerateRequest], rate: float, seconds: int) -> dict[str, Any]:
    """Return (all times to first token, median answers/s) by path."""
    times: dict[str, list[float]] = {name: [] for name in stubs}
    rates: dict[str, list[float]] = {name: [] for name in stubs}
    for stub in stubs.values():
        await slice_of_arrivals(stub, make, rate, 0.5)
    for _ in range(seconds):
        for name, stub in stubs.items():
            taken, answered = await slice_of_arrivals(stub, make, rate, 1.0)
            times[name] += taken
            rates[name].append(answered)
    return {name: (times[name], median(rates[name])) for name in stubs}


async def tokens_per_second(stub: Any, model: str, streams: int) -> float:
    """Return the tokens per second of `streams` concurrent streams."""

    async def one(i: int) -> int:
        ids = [5 + (i * 7 + j) % 200 for j in range(16)]
        request = pb.GenerateRequest(model=model, tokens=pb.TokenIds(ids=ids), limits=pb.Limits(max_tokens=TOKENS, ignore_eos=True))
        tokens = 0
        async for reply in stub.Generate(request, timeout=300.0):
            if reply.HasField("finish"):
                tokens = reply.finish.usage.completion_tokens
        return tokens

    begin_s = time.perf_counter()
    counts = await asyncio.gather(*(one(i) for i in range(streams)))
    return sum(counts) / (time.perf_counter() - begin_s)


def report_arrivals(table: Table, what: str, found: dict[str, Any], bars: Sequence[float], least_rate: float = 0.0) -> None:
    direct, _ = found["direct"]
    for name, (times, rate) in found.items():
        mid, high = quantile(times, 0.5), quantile(times, 0.99)
        measured = f"p50 {mid * 1e3:.2f} ms, p99 {high * 1e3:.2f} ms, {rate:.0f} requests/s"
        if name == "direct":
            table.row(f"{what}, {name}", measured)
            continue
        added = (mid - quantile(direct, 0.5), high - quantile(direct, 0.99))
        measured += f"; added p50 {added[0] * 1e3:.2f}, p99 {added[1] * 1e3:.2f} ms"
        bar = f"≤ {bars[0] * 1e3:g} / {bars[1] * 1e3:g} ms" + (f", > {least_rate:g}/s" if least_rate else "")
        met = added[0] <= bars[0] and added[1] <= bars[1] and rate > least_rate
        table.row(f"{what}, {name}", measured, bar if name == "gateway" else "", met if name == "gateway" else None)


async def measure(table: Table, addresses: dict[str, str], real: dict[str, dict[str, str]], seconds: int) -> None:
    channels = {name: aio.insecure_channel(address, options=MESSAGE_LIMIT) for name, address in addresses.items()}
    stubs = {name: ModelServiceStub(channel) for name, channel in channels.items()}
    found = await arrivals(stubs, lambda: pb.GenerateRequest(model="m", prompt="Once upon a time"), RATE, seconds)
    report_arrivals(table, f"time to first token at {RATE:g} requests/s", found, (0.002, 0.010))
    large = {name: stub for name, stub in stubs.items() if name != "xds"}
    text = "abcdefgh " * (LARGE_BYTES // 9)
    found = await arrivals(large, lambda: pb.GenerateRequest(model="m", prompt=f"{random.random()} {text}"), LARGE_RATE, seconds // 2)
    report_arrivals(table, f"220 KiB prompts at {LARGE_RATE:g} requests/s", found, (0.1, 0.1), 130.0)
    for model, targets in real.items():
        opened = {name: aio.insecure_channel(address, options=MESSAGE_LIMIT) for name, address in targets.items()}
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for i in range(9):
            for name, channel in opened.items():
                rate = await tokens_per_second(ModelServiceStub(channel), model, STREAMS)
                if i:
                    rates[name].append(rate)
        direct = median(rates["direct"])
        table.row(f"{model}, {STREAMS} streams, direct", f"{direct:,.0f} tokens/s")
        for name, bar in (("gateway", 0.9), ("xds", 0.98)):
            ratio = median(rates[name]) / direct
            pairs = median(a / b for a, b in zip(rates[name], rates["direct"], strict=True))
            measured = f"{median(rates[name]):,.0f} tokens/s, {ratio:.3f} x (median of pairs {pairs:.3f})"
            table.row(f"{model}, {STREAMS} streams, {name}", measured, f"≥ {bar} x", pairs >= bar)
        for channel in opened.values():
            await channel.close()
    for channel in channels.values():
        await channel.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--parts", default="", help=argparse.SUPPRESS)  # of the child, which begins with the bootstrap in its environment
    arguments = parser.parse_args()
    if arguments.parts:
        addresses, real = json.loads(arguments.parts)
        asyncio.run(measure(Table("Latency"), addresses, real, arguments.seconds))
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        parts = Parts(stack, Path(folder))
        parts.control()
        echo = free_port()
        parts.back_end("echo", "echo", str(echo))
        parts.back_end("agents", "agents", parts.controller, "1", f"127.0.0.1:{echo}", "--slots", "64")
        small = write(Path(folder) / "24M.gguf", Shape("llama", 384, 8, 6, 6, 1024, 32_768))
        options = ("--slots", str(STREAMS), "--context-tokens", str(STREAMS * 256), "--controller", parts.controller)
        real = {}
        _, through = parts.gateway()
        for name, file, threads in (("24M-1-thread", small, 1), ("24M-all-cores", small, 0), ("echo-nano", embedded_model(), 1)):
            port = free_port()
            own = ("--name", name, "--port", str(port), "--agent-id", name, "--threads", str(threads))
            agent = parts.echorator(name, "serve", str(file), *own, *options)
            real[name] = {"direct": f"127.0.0.1:{port}", "gateway": through, "xds": f"xds:///{name}"}
            assert agent.popen.poll() is None
        addresses = {"direct": f"127.0.0.1:{echo}", "gateway": through, "xds": "xds:///m"}
        bootstrap = subprocess.run(
            (sys.executable, "-m", "echorator", "bootstrap", "--controller", parts.controller), capture_output=True, text=True, check=True
        ).stdout
        env = {**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap}
        passed = ("--seconds", str(arguments.seconds), "--parts", json.dumps((addresses, real)))
        command = (sys.executable, "-m", "bench.mesh.latency", *passed)
        subprocess.run(command, env=env, check=True)


if __name__ == "__main__":
    main()
