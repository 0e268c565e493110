"""Asks the memory of the server for a dialogue: what is remembered of its user, what an id stands for, and to forget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import grpc
from grpc import aio

from echorator.host.connection import channel_to
from echorator.host.failure import of_memory_status
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub

PAGE = 1000
LIKELY = 0.2  # confidence from which a memory that shares no word with what is to be forgotten is offered
OFFERED = 5  # of those


class Remembered:
    """The memory of one user at one server. All methods raise CommandError."""

    def __init__(self, server: str, user: str) -> None:
        self._server = server
        self._scope = common_pb2.Scope(user=user)

    @asynccontextmanager
    async def _memory(self) -> AsyncIterator[CognitionServiceStub]:
        async with channel_to(self._server) as channel:
            try:
                yield CognitionServiceStub(channel)
            except aio.AioRpcError as error:
                raise await of_memory_status(error, self._server) from error

    async def of_ids(self, ids: Iterable[int]) -> list[pb.Memory]:
        """Return the memories with these ids that still exist."""
        found = []
        async with self._memory() as memory:
            for id_ in ids:
                try:
                    found.append(await memory.GetMemory(pb.GetMemoryRequest(scope=self._scope, id=id_)))
                except aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.NOT_FOUND:
                        raise
        return found

    async def all(self, words: str = "") -> list[pb.Memory]:
        """Return the active memories, those with all of these words where some are given, the oldest first."""
        request = pb.ListMemoriesRequest(scope=self._scope, text=words, lifecycle=pb.LIFECYCLE_ACTIVE, page_size=PAGE)
        found: list[pb.Memory] = []
        async with self._memory() as memory:
            while True:
                try:
                    page = await memory.ListMemories(request)
                except aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.NOT_FOUND:  # nothing was ever told by this user
                        return found
                    raise
                found += page.memories
                request.page_token = page.next_page_token
                if not request.page_token:
                    return found

    async def meant(self, words: str) -> list[pb.Memory]:
        """Return what may be meant by a wish to forget: the memory with this number, those with these words, else what is recalled."""
        if words.isdecimal() and (one := await self.of_ids([int(words)])):
            return one
        if found := await self.all(words):
            return found
        async with self._memory() as memory:
            try:
                answer = await memory.Recall(pb.RecallRequest(scope=self._scope, query=words, k=OFFERED))
            except aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return []
                raise
        return [one.memory for one in answer.memories if one.confidence >= LIKELY]

    async def forget(self, ids: Iterable[int]) -> int:
        """Erase the memories for good and return how many they were."""
        async with self._memory() as memory:
            done = await memory.Forget(pb.ForgetRequest(scope=self._scope, ids=pb.MemoryIds(ids=ids)))
        return done.forgotten
