"""Every kind of store over a real server or file, for tests that hold for all of them.

`STORES` parametrizes a test over all, `SHARED` over those that replicas share. The servers run as long as the test session; each place is
empty and of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from echorator.cognition.storing.postgres.store import PostgresStore
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from tests.cognition.storing.postgres_server import PostgresServer, needs_postgres
from tests.cognition.storing.redis_server import RedisServer, needs_redis

SHARED = (pytest.param("redis", marks=needs_redis), pytest.param("postgres", marks=needs_postgres))
STORES = ("sqlite", *SHARED)
_numbers = count(1)


def store_at(kind: str, where: str) -> Store:
    """Open the store at a folder or a URL."""
    if kind == "sqlite":
        return SqliteStore(Path(where))
    return RedisStore(where) if kind == "redis" else PostgresStore(where)


@contextmanager
def durable_place(kind: str, folder: Path) -> Iterator[str]:
    """Yield an empty folder or the URL of a server of the caller's own, where what is acknowledged is on the disk."""
    if kind == "sqlite":
        yield str(folder)
        return
    if kind == "redis":
        (folder / "redis").mkdir()
    server = RedisServer(folder / "redis") if kind == "redis" else PostgresServer()
    try:
        server.start()
        yield server.url if isinstance(server, RedisServer) else server.database()
    finally:
        server.stop()


@dataclass(frozen=True)
class Place:
    """A place where a store keeps its data; several calls of `open` are several replicas, where the store is shared."""

    kind: str
    open: Callable[[], Store]
    url: str = ""


class Servers:
    """The servers that were asked for, each started once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis: RedisServer | None = None
        self._postgres: PostgresServer | None = None

    def place(self, kind: str) -> Place:
        """Return a new, empty place."""
        if kind == "sqlite":
            folder = self._folder / f"sqlite-{next(_numbers)}"
            return Place(kind, lambda: SqliteStore(folder))
        if kind == "redis":
            url, prefix = self.redis.url, f"test{next(_numbers)}"
            return Place(kind, lambda: RedisStore(url, prefix), url)
        url = self.postgres.database()
        return Place(kind, lambda: PostgresStore(url), url)

    @property
    def redis(self) -> RedisServer:
        if self._redis is None:
            folder = self._folder / "redis"
            folder.mkdir()
            self._redis = RedisServer(folder)
            self._redis.start()
        return self._redis

    @property
    def postgres(self) -> PostgresServer:
        if self._postgres is None:
            self._postgres = PostgresServer(fsync="off", full_page_writes="off")  # it is not killed
            self._postgres.start()
        return self._postgres

    def stop(self) -> None:
        for server in (self._redis, self._postgres):
            if server is not None:
                server.stop()
