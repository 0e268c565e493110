"""A real agent on a free loopback port, and what the tests ask of it over gRPC."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.agent.server import AgentServer
from echorator.host.connection import connected
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.models.pulling import no_pulls
from tests.support.waiting import eventually

GREEDY = pb.Sampling(temperature=0.0)
GREETING = [pb.Message(role="user", content="Hello!")]


@dataclass
class Agent:
    """A running server and a client of it."""

    server: AgentServer
    stub: ModelServiceStub

    @property
    def address(self) -> str:
        return self.server.address

    async def stats(self, model: str = "") -> pb.Stats:
        call = self.stub.WatchStats(pb.WatchStatsRequest(model=model))
        async for stats in call:
            call.cancel()
            return stats
        raise AssertionError("no statistics came")

    async def idle(self, model: str = "", within_s: float = 15.0) -> None:
        """Wait until no slot is busy and nothing is queued."""

        async def holds() -> bool:
            stats = await self.stats(model)
            return stats.slots_busy == 0 and stats.queued == 0

        await eventually(holds, "every slot idle", within_s)

    async def busy(self, slots: int, model: str = "") -> None:
        """Wait until `slots` slots compute."""

        async def holds() -> bool:
            return (await self.stats(model)).slots_busy == slots

        await eventually(holds, f"{slots} busy slots")


@asynccontextmanager
async def serving(models: dict[str, Path], agent: ServerSettings | None = None, **engine: Any) -> AsyncIterator[Agent]:
    """Serve `models` by name with these engine settings while the context lasts.

    One thread: llama.cpp's threads spin for each other, and on a machine that is busy with other work they stand still.
    """
    engine = {"threads": 1} | engine
    first = next(iter(models.values()))
    server = AgentServer(agent or ServerSettings(port=0), EngineSettings(first, **engine), no_pulls())
    await server.start()
    try:
        for name, path in models.items():
            await server.registry.load(name, EngineSettings(path, **engine), lambda _stage, _fraction: None, checked=False)
        server.serve()
        async with connected(server.address) as stub:
            yield Agent(server, stub)
    finally:
        await server.close()


async def collected(call: Any) -> tuple[str, pb.Finish]:
    """The whole text of a stream and its finish."""
    text = ""
    while (reply := await call.read()) is not aio.EOF:
        text += reply.text
        if reply.HasField("finish"):
            return text, reply.finish
    raise AssertionError("the stream ended without a finish")


async def read(call: Any) -> Any:
    """The next message of a stream."""
    reply = await call.read()
    assert reply is not aio.EOF
    return reply


async def _ended(call: Any) -> None:
    while await call.read() is not aio.EOF:
        pass


async def refused(call: Any, code: grpc.StatusCode, *parts: str) -> aio.AioRpcError:
    """Assert that a unary call or a stream ends with `code` and a message with all `parts`."""
    with pytest.raises(aio.AioRpcError) as caught:
        await (_ended(call) if hasattr(call, "read") else call)
    error = caught.value
    assert error.code() is code, f"{error.code()}: {error.details()}"
    for part in parts:
        assert part in (error.details() or ""), error.details()
    return error


def user(text: str, system: str = "") -> list[pb.Message]:
    """A conversation of one question."""
    head = [pb.Message(role="system", content=system)] if system else []
    return [*head, pb.Message(role="user", content=text)]


def trailers(error: aio.AioRpcError) -> dict[str, Any]:
    """Trailing metadata of a status."""
    metadata: Iterable[tuple[str, Any]] = error.trailing_metadata() or ()
    return dict(metadata)


@asynccontextmanager
async def subprocess_serving(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`echorator serve` on a free port; yields the process and its address."""
    command = (sys.executable, "-m", "echorator", "serve", "--port", "0", "--threads", "1", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        found = re.match(r"listening on (\S+), try: grpcurl", line)
        assert found is not None, line
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def exit_code(process: asyncio.subprocess.Process, within_s: float) -> int:
    async with asyncio.timeout(within_s):
        return await process.wait()
