"""Measures how many requests pass: through the buffer alone, the Python gateway and Envoy; and that no agent gets more than its slots.

    python -m bench.mesh.throughput

Needs h2load and, for Envoy, nghttpd (Debian: nghttp2-client, nghttp2-server) and `pip install 'echorator[envoy]'`. Direct calls, a bare
pass-through proxy and the gateway take turns, all before the same back end; the table has medians.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import shutil
import tempfile
import time
import tracemalloc
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from bench.parts import Parts, Table, framed, h2load
from echorator.gateway.balancing.balancer import Want, assign
from echorator.gateway.balancing.buffer import RequestBuffer, Room, Waiting
from echorator.gateway.balancing.hash_ring import HashRing
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.ports import free_port

ROUNDS, CALLS = 5, 20_000
QUEUED = 100_000
SLOTS, AGENTS, DELAY_S = 16, 4, 0.05


class Agent:
    """A number of slots that are taken and given back."""

    def __init__(self, name: str, slots: int) -> None:
        self.name, self.slots, self.taken, self.open = name, slots, 0, True

    def take(self) -> None:
        self.taken += 1


async def buffer_alone(table: Table) -> None:
    """Measure the buffer: requests are accepted, queued, assigned by key and dispatched, in batches as slots become free."""
    loop = asyncio.get_running_loop()
    agents = {f"a{i}": Agent(f"a{i}", 8) for i in range(32)}
    ring = HashRing((name, agent.slots) for name, agent in agents.items())
    gc.collect()
    tracemalloc.start()
    buffer = RequestBuffer(Room(2 * QUEUED, 1 << 40), 10.0)
    futures = []
    for i in range(QUEUED):
        waiting = Waiting(loop.create_future(), i * 0x9E3779B97F4A7C15 % (1 << 64), 0, 1000, (), 0.0)
        buffer.add(waiting, 1e9)
        futures.append(waiting.future)
    each = tracemalloc.get_traced_memory()[0] / QUEUED
    tracemalloc.stop()
    table.row("memory of one of 100,000 queued requests, its message aside", f"{each:.0f} bytes", "≤ 1,024", each <= 1024)

    buffer = RequestBuffer(Room(2 * QUEUED, 1 << 40), 10.0)
    begin_s = time.perf_counter()
    for i in range(QUEUED):
        buffer.add(Waiting(loop.create_future(), i * 0x9E3779B97F4A7C15 % (1 << 64), 0, 1000, (), 0.0), 1e9)
    dispatched = 0
    while len(buffer):
        free = sum(agent.slots - agent.taken for agent in agents.values())
        batch = buffer.take(free, 0.0)
        for waiting, name in zip(batch, assign([Want(w.key) for w in batch], agents, ring, 1.5), strict=False):
            buffer.give(waiting, name)
            dispatched += 1
        for agent in agents.values():
            agent.taken = 0
    rate = dispatched / (time.perf_counter() - begin_s)
    table.row("buffer alone, accepted, queued and dispatched over 32 agents", f"{rate:,.0f} requests/s", "≥ 10,000", rate >= 10_000)


def gateway(table: Table, parts: Parts, body: Path) -> None:
    echo, proxy = free_port(), free_port()
    parts.back_end("echo", "echo", str(echo))
    parts.back_end("proxy", "proxy", str(proxy), f"127.0.0.1:{echo}")
    parts.back_end("agents", "agents", parts.controller, "1", f"127.0.0.1:{echo}", "--slots", "64")
    _, through = parts.gateway()
    rates: dict[str, list[float]] = {"direct": [], "proxy": [], "gateway": []}
    for _ in range(ROUNDS):
        for name, address in (("direct", f"127.0.0.1:{echo}"), ("proxy", f"127.0.0.1:{proxy}"), ("gateway", through)):
            rates[name].append(h2load(address, body, CALLS // 2, 4, 8))
    direct, bare, ours = (median(rates[name]) for name in rates)
    table.row("bare grpc.aio echo server, unary", f"{direct:,.0f} requests/s")
    table.row("a bare grpc.aio pass-through before it", f"{bare:,.0f} requests/s, {bare / direct:.3f} x")
    table.row("this gateway before it", f"{ours:,.0f} requests/s, {ours / direct:.3f} x", "≥ 0.35 x", ours / direct >= 0.35)
    table.row("this gateway against the bare pass-through", f"{ours / bare:.3f} x")


def envoy(table: Table, parts: Parts, body: Path) -> None:
    """Measure Envoy. The back ends are native: nghttpd answers every call with the request's bytes, from a file, and a gRPC status."""
    tool = shutil.which("nghttpd")
    if tool is None:
        table.row("Envoy", "not measured: nghttpd is absent (apt-get install nghttp2-server)")
        return
    answers = body.with_name("answers")
    (answers / "echorator.v1.ModelService").mkdir(parents=True)
    shutil.copy(body, answers / "echorator.v1.ModelService" / "Tokenize")
    ports = [free_port(), free_port()]
    for port in ports:
        parts.start(f"nghttpd-{port}", tool, "--no-tls", "-d", str(answers), "--trailer", "grpc-status: 0", str(port), says="")
    parts.back_end("native", "agents", parts.controller, "2", *(f"127.0.0.1:{p}" for p in ports), "--slots", "64")
    listen = f"127.0.0.1:{free_port()}"
    parts.gateway("--envoy", listen)
    headers = ("x-echorator-model: m",)
    direct, through = [], []
    for _ in range(ROUNDS):
        direct.append(h2load(f"127.0.0.1:{ports[0]}", body, 5 * CALLS, 8, 16))
        through.append(h2load(listen, body, 5 * CALLS, 8, 16, headers))
    rate = median(through)
    table.row("nghttpd, unary", f"{median(direct):,.0f} requests/s")
    table.row("Envoy before two of it", f"{rate:,.0f} requests/s, {rate / median(direct):.3f} x", "≥ 10,000", rate >= 10_000)


