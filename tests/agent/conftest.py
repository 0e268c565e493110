"""One server for all tests that only ask; tests that load, drain or fill a server start their own.

All tests share one event loop, for grpc.aio binds to the loop that it is first used on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.support.agents import Agent, serving


@pytest.fixture(scope="session")
def echo_nano() -> Path:
    return embedded_model()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def agent(echo_nano: Path) -> AsyncIterator[Agent]:
    async with serving({"echo-nano": echo_nano}, context_tokens=8192) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ranking(reranker: Path) -> AsyncIterator[Agent]:
    async with serving({"reranker": reranker}) as running:
        yield running
