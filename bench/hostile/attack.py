"""Sends hostile requests of one kind beside a well-behaved client: what the client feels, what the mesh needs, how each request ends.

    python -m bench.hostile.attack grammars [--requests 10000] [--agents 3] [--attackers 2] [--seed 1]

Starts a controller, a gateway and `--agents` agents, each a process, which serve echo-nano. A well-behaved client sends a short chat 20
times a second: first alone, then beside as many attackers that send ordinary chats, each for 15 s, then beside the attackers that send
the hostile kind. The attackers share a process of the lowest priority, since real ones do not compute on the machine under attack. Prints
the client's median and 99th percentile of the three, the ratios, the memory of all processes, the processes that died, how the hostile
requests ended, and the states of the agents at the end. "files" and "templates" are models that are applied, chatted with and deleted;
the others are requests to the HTTP API. A whole answer to a schema is checked against it with `jsonschema`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import aiohttp

from bench.hostile.loads import Load, send
from bench.hostile.requests import Body, chat
from bench.hostile.verdicts import verdict
from bench.parts import Part, Parts, quantile, wait_until
from echorator.agent.loading.embedded import embedded_model
from echorator.host.connection import channel_to
from echorator.rpc.v1 import controller_pb2 as controller_pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.models.random_gguf import Shape, write
from tests.support.ports import free_port

KINDS = {
    "grammars": "bench.hostile.grammars:grammars",
    "schemas": "bench.hostile.bodies:schemas",
    "texts": "bench.hostile.bodies:texts",
    "files": "bench.hostile.loads:files",
    "templates": "bench.hostile.loads:templates",
}
PERIOD_S = 0.05  # between two chats of the well-behaved client
CLIENT_TIMEOUT_S, ATTACK_TIMEOUT_S = 30.0, 30.0
WARM_S, QUIET_S = 3.0, 15.0
SETTLE_S = 10.0
MODEL = "nano"


@dataclass
class Felt:
    """The latencies and failures of the well-behaved client in one phase. Times in seconds."""

    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def row(self, name: str, quiet: Felt) -> str:
        p50, p99 = quantile(self.times, 0.5), quantile(self.times, 0.99)
        ratios = f"{p50 / quantile(quiet.times, 0.5):.2f} x, {p99 / quantile(quiet.times, 0.99):.2f} x"
        failed = f", failed {sum(self.failures.values())}: {dict(self.failures)}" if self.failures else ""
        return f"{name:<28} p50 {p50 * 1e3:7.1f} ms  p99 {p99 * 1e3:7.1f} ms  ({ratios} quiet, {len(self.times)} chats{failed})"


async def post(session: aiohttp.ClientSession, body: Body, timeout_s: float) -> tuple[int, str]:
    """Return status and text of a POST; status 0 and the error's name where there was no answer."""
    try:
        async with session.post(body.path, json={"model": MODEL, **body.json}, timeout=aiohttp.ClientTimeout(timeout_s)) as answer:
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return 0, type(error).__name__


async def well_behaved(url: str, ends: asyncio.Event) -> Felt:
    """Send a short chat every PERIOD_S on a session of its own until `ends` is set; return the latencies."""
    felt, chance = Felt(), random.Random(0)
    async with aiohttp.ClientSession(url) as session:
        while not ends.is_set():
            begin_s = time.perf_counter()
            body = {**chat(chance).json, "max_tokens": 8}
            status, text = await post(session, Body("/v1/chat/completions", body), CLIENT_TIMEOUT_S)
            felt.times.append(time.perf_counter() - begin_s)
            if status != 200:
                felt.failures[f"{status} {text[:60]}"] += 1
            await asyncio.sleep(max(0.0, PERIOD_S - (time.perf_counter() - begin_s)))
    return felt


@dataclass(frozen=True)
class Mesh:
    """The mesh under attack. `url` is the gateway's HTTP API; `gateway` and `controller` are the addresses of their gRPC services."""

    parts: tuple[Part, ...]
    agents: int
    url: str
    gateway: str
    controller: str


@dataclass(frozen=True)
class Attack:
    """What the attackers send: `requests` of a kind, or ordinary chats until `until_s` where `kind` is ""."""

    kind: str
    requests: int
    attackers: int
    seed: int
    until_s: float = 0.0  # on CLOCK_MONOTONIC

    def items(self) -> Iterator[Body | Load]:
        """Yield the requests in the order in which the attackers take them."""
        if not self.kind:
            chance = random.Random(self.seed)
            return itertools.takewhile(lambda _: time.monotonic() < self.until_s, (chat(chance) for _ in itertools.count()))
        module, _, name = KINDS[self.kind].partition(":")
        generate: Callable[[int], Iterator[Body | Load]] = getattr(import_module(module), name)
        return itertools.islice(generate(self.seed), self.requests)


