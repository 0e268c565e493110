"""Whoever watches the changes misses none: across breaks of the stream, restarts of the server, replicas, and erasures."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.service import CognitionRole
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from echorator.host.connection import channel_to
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import Server, ServerSettings
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.support.agents import refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE_S = 20.0
Stub = CognitionServiceStub
ANN = common_pb2.Scope(tenant="t", user="ann")
BOB = common_pb2.Scope(tenant="t", user="bob")


async def serving(store: Callable[[], Store]) -> Server:
    server = Server(ServerSettings(port=0, grace_s=2.0))
    api = CognitionApi(await Cognition.open(store(), HashedEmbedder(32), CognitionSettings(), None))
    server.host(CognitionRole(api))
    await server.start()
    server.serve()
    return server


@asynccontextmanager
async def replica(store: Callable[[], Store]) -> AsyncIterator[Stub]:
    server = await serving(store)
    try:
        async with channel_to(server.address) as channel:
            yield CognitionServiceStub(channel)
    finally:
        await server.close()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same store each time."""
    if request.param == "sqlite":
        yield lambda: SqliteStore(tmp_path / "memory")
        return
    server = RedisServer(tmp_path)
    server.start()
    yield lambda: RedisStore(server.url)
    server.stop()


async def tell(stub: Stub, scope: common_pb2.Scope, *texts: str) -> list[int]:
    told = [pb.NewMemory(text=text) for text in texts]
    return list((await stub.Remember(pb.RememberRequest(scope=scope, memories=told))).ids)


async def seen(stub: Stub, count: int, after: str = "", **whose: object) -> list[pb.WatchChangesResponse]:
    """The next `count` changes after a cursor."""
    request = pb.WatchChangesRequest(after=after, interval_ms=100, **whose)  # type: ignore[arg-type]
    call = stub.WatchChanges(request)
    found: list[pb.WatchChangesResponse] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = await call.read()
            assert isinstance(first, pb.WatchChangesResponse)
            assert not first.HasField("change")
            assert first.cursor == after or not after
            while len(found) < count:
                reply = await call.read()
                assert isinstance(reply, pb.WatchChangesResponse)
                found.append(reply)
    finally:
        call.cancel()
    return found


def shown(replies: list[pb.WatchChangesResponse]) -> list[tuple[str, str, int]]:
    return [(r.scope.user, r.change.action, r.change.memory_id) for r in replies]


async def test_changes_come_in_order_with_what_has_been_first(opened: Callable[[], Store]) -> None:
    async with replica(opened) as stub:
        first, second = await tell(stub, ANN, "It rained.", "It snowed.")
        await tell(stub, BOB, "It hailed.")
        replies = await seen(stub, 2, scope=ANN)
        watching = asyncio.create_task(seen(stub, 2, replies[-1].cursor, scope=ANN))
        await stub.UpdateMemory(pb.UpdateMemoryRequest(scope=ANN, id=first, pinned=True))
        await stub.Forget(pb.ForgetRequest(scope=ANN, ids=pb.MemoryIds(ids=[second])))
        replies += await watching
        actions = [("remembered", first), ("remembered", second), ("updated", first), ("erased", second)]
        assert shown(replies) == [("ann", *one) for one in actions]
        history = await stub.History(pb.HistoryRequest(scope=ANN))
        assert replies[0].change in history.changes


async def test_one_who_comes_and_goes_sees_each_change_once(opened: Callable[[], Store]) -> None:
    rng = random.Random(7)
    told: list[int] = []
    got: list[int] = []
    of_tenant: list[tuple[str, str, int]] = []
    cursor = tenant_cursor = ""

    async def write(stub: Stub) -> None:
        for scope in (ANN, BOB, ANN):
            ids = await tell(stub, scope, *(uuid.uuid4().hex for _ in range(rng.randint(1, 9))))
            told.extend(ids if scope is ANN else ())
            of_tenant.extend((scope.user, "remembered", i) for i in ids)

    for _ in range(3):  # a server, again and again over the same store
        async with replica(opened) as stub:
            writing = asyncio.create_task(write(stub))
            if got:
                replies = await seen(stub, 2, cursor, scope=ANN)  # changes from while it was away, or that are made now
                got += [r.change.memory_id for r in replies]
                cursor = replies[-1].cursor
            await writing
            replies = await seen(stub, len(told) - len(got), cursor, scope=ANN)
            got += [r.change.memory_id for r in replies]
            cursor = replies[-1].cursor
            await tell(stub, ANN, late := uuid.uuid4().hex)
            told += [m.id for m in (await stub.ListMemories(pb.ListMemoriesRequest(scope=ANN, text=late))).memories]
            of_tenant.append(("ann", "remembered", told[-1]))
    assert got == told[:-1]
    async with replica(opened) as stub:
        assert [r.change.memory_id for r in await seen(stub, 1, cursor, scope=ANN)] == told[-1:]
        half = len(of_tenant) // 2
        replies = await seen(stub, half, tenant="t")
        tenant_cursor = replies[-1].cursor
        replies += await seen(stub, len(of_tenant) - half, tenant_cursor, tenant="t")
        assert shown(replies) == of_tenant
        assert {r.scope.tenant for r in replies} == {"t"}


