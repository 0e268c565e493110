"""Terms that older rules made are made anew when a namespace is opened, on every store, and however often the process is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Patch
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings, Weights
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from echorator.cognition.text import TERMS_VERSION
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.cognition.storing.stores import STORES, Place

OWNER = Owner("t", "a", "u")
BY_WORDS = replace(Weights(*[0.0] * 10), lexical=1.0)
OLD = {"terms": np.array([1], np.uint64), "terms_version": TERMS_VERSION - 1}
MANY = 6_000


async def opened(store: Store) -> Cognition:
    return await Cognition.open(store, HashedEmbedder(8), CognitionSettings(), None)


async def told_and_aged(store: Store, texts: list[str]) -> None:
    """Remember the texts, and give them the terms that an older version would have left."""
    cognition = await opened(store)
    for start in range(0, len(texts), 1000):
        ids, _ = await cognition.remember(OWNER, [Told(text) for text in texts[start : start + 1000]])
        namespace = (await cognition.existing(OWNER)).namespace
        await asyncio.wrap_future(store.write(namespace, Batch(patch=tuple(Patch(i, OLD) for i in ids)), 1.0))
    await cognition.close()


async def by_words(cognition: Cognition, query: str) -> list[str]:
    """Return the texts of the memories that have a word of the query."""
    answer = await cognition.recall(OWNER, Asked(query, 3, weights=BY_WORDS))
    return [r.memory.text for r in answer.memories if r.coverage > 0]


async def check(store: Store) -> None:
    cognition = await opened(store)
    assert await by_words(cognition, "buy") == ["I bought a kite."]
    assert await by_words(cognition, "上海") == ["我住在上海。"]
    namespace = (await cognition.existing(OWNER)).namespace
    assert {m.terms_version for m in store.scan(namespace)} == {TERMS_VERSION}
    assert all(len(m.terms) > 2 for m in store.scan(namespace))
    await cognition.close()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("place", STORES, indirect=True)
async def test_older_terms_are_made_anew(place: Place) -> None:
    await told_and_aged(place.open(), ["I bought a kite.", "我住在上海。"])
    await check(place.open())
    await check(place.open())


@needs_redis
@pytest.mark.asyncio(loop_scope="session")
async def test_memories_from_before_the_number_was_stored_have_older_terms(tmp_path: Path) -> None:
    import redis

    server = RedisServer(tmp_path)
    server.start()
    try:
        await told_and_aged(RedisStore(server.url), ["I bought a kite.", "我住在上海。"])
        with closing(redis.Redis.from_url(server.url)) as client:
            for key in client.scan_iter(match="*:m:*"):
                client.hdel(key, "terms_version")
        await check(RedisStore(server.url))
    finally:
        server.stop()


@pytest.mark.slow
def test_a_killed_process_leaves_the_rest_to_the_next_one(tmp_path: Path) -> None:
    texts = ["I bought a kite.", "我住在上海。", *(f"filler number {i} of many" for i in range(MANY))]
    asyncio.run(told_and_aged(SqliteStore(tmp_path), texts))

    def present() -> int:
        with closing(sqlite3.connect(tmp_path / "memory.db", timeout=30)) as connection:
            query = "SELECT count(*) FROM memories WHERE terms_version = ?"
            return int(connection.execute(query, (TERMS_VERSION,)).fetchone()[0])

    child = os.fork()
    if child == 0:
        try:
            asyncio.run(open_all(tmp_path))
        finally:
            os._exit(0)
    while not present():
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the child ended before it stored anything"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert present() > 0
    asyncio.run(check(SqliteStore(tmp_path)))


async def open_all(folder: Path) -> None:
    cognition = await opened(SqliteStore(folder))
    await cognition.existing(OWNER)