async def attackers(attack: Attack, url: str, gateway_address: str, controller_address: str) -> Counter[str]:
    """Run the attackers, each of which sends the next request as soon as the last one was answered; return how the requests ended."""
    items, ends = attack.items(), Counter[str]()

    async def attacker() -> None:
        async with aiohttp.ClientSession(url) as session, channel_to(controller_address) as control, channel_to(gateway_address) as channel:
            controller, gateway = ControllerServiceStub(control), ModelServiceStub(channel)
            for item in items:
                if isinstance(item, Body):
                    ends[verdict(item, *await post(session, item, ATTACK_TIMEOUT_S))] += 1
                else:
                    ends[await send(controller, gateway, item, ATTACK_TIMEOUT_S)] += 1

    await asyncio.gather(*(attacker() for _ in range(attack.attackers)))
    return ends


def attacking(attack: Attack, *addresses: str) -> Counter[str]:
    """Run the attackers in a process of the lowest priority, since real ones do not compute on the machine under attack."""
    os.nice(19)
    return asyncio.run(attackers(attack, *addresses))


def processes(parts: Sequence[Part]) -> dict[int, float]:
    """Return resident MB by process id, of these processes and all their descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {part.popen.pid for part in parts}
    while further := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= further
    sizes = {}
    for pid in found:
        with suppress(OSError, IndexError):
            sizes[pid] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    return sizes


async def measured(mesh: Mesh, attack: Attack | None, quiet_s: float = 0.0) -> tuple[Felt, Counter[str], float, float]:
    """Run one phase; return the client's latencies, how the attackers' requests ended, the most MB, and the seconds it took."""
    ends, answers, most_mb = asyncio.Event(), Counter[str](), 0.0

    async def watch_memory() -> None:
        nonlocal most_mb
        while not ends.is_set():
            most_mb = max(most_mb, sum((await asyncio.to_thread(processes, mesh.parts)).values()))
            await asyncio.sleep(0.2)

    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        await asyncio.wrap_future(pool.submit(time.monotonic))  # the process has started
        began_s = time.perf_counter()
        client, memory = asyncio.create_task(well_behaved(mesh.url, ends)), asyncio.create_task(watch_memory())
        if attack is None:
            await asyncio.sleep(quiet_s)
        else:
            answers = await asyncio.wrap_future(pool.submit(attacking, attack, mesh.url, mesh.gateway, mesh.controller))
        ends.set()
        felt, _ = await asyncio.gather(client, memory)
    return felt, answers, most_mb, time.perf_counter() - began_s


async def agents_of(controller: str) -> list[controller_pb.Agent]:
    """Return the agents that the controller knows."""
    async with channel_to(controller) as channel:
        return list((await ControllerServiceStub(channel).ListAgents(controller_pb.ListAgentsRequest())).agents)


async def run(kind: str, requests: int, n: int, seed: int, mesh: Mesh) -> None:
    """Run all phases and print the table."""
    await measured(mesh, None, WARM_S)
    before = processes(mesh.parts)
    quiet, _, _, _ = await measured(mesh, None, QUIET_S)
    busy, _, busy_mb, _ = await measured(mesh, Attack("", 0, n, seed, time.monotonic() + QUIET_S))
    felt, answers, most_mb, took_s = await measured(mesh, Attack(kind, requests, n, seed))
    await asyncio.sleep(SETTLE_S)
    after = processes(mesh.parts)
    print(f"\n{requests} hostile {kind}, {n} at once, {mesh.agents} agents, seed {seed}; {took_s:.0f} s")
    print(quiet.row("alone", quiet), busy.row("beside ordinary chats", quiet), felt.row(f"beside {kind}", quiet), sep="\n")
    print(
        f"memory of all processes: {sum(before.values()):.0f} MB idle, {busy_mb:.0f} with ordinary chats, {most_mb:.0f} at most,", end=" "
    )
    print(f"{sum(after.values()):.0f} MB {SETTLE_S:g} s after; processes that died: {len(before.keys() - after.keys())}")
    print("the hostile requests ended:", ", ".join(f"{what}: {count}" for what, count in answers.most_common()))
    states = [controller_pb.AgentState.Name(agent.state) for agent in await agents_of(mesh.controller)]
    print("the agents then:", ", ".join(states))


def main() -> None:
    """Start a mesh and attack it, as the module's text describes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=3)
    parser.add_argument("--attackers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        image = "echo-nano"
        if options.kind == "texts":  # of the pre-tokenizers that went deeper with each letter
            image = str(write(folder / "deep.gguf", Shape(vocab_from=embedded_model(), pre="tekken")))
        mesh = started(Parts(stack, folder), image, options.agents)
        asyncio.run(run(options.kind, options.requests, options.attackers, options.seed, mesh))


def started(parts: Parts, image: str, agents: int) -> Mesh:
    """Start all processes of a mesh and return once they are ready."""
    running = [parts.control()]
    for number in range(agents):
        joined = ("--port", "0", "--controller", parts.controller, "--agent-id", f"agent-{number}")
        running.append(parts.echorator(f"agent-{number}", "serve", image, "--name", MODEL, "--threads", "1", *joined))
    http_port = str(free_port())
    gateway, address = parts.gateway("--http-port", http_port)
    wait_until(lambda: len(asyncio.run(agents_of(parts.controller))) == agents, "all agents have joined", 60.0)
    return Mesh((*running, gateway), agents, f"http://127.0.0.1:{http_port}", address, parts.controller)


if __name__ == "__main__":
    main()
