"""A connection to a server's ModelService; the generated stub is the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grpc import aio

from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000)]


def channel_to(server: str) -> aio.Channel:
    """A channel of its own to `server`, "host:port" or any target that gRPC resolves; a context manager."""
    return aio.insecure_channel(server, options=_OPTIONS)


@asynccontextmanager
async def connected(server: str) -> AsyncIterator[ModelServiceStub]:
    """The ModelService of `server`."""
    async with channel_to(server) as channel:
        yield ModelServiceStub(channel)
