"""One gateway with a scripted agent for all tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.http.scripted import Scripted, scripting


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scripted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripting(tmp_path_factory.mktemp("scripted")) as setting:
        yield setting
