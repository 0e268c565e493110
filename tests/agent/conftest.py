"""One server for all tests that only ask; tests that load, drain or fill a server start their own.

All tests share one event loop, for grpc.aio binds to the loop that it is first used on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.random_gguf import Shape, write
from echorator.agent.embedded import embedded_model
from tests.agent.serving import Agent, serving


@pytest.fixture(scope="session")
def echo_nano() -> Path:
    return embedded_model()


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a long context that takes some milliseconds a token, so that its requests still run when looked at."""
    shape = Shape(dim=256, layers=8, heads=4, kv_heads=4, ffn=768, context=16384)
    return write(tmp_path_factory.mktemp("models") / "slow.gguf", shape)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "encoder.gguf", Shape(arch="bert", context=512))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def agent(echo_nano: Path) -> AsyncIterator[Agent]:
    async with serving({"echo-nano": echo_nano}, context_tokens=8192) as running:
        yield running
