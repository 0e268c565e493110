"""Connections to servers; the client of a ModelService is the generated stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grpc import aio

from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000)]


def channel_to(server: str) -> aio.Channel:
    """Return a new channel to `server`, which is "host:port" or any target that gRPC resolves; a context manager."""
    return aio.insecure_channel(server, options=_OPTIONS)


@asynccontextmanager
async def connected(server: str) -> AsyncIterator[ModelServiceStub]:
    """Connect to `server` while the context lasts and yield the stub of its ModelService."""
    async with channel_to(server) as channel:
        yield ModelServiceStub(channel)
