"""Opens the memory for a command: that of a server, over gRPC, or that of a folder, Redis or PostgreSQL, in this process."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from grpc import aio

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.embedder import Embedder
from echorator.cognition.embedders.gguf import GgufEmbedder
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.embedders.minilm import minilm_gguf
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from echorator.cognition.turns import Count, estimated_tokens
from echorator.cognition.upkeep.consolidating import Summarise
from echorator.cognition.upkeep.observing import Observe
from echorator.errors import EchoratorError
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_memory_status
from echorator.host.folders import cache_folder, data_folder
from echorator.host.running_file import memory_server_of
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub


async def embedder_of(name: str) -> Embedder:
    """Return the embedder of this name: hashed, minilm or a .gguf file. Raises CommandError, ModelFileError, ResourceError."""
    if name == "hashed":
        return HashedEmbedder()
    if name == "minilm":
        return await GgufEmbedder.open(minilm_gguf(cache_folder()))
    if name.endswith(".gguf"):
        return await GgufEmbedder.open(Path(name))
    raise CommandError(f"--embedder {name!r} is none: use hashed, minilm or a .gguf file", Exit.USAGE)


def store_of(where: str) -> tuple[Store, Path]:
    """Return the store of a folder or a URL ("" is the user's own folder), and the folder where its graphs are saved.

    Raises CommandError, StoreBusyError, StoreDamagedError, StoreUnavailableError, ResourceError, InvalidRequestError.
    """
    if "://" not in where:
        folder = Path(where) if where else data_folder()
        return SqliteStore(folder), folder
    graphs = cache_folder() / "graphs" / sha256(without_login(where).encode()).hexdigest()[:16]
    scheme = where.partition("://")[0]
    if scheme in ("redis", "rediss"):
        from echorator.cognition.storing.redis_store import RedisStore

        return RedisStore(where), graphs
    if scheme in ("postgresql", "postgres"):
        try:
            from echorator.cognition.storing.postgres.store import PostgresStore
        except ImportError as error:
            raise CommandError("a memory in PostgreSQL needs psycopg: pip install 'echorator[postgres]'", Exit.USAGE) from error
        return PostgresStore(where), graphs
    raise CommandError(f"--memory {scheme}://... is no place of a memory: use a folder, redis:// or postgresql://", Exit.USAGE)


def without_login(where: str) -> str:
    """Return the URL of a store without the name and the password in it, which others need not know to tell stores apart."""
    scheme, separator, rest = where.partition("://")
    server, slash, path = rest.partition("/")
    return f"{scheme}{separator}{server.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


async def open_memory(
    where: str, embedder: str, count: Count = estimated_tokens, summarise: Summarise | None = None, observe: Observe | None = None
) -> CognitionApi:
    """Open the memory of a folder or a URL. Raises what `store_of` and `embedder_of` raise."""
    made = await embedder_of(embedder)
    try:
        store, folder = store_of(where)
    except EchoratorError:
        await made.close()
        raise
    return CognitionApi(await Cognition.open(store, made, CognitionSettings(), folder), count, summarise, observe)


@asynccontextmanager
async def memory_of(arguments: argparse.Namespace) -> AsyncIterator[Any]:
    """Yield the calls of CognitionService, of a server or of this process. Errors of a server become CommandErrors."""
    server = memory_server_of(arguments.server, arguments.memory)
    if not server:
        api = await open_memory(arguments.memory, arguments.embedder)
        try:
            yield api
        finally:
            await api.close()
        return
    async with channel_to(server) as channel:
        try:
            yield CognitionServiceStub(channel)
        except aio.AioRpcError as error:
            raise await of_memory_status(error, server) from error