def slots_are_kept(table: Table, parts: Parts, body: Path, with_envoy: bool) -> None:
    """Check slots with back ends that hold each call for a while and count how many they have at a time."""
    ports = [free_port() for _ in range(AGENTS)]
    servers = [parts.back_end(f"slow-{port}", "echo", str(port), "--delay", str(DELAY_S)) for port in ports]
    addresses = [f"127.0.0.1:{port}" for port in ports]
    agents = parts.back_end("slow", "agents", parts.controller, str(AGENTS), *addresses, "--slots", str(SLOTS))
    listen = f"127.0.0.1:{free_port()}"
    _, through = parts.gateway(*(("--envoy", listen) if with_envoy else ()))
    generate = framed(body.with_name("generate"), pb.GenerateRequest(model="m", prompt="Once upon a time"))
    rate = h2load(listen if with_envoy else through, generate, CALLS, 8, 64, ("x-echorator-model: m",), "Generate")
    agents.end()
    most = []
    for server in servers:
        server.end()
        most.append(int(server.said().split()[-1]))
    name = "Envoy" if with_envoy else "the gateway"
    held = f"{', '.join(map(str, most))} ({rate:,.0f} requests/s)"
    what = f"most calls at a time at {AGENTS} agents of {SLOTS} slots, 512 clients through {name}"
    table.row(what, held, f"≤ {SLOTS}", max(most) <= SLOTS)


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    table = Table("Throughput")
    asyncio.run(buffer_alone(table))
    for measure in (gateway, envoy, partial(slots_are_kept, with_envoy=False), partial(slots_are_kept, with_envoy=True)):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            parts = Parts(stack, Path(folder))
            parts.control()
            measure(table, parts, framed(Path(folder) / "body", pb.TokenizeRequest(model="m", text="hello there")))


if __name__ == "__main__":
    main()
