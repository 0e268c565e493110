"""Clients that ask one call after the other while something happens to the mesh, and count what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from grpc import aio

from echorator.host.connection import channel_to
from echorator.rpc.v1 import model_pb2
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.waiting import eventually

HELLO = [model_pb2.Message(role="user", content="Hello!")]


def chat(stub: ModelServiceStub) -> Any:
    request = model_pb2.ChatRequest(model="echo", messages=HELLO, sampling=model_pb2.Sampling(temperature=0.0))
    return stub.Chat(request, timeout=60.0)


async def answer(call: Any) -> tuple[str, int]:
    """The text and the number of messages with a finish."""
    text, finishes = "", 0
    while (reply := await call.read()) is not aio.EOF:
        text += reply.text
        finishes += reply.HasField("finish")
    return text, finishes


class Load:
    """Calls that go on, one after the other in each of `lanes`, until it is stopped."""

    def __init__(self, call: Callable[[], Awaitable[tuple[str, int]]], lanes: int) -> None:
        self._call = call
        self.answered = 0
        self.failures: list[str] = []
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._lane()) for _ in range(lanes)]

    async def _lane(self) -> None:
        while not self._stop.is_set():
            try:
                _, finishes = await self._call()
                assert finishes == 1, f"{finishes} finishes in one answer"
                self.answered += 1
            except aio.AioRpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")

    async def more(self, calls: int) -> None:
        before = self.answered
        await eventually(lambda: self.answered >= before + calls or bool(self.failures), f"{calls} more answers", 60.0)

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def client(address: str) -> Any:
    async with channel_to(address) as channel:
        yield ModelServiceStub(channel)
