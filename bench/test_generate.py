"""Benchmarks Generate over real gRPC, on echo-nano, at 1, 8 and 32 streams; with pytest-benchmark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import peers
from bench.load import GREEDY, Client, wave

ECHO_NANO = Path(__file__).parents[1] / "echorator" / "data" / "echo-nano.q8_0.gguf"


@pytest.fixture(scope="module")
def server() -> Iterator[peers.Server]:
    peers.folder().mkdir(parents=True, exist_ok=True)
    with peers.echorator(ECHO_NANO, 32, 32 * 256, "separate", threads=1) as running:
        yield running


@pytest.mark.parametrize("streams", [1, 8, 32])
def test_64_tokens_each(benchmark: BenchmarkFixture, server: peers.Server, streams: int) -> None:
    async def run() -> int:
        async with Client(server) as client:
            done = await wave(client, [[1, 300 + i, 400] for i in range(streams)], 64, GREEDY)
            return sum(a.tokens for a in done.answers)

    assert benchmark(lambda: asyncio.run(run())) == 64 * streams
