"""The shared store on a real redis-server beyond what all do (test_stores.py): kills, bytes of its files, a server that is not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.store import StoreUnavailableError
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.support.waiting import eventually

pytestmark = needs_redis
OWNER = Owner("t", "a", "u", "s")
AGREE_S = 1.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    running = RedisServer(folder)
    running.start()
    yield running
    running.stop()


async def replica(server: RedisServer) -> CognitionApi:
    return CognitionApi(await Cognition.open(RedisStore(server.url), HashedEmbedder(64), CognitionSettings(), None))


@pytest.mark.asyncio(loop_scope="session")
async def test_a_killed_redis_loses_nothing_acknowledged_and_replicas_go_on(server: RedisServer) -> None:
    api, other = await replica(server), await replica(server)
    kept: dict[int, str] = {}
    refused = 0
    for round_ in range(5):
        killer = threading.Timer(0.05, server.kill)
        for i in range(100_000):
            if i == 3:  # some are acknowledged, however busy the machine is
                killer.start()
            text = f"Round {round_}x{i} was fine."
            try:
                ids, _ = await api.cognition.remember(OWNER, [Told(text)])
            except StoreUnavailableError as error:
                assert "does not answer" in str(error)  # noqa: PT017
                refused += 1
                break
            kept[ids[0]] = text
        killer.join()
        server.start()
        opened = await api.cognition.existing(OWNER)
        rows = {m.id: m.text for m in api.cognition.store.scan(opened.namespace)}
        assert {i: rows.get(i) for i in kept} == kept
    assert refused == 5
    assert len(kept) > 10  # on a busy machine; what counts is that none of them is lost
    last = kept[max(kept)]

    async def seen() -> bool:
        return last in [r.memory.text for r in (await other.cognition.recall(OWNER, Asked(last, 3))).memories]

    await eventually(seen, "the other replica follows again", 5.0)
    await api.close()
    await other.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_erased_texts_are_in_no_file_of_redis(server: RedisServer) -> None:
    api = await replica(server)
    scope = common_pb2.Scope(user="ann", session="s")
    told = [pb.NewMemory(text="The secret is zanzibarquux."), pb.NewMemory(text="I like tea.")]
    await api.Remember(pb.RememberRequest(scope=scope, memories=told))
    await api.UpdateMemory(pb.UpdateMemoryRequest(scope=scope, id=1, text="The secret word is zanzibarquux."))  # the history has both
    await api.RecordExperience(pb.RecordExperienceRequest(scope=scope, user_text="My word is zanzibarquux.", answer="zanzibarquux!"))
    data = b"".join(p.read_bytes() for p in server.folder.rglob("*") if p.is_file())
    assert b"zanzibarquux" in data
    listed = await api.ListMemories(pb.ListMemoriesRequest(scope=scope, text="zanzibarquux"))
    ids = [m.id for m in listed.memories]
    assert len(ids) == 2
    await api.Forget(pb.ForgetRequest(scope=scope, ids=pb.MemoryIds(ids=ids)))
    data = b"".join(p.read_bytes() for p in server.folder.rglob("*") if p.is_file())
    assert b"zanzibarquux" not in data
    assert [m.text for m in (await api.ListMemories(pb.ListMemoriesRequest(scope=scope))).memories] == ["I like tea."]
    await api.close()


def test_a_redis_that_is_not_there_is_said_at_once() -> None:
    begin_s = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        RedisStore("redis://127.0.0.1:1/0")
    assert time.monotonic() - begin_s < 20
    with pytest.raises(InvalidRequestError, match="nonsense"):
        RedisStore("nonsense://x")
