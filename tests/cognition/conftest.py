"""One server for the tests that only need a user of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from tests.support.memories import Memory, remembering


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CognitionServiceStub]:
    async with remembering(tmp_path_factory.mktemp("memory")) as running:
        yield running


@pytest.fixture
def memory(stub: CognitionServiceStub) -> Memory:
    return Memory(stub, uuid.uuid4().hex)
