"""A real server of CognitionService on a free loopback port, over a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.service import CognitionRole
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.host.connection import channel_to
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import Server, ServerSettings


@dataclass
class Memory:
    """A client of a running server, for one user."""

    stub: CognitionServiceStub
    user: str

    def scope(self, session: str = "") -> common_pb2.Scope:
        return common_pb2.Scope(user=self.user, session=session)

    async def remember(self, *texts: str, session: str = "") -> list[int]:
        told = [pb.NewMemory(text=text) for text in texts]
        return list((await self.stub.Remember(pb.RememberRequest(scope=self.scope(session), memories=told))).ids)

    async def recall(self, query: str, k: int = 10) -> list[str]:
        found = await self.stub.Recall(pb.RecallRequest(scope=self.scope(), query=query, k=k))
        return [r.memory.text for r in found.memories]

    async def texts(self) -> list[str]:
        return [m.text for m in (await self.stub.ListMemories(pb.ListMemoriesRequest(scope=self.scope(), page_size=1000))).memories]


@asynccontextmanager
async def memory_server(folder: Path) -> AsyncIterator[str]:
    """Its address."""
    store = SqliteStore(folder)
    api = CognitionApi(await Cognition.open(store, HashedEmbedder(), CognitionSettings(), folder))
    server = Server(ServerSettings(port=0))
    server.host(CognitionRole(api))
    await server.start()
    server.serve()
    yield server.address
    await server.close()


@asynccontextmanager
async def remembering(folder: Path) -> AsyncIterator[CognitionServiceStub]:
    async with memory_server(folder) as address, channel_to(address) as channel:
        yield CognitionServiceStub(channel)