async def test_from_now_on_begins_with_what_happens_next(opened: Callable[[], Store]) -> None:
    async with replica(opened) as stub:
        await tell(stub, ANN, "It rained.")
        for whose in ({"scope": ANN}, {"tenant": "t"}, {"scope": common_pb2.Scope(tenant="t", user="carl")}):
            call = stub.WatchChanges(pb.WatchChangesRequest(skip_past=True, interval_ms=100, **whose))
            first = await call.read()
            assert isinstance(first, pb.WatchChangesResponse)
            scope = whose.get("scope", ANN)
            assert isinstance(scope, common_pb2.Scope)
            (number,) = await tell(stub, scope, uuid.uuid4().hex)
            async with asyncio.timeout(PATIENCE_S):
                reply = await call.read()
            assert isinstance(reply, pb.WatchChangesResponse)
            assert (reply.change.memory_id, reply.change.action) == (number, "remembered")
            call.cancel()


async def test_an_erased_namespace_is_told_as_erased_also_to_one_who_was_away(opened: Callable[[], Store]) -> None:
    everything = pb.ForgetRequest(scope=ANN, everything=True)
    async with replica(opened) as stub:
        await tell(stub, ANN, "It rained.")
        await tell(stub, BOB, "It hailed.")
        (before,) = await seen(stub, 1, scope=ANN)
        *_, of_tenant = await seen(stub, 2, tenant="t")
        watching = asyncio.create_task(seen(stub, 1, before.cursor, scope=ANN))
        await asyncio.sleep(0)
        await stub.Forget(everything)
        (gone,) = await watching
        assert (gone.change.action, gone.change.memory_id, gone.namespace, gone.scope.user) == ("erased", 0, before.namespace, "")
        (again,) = await tell(stub, ANN, "It rained again.")
        replies = await seen(stub, 2, before.cursor, scope=ANN)
        assert shown(replies) == [("", "erased", 0), ("ann", "remembered", again)]
        assert replies[1].namespace != before.namespace
        assert shown(await seen(stub, 1, gone.cursor, scope=ANN)) == [("ann", "remembered", again)]
        replies = await seen(stub, 2, of_tenant.cursor, tenant="t")
        assert shown(replies) == [("", "erased", 0), ("ann", "remembered", again)]
        assert (replies[0].namespace, replies[0].change.detail) == (before.namespace, "")
        assert [r.scope.user for r in await seen(stub, 3, tenant="t")] == ["bob", "", "ann"]


async def test_a_server_that_drains_ends_its_watches(tmp_path: Path) -> None:
    server = await serving(lambda: SqliteStore(tmp_path))
    async with channel_to(server.address) as channel:
        call = CognitionServiceStub(channel).WatchChanges(pb.WatchChangesRequest(scope=ANN, interval_ms=100))
        await call.read()
        ending = asyncio.create_task(server.close())
        await refused(call, grpc.StatusCode.UNAVAILABLE, "shutting down")
        await ending


@needs_redis
async def test_what_one_replica_changes_is_seen_at_another(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        async with replica(lambda: RedisStore(server.url)) as one, replica(lambda: RedisStore(server.url)) as other:
            (first,) = await tell(one, ANN, "It rained.")
            (reply,) = await seen(other, 1, tenant="t")
            watching = asyncio.create_task(seen(one, 1, reply.cursor, tenant="t"))
            (second,) = await tell(other, BOB, "It hailed.")
            assert (shown([reply]), shown(await watching)) == ([("ann", "remembered", first)], [("bob", "remembered", second)])
    finally:
        server.stop()


async def test_a_watch_that_cannot_be_is_refused_in_words(opened: Callable[[], Store]) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    async with replica(opened) as stub:
        for request, says in (
            (pb.WatchChangesRequest(), "say whose changes"),
            (pb.WatchChangesRequest(scope=common_pb2.Scope()), "scope.user is empty"),
            (pb.WatchChangesRequest(tenant=""), "tenant is empty"),
            (pb.WatchChangesRequest(scope=ANN, after="x"), "after must be a cursor"),
            (pb.WatchChangesRequest(tenant="t", after="x-1"), "after must be a cursor"),
            (pb.WatchChangesRequest(scope=ANN, interval_ms=1), "interval_ms must be 100..60000"),
        ):
            await refused(stub.WatchChanges(request), invalid, says)
