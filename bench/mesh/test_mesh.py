"""Benchmarks the mesh's pure parts: a routing decision, the buffer, the ring, xDS resources, placement.

python -m pytest bench/mesh/test_mesh.py --benchmark-only
"""

from __future__ import annotations

import asyncio
import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.mesh.throughput import Agent
from echorator.controller.placement.placement import Host, Wanted, place
from echorator.controller.xds.mesh_view import Endpoint, MeshView, Route
from echorator.controller.xds.snapshot import Snapshot
from echorator.gateway.balancing.balancer import Want, choose
from echorator.gateway.balancing.buffer import RequestBuffer, Room, Waiting
from echorator.gateway.balancing.hash_ring import HashRing
from echorator.gateway.request_keys import destination_of
from echorator.rpc.v1 import model_pb2 as pb

AGENTS, SLOTS = 200, 10


@pytest.mark.parametrize("keyed", [True, False])
def test_a_routing_decision_among_200_agents(benchmark: BenchmarkFixture, keyed: bool) -> None:
    source = random.Random(1)
    agents = {f"a{i}": Agent(f"a{i}", SLOTS) for i in range(AGENTS)}
    for agent in agents.values():
        agent.taken = source.randrange(SLOTS)
    ring = HashRing((name, SLOTS) for name in agents)
    assert benchmark(lambda: choose(agents, ring, Want(source.getrandbits(64) if keyed else None), 1.5)) in agents


def test_the_ring_of_200_agents(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: HashRing((f"a{i}", SLOTS) for i in range(AGENTS)))


def test_one_request_in_and_out_of_the_buffer(benchmark: BenchmarkFixture) -> None:
    loop = asyncio.new_event_loop()
    buffer = RequestBuffer(Room(10, 1 << 20), 10.0)

    def through() -> None:
        buffer.add(Waiting(loop.create_future(), None, 0, 100, (), 0.0), 1e9)
        buffer.give(buffer.take(1, 0.0)[0], None)

    benchmark(through)
    loop.close()


def test_where_a_chat_of_4_kib_goes(benchmark: BenchmarkFixture) -> None:
    request = pb.ChatRequest(model="m", messages=[pb.Message(role="user", content="word " * 800)])
    body = request.SerializeToString()
    assert benchmark(lambda: destination_of(body, pb.ChatRequest, {})).model == "m"


def test_the_xds_resources_of_200_agents(benchmark: BenchmarkFixture) -> None:
    endpoints = tuple(Endpoint(0, "", f"10.0.{i // 250}.{1 + i % 250}", 50051, SLOTS) for i in range(AGENTS))
    url = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

    def built() -> int:
        return len(Snapshot(lambda: MeshView((Route("m", endpoints),), ())).select(url, None, None))

    assert benchmark(built) == 1


def test_the_placement_of_10_models_on_200_agents(benchmark: BenchmarkFixture) -> None:
    hosts = [Host(f"a{i}") for i in range(AGENTS)]
    wanted = [Wanted(f"m{i}", 20, 1 << 30) for i in range(10)]
    assert len(benchmark(lambda: place(wanted, hosts)).by_host) == AGENTS
