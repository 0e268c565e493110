"""Measures the cost of 10 to 1,000 agents: state updates, idle processor time, routing decisions, xDS pushes and memory.

    python -m bench.mesh.fleet [--agents 10 50 200 1000]

The agents are simulated: one process holds their streams to the controller and reports as real agents do, every 0.3 s, or faster with
another load each time for the state updates. Each agent has 10 slots.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from grpc import aio

from bench.parts import Part, Parts, Table, quantile, wait_until
from echorator.controller.xds.resources import ENDPOINT
from echorator.gateway.dispatcher import Dispatcher
from echorator.gateway.fleet import Fleet
from echorator.gateway.settings import GatewaySettings
from echorator.gateway.waking import Waking
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceStub
from echorator.rpc.v1 import controller_pb2 as pb
from tests.support.ports import free_port

HEADINGS = (
    *("agents", "joined s", "idle cores, controller + gateway", "updates/s handled (cores)", "decision with a key, p50 / p99 us"),
    *("without a key", "endpoints pushed, p50 / most ms", "silent agent out, most s", "MB, controller + gateway"),
)
SLOTS = 10
PORT = 2  # of the probe; nothing calls it
IDLE_S, BUSY_S = 10.0, 5.0
DECISIONS, PUSHES, DEATHS = 20_000, 30, 5
READY = 'echorator_controller_agents{state="ready"}'
REPORTS = "echorator_controller_agent_reports_total"
SETTLE_S = 3.0  # for agents that left to be gone, and the first reports of those that came to be handled
STEADY_S = 0.3  # between two reports of an agent that has nothing new


async def decisions(agents: int) -> tuple[float, float, float, float]:
    """Return (p50, p99 with a key, p50, p99 without) of a routing decision in seconds, half of the slots being taken."""
    settings, waking = GatewaySettings(), Waking()
    fleet = Fleet(settings, "bench", waking)
    dispatcher = Dispatcher(settings, fleet, waking)
    for i in range(agents):
        model = pb.AgentModel(name="m", state=pb.AGENT_MODEL_STATE_READY, slots=SLOTS, busy=random.randrange(SLOTS), generates=True)
        fleet.agent_changed(pb.Agent(id=f"a{i}", address="127.0.0.1:1", state=pb.AGENT_STATE_READY, models=[model]))
    pool = fleet.find("m")
    found: list[float] = []
    for keyed in (True, False):
        times = []
        for _ in range(DECISIONS):
            key = random.getrandbits(64) if keyed else None
            begin_s = time.perf_counter()
            place = dispatcher.take_now(pool, key)
            times.append(time.perf_counter() - begin_s)
            assert place is not None
            dispatcher.give_back(pool, place, key)
        found += [quantile(times, 0.5), quantile(times, 0.99)]
    await fleet.close()
    return found[0], found[1], found[2], found[3]


class Probe:
    """An agent whose number of slots identifies its latest report, and an xDS client that watches the agent."""

    def __init__(self, channel: aio.Channel) -> None:
        self._out: asyncio.Queue[mesh_pb2.AgentMessage] = asyncio.Queue()
        self._asked: asyncio.Queue[Any] = asyncio.Queue()
        self._session = MeshServiceStub(channel).AgentSession(self._queued(self._out))
        self._ads = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources(self._queued(self._asked))
        self._seen: dict[int, int] = {}
        self._news = asyncio.Event()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._listen())]

    @staticmethod
    async def _queued(queue: asyncio.Queue[Any]) -> AsyncIterator[Any]:
        while True:
            yield await queue.get()

    async def _listen(self) -> None:
        while await self._session.read() is not aio.EOF:
            pass

    async def _watch(self) -> None:
        self._asked.put_nowait(discovery_pb2.DiscoveryRequest(type_url=ENDPOINT, resource_names=["m"]))
        while (response := await self._ads.read()) is not aio.EOF:
            assignment = endpoint_pb2.ClusterLoadAssignment()
            self._seen = {}
            for resource in response.resources:
                resource.Unpack(assignment)
                for locality in assignment.endpoints:
                    for e in locality.lb_endpoints:
                        self._seen[e.endpoint.address.socket_address.port_value] = e.load_balancing_weight.value
            self._news.set()
            self._asked.put_nowait(
                discovery_pb2.DiscoveryRequest(
                    type_url=ENDPOINT, resource_names=["m"], response_nonce=response.nonce, version_info=response.version_info
                )
            )

    async def _until(self, weight: int | None) -> float:
        """Return the seconds until xDS gives this agent that weight; None: until it has left xDS."""
        begin_s = time.perf_counter()
        while self._seen.get(PORT) != weight:
            self._news.clear()
            async with asyncio.timeout(20.0):
                await self._news.wait()
        return time.perf_counter() - begin_s

    def _report(self, slots: int) -> None:
        model = pb.AgentModel(name="m", generation=1, state=pb.AGENT_MODEL_STATE_READY, slots=slots, generates=True)
        self._out.put_nowait(mesh_pb2.AgentMessage(report=mesh_pb2.Report(models=[model])))

    async def pushes(self) -> list[float]:
        """Return the seconds from each report with a new number of slots to the xDS endpoints with that number."""
        register = mesh_pb2.Register(protocol=1, id="probe", instance=uuid.uuid4().hex, address=f"127.0.0.1:{PORT}")
        self._out.put_nowait(mesh_pb2.AgentMessage(register=register))
        times = []
        for i in range(PUSHES):
            self._report(11 + i % 2)
            times.append(await self._until(11 + i % 2))
            await asyncio.sleep(random.uniform(0.05, 0.15))
        return times

    async def silences(self) -> list[float]:
        """Return the seconds from an agent's last message, its connection open, to xDS endpoints without the agent."""
        times = []
        for _ in range(DEATHS):
            self._report(12)
            await self._until(12)
            for _ in range(3):
                await asyncio.sleep(STEADY_S)
                self._report(12)
            times.append(await self._until(None))
        return times

    async def close(self) -> None:
        self._session.cancel()
        self._ads.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(name)} ([\d.e+]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def rate_of(seconds: float, port: int, *parts: Part) -> tuple[float, list[float]]:
    """Return the reports per second that the controller handled, and the cores that each process used."""
    before, taken = metric(port, REPORTS), [part.cpu_s() for part in parts]
    begin_s = time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - begin_s
    reports = metric(port, REPORTS) - before
    return reports / passed_s, [(part.cpu_s() - earlier) / passed_s for part, earlier in zip(parts, taken, strict=True)]


async def probed(controller: str) -> tuple[list[float], list[float]]:
    async with aio.insecure_channel(controller) as channel:
        probe = Probe(channel)
        try:
            return await probe.pushes(), await probe.silences()
        finally:
            await probe.close()


def of(agents: int, table: Table) -> str:
    """Return one row of the cost curve; the bars of 100 and 200 agents go to `table`."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        parts = Parts(stack, Path(folder))
        port = free_port()
        controller = parts.control("--metrics-port", str(port))
        gateway, _ = parts.gateway()
        begin_s = time.monotonic()
        steady = parts.back_end("agents", "agents", parts.controller, str(agents), "--slots", str(SLOTS))
        wait_until(lambda: metric(port, READY) >= agents, "all agents")
        joined_s = time.monotonic() - begin_s
        time.sleep(SETTLE_S)
        reports, (idle_controller, idle_gateway) = rate_of(IDLE_S, port, controller, gateway)
        pushes, silences = asyncio.run(probed(parts.controller))
        memory = controller.resident_mb(), gateway.resident_mb()
        steady.end()
        options = ("--slots", str(SLOTS), "--changing", "--prefix", "c", "--interval", str(agents / 4000.0))
        parts.back_end("changing", "agents", parts.controller, str(agents), *options)
        time.sleep(SETTLE_S)
        wait_until(lambda: metric(port, READY) >= agents, "the changing agents")
        updates, (busy_controller, busy_gateway) = rate_of(BUSY_S, port, controller, gateway)
    chosen = asyncio.run(decisions(agents))
    if agents == 100:
        idle = idle_controller + idle_gateway
        table.row("100 idle agents, controller and gateway together", f"{idle:.3f} cores ({reports:.0f} reports/s)", "< 0.1", idle < 0.1)
    if agents == 200:
        table.row("200 agents, 2,000 slots: state updates", f"{updates:,.0f}/s", "≥ 1,000/s", updates >= 1000)
        mid, high = max(chosen[0], chosen[2]), max(chosen[1], chosen[3])
        table.row("routing decision", f"p50 {mid * 1e3:.3f} ms, p99 {high * 1e3:.3f} ms", "≤ 0.2 / 1 ms", mid <= 2e-4 and high <= 1e-3)
        worst, out_s = max(pushes), max(silences)
        pushed = f"p50 {quantile(pushes, 0.5) * 1e3:.1f} ms, most {worst * 1e3:.1f} ms"
        table.row("endpoints pushed after a change", pushed, "≤ 200 ms", worst <= 0.2)
        table.row("an agent that falls silent is out of the endpoints", f"after at most {out_s:.2f} s", "≤ 1 s", out_s <= 1.0)
        table.row("resident memory, controller / gateway", f"{memory[0]:.0f} / {memory[1]:.0f} MB", "stated")
    cells = (
        f"{agents:,}",
        f"{joined_s:.1f}",
        f"{idle_controller:.3f} + {idle_gateway:.3f}",
        f"{updates:,.0f} ({busy_controller:.2f} + {busy_gateway:.2f})",
        f"{chosen[0] * 1e6:.0f} / {chosen[1] * 1e6:.0f}",
        f"{chosen[2] * 1e6:.0f} / {chosen[3] * 1e6:.0f}",
        f"{quantile(pushes, 0.5) * 1e3:.0f} / {max(pushes) * 1e3:.0f}",
        f"{max(silences):.2f}",
        f"{memory[0]:.0f} + {memory[1]:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, nargs="+", default=[10, 50, 100, 200, 1000])
    arguments = parser.parse_args()
    table = Table("Many agents")
    rows = [of(agents, table) for agents in arguments.agents]
    print(f"\n| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
