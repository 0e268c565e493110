"""The gRPC calls behind the tools: finds the server anew for each call, and turns a status into words for a model.

The server is looked up each time, since a client starts its MCP servers once and for long, often before `echorator up` runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from grpc import aio

from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_memory_status, of_status
from echorator.host.running_file import gateway_of
from echorator.host.server_roles import Needed
from echorator.mcp.tool import ToolFailure
from echorator.ports import DEFAULT_AGENT
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub


@dataclass(frozen=True)
class Whose:
    """Whose memory the tools use. A call may name another session, and nothing else."""

    user: str
    agent: str = ""
    tenant: str = ""
    session: str = ""

    def scope(self, session: str = "") -> common_pb2.Scope:
        """Return the scope of a call in this session, "" for that of the options."""
        return common_pb2.Scope(tenant=self.tenant, agent=self.agent, user=self.user, session=session or self.session)


class NotThere(ToolFailure):
    """The server has no such memory or model, or has nothing of this user yet."""


class Calls:
    """Calls of the server at HOST:PORT; "" for the `up` that runs, else an agent on its default port.

    Each has a channel of its own: one that is kept waits longer and longer before it tries a server again that was not there.
    """

    def __init__(self, server: str) -> None:
        self._named = server

    @asynccontextmanager
    async def memory(self) -> AsyncIterator[Any]:
        """Yield the stub of CognitionService. Raises ToolFailure for a status of a call made meanwhile."""
        async with self._channel(of_memory_status) as channel:
            yield CognitionServiceStub(channel)

    @asynccontextmanager
    async def models(self) -> AsyncIterator[Any]:
        """Yield the stub of ModelService. Raises ToolFailure for a status of a call made meanwhile."""
        async with self._channel(partial(of_status, needed=Needed.MODELS)) as channel:
            yield ModelServiceStub(channel)

    @asynccontextmanager
    async def _channel(self, of: Callable[[aio.AioRpcError, str], Awaitable[CommandError]]) -> AsyncIterator[aio.Channel]:
        address = gateway_of(self._named) or DEFAULT_AGENT
        async with channel_to(address) as channel:
            try:
                yield channel
            except aio.AioRpcError as error:
                failure = await of(error, address)
                missing = error.code() is grpc.StatusCode.NOT_FOUND and str(failure) == error.details()
                raise (NotThere if missing else ToolFailure)(self._said(failure)) from error

    def _said(self, failure: CommandError) -> str:
        if failure.code is Exit.UNAVAILABLE and not self._named:
            return f"{failure} `echorator up` starts a server with models and a memory on this machine."
        return str(failure)
