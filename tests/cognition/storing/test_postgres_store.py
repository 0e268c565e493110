"""The store in PostgreSQL on a real server beyond what all do (test_stores.py): its loss, full disks, other roles, bytes, migrations."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Filter, Namespace
from echorator.cognition.reading.values import Fact
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.postgres import following
from echorator.cognition.storing.postgres.schema import PARTED, VERSION
from echorator.cognition.storing.postgres.store import PostgresStore
from echorator.cognition.storing.store import StoreBusyError, StoreDamagedError, StoreUnavailableError
from echorator.errors import InvalidRequestError, ResourceError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from tests.cognition.storing.memories import memory
from tests.cognition.storing.postgres_server import PostgresServer, needs_postgres
from tests.cognition.storing.stores import Servers
from tests.support.waiting import eventually, until

pytestmark = needs_postgres
OWNER = Owner("t", "a", "u", "s")


@pytest.fixture
def url(servers: Servers) -> str:
    return servers.postgres.database()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(url)
    opened.embedder("test", 4)
    yield opened
    opened.close()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of the test's own, which it may kill."""
    running = PostgresServer(wal_recycle="off", min_wal_size="32MB", max_wal_size="32MB")
    running.start()
    yield running
    running.stop()


def made(store: PostgresStore, user: str = "u") -> Namespace:
    space = store.namespace("t", "a", user, create=True)
    assert space is not None
    return space


def ended_in(url: str) -> str:
    """Return the statement that ends all connections to the database, and waits until they are ended."""
    return f"SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{database_of(url)}' AND pid <> pg_backend_pid()"


def database_of(url: str) -> str:
    return url.rpartition("/")[2]


async def replica(url: str) -> CognitionApi:
    return CognitionApi(await Cognition.open(PostgresStore(url), HashedEmbedder(64), CognitionSettings(), None))


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_a_killed_server_loses_nothing_acknowledged_and_replicas_go_on(server: PostgresServer) -> None:
    url = server.database()
    api, other = await replica(url), await replica(url)
    kept: dict[int, str] = {}
    for round_ in range(4):
        killer = threading.Timer(0.1, server.kill)
        for i in range(100_000):
            if i == 3:  # some are acknowledged, however busy the machine is
                killer.start()
            text = f"Round {round_}x{i} was fine."
            try:
                ids, _ = await api.cognition.remember(OWNER, [Told(text)])
            except StoreUnavailableError as error:
                assert "does not answer" in str(error)  # noqa: PT017
                break
            kept[ids[0]] = text
        killer.join()
        server.start()
        opened = await api.cognition.existing(OWNER)
        rows = {m.id: m.text for m in api.cognition.store.scan(opened.namespace)}
        assert {i: rows.get(i) for i in kept} == kept
    assert len(kept) > 10
    last = kept[max(kept)]

    async def seen() -> bool:
        return last in [r.memory.text for r in (await other.cognition.recall(OWNER, Asked(last, 3))).memories]

    await eventually(seen, "the other replica follows again", 10.0)
    await api.cognition.remember(OWNER, [Told("After it all is well.")])
    last = "After it all is well."
    await eventually(seen, "and goes on to", 10.0)
    await api.close()
    await other.close()


def test_connections_that_were_ended_are_replaced(servers: Servers, store: PostgresStore, url: str) -> None:
    space = made(store)
    for i in range(5):
        store.write(space, Batch(add=(memory(f"text {i}"),)), 1.0).result()
        servers.postgres.run(ended_in(url))
        assert [m.text for m in store.scan(space)][-1] == f"text {i}"  # the idle ones are known to be gone
        servers.postgres.run(ended_in(url))
        assert store.write(space, Batch(add=(memory("more"),)), 1.0).result().ids


def test_a_server_that_went_read_only_is_tried_again(servers: Servers, store: PostgresStore, url: str) -> None:
    space = made(store)
    name = database_of(url)
    servers.postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    servers.postgres.run(ended_in(url))
    with pytest.raises(StoreUnavailableError, match="read-only"):
        store.write(space, Batch(add=(memory("x"),)), 1.0).result()
    servers.postgres.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    servers.postgres.run(ended_in(url))
    assert store.write(space, Batch(add=(memory("x"),)), 1.0).result().ids


def test_a_lock_that_is_held_for_too_long_is_said_and_harms_nothing(store: PostgresStore, url: str) -> None:
    space = made(store)
    number = store.write(space, Batch(add=(memory("x"),)), 1.0).result().ids[0]
    with psycopg.connect(url) as other:
        other.execute(b"SELECT 1 FROM echorator.namespaces FOR UPDATE")
        begin_s = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="nothing of this request was stored"):
            store.write(space, Batch(add=(memory("y"),)), 1.0).result()
        assert time.monotonic() - begin_s < 25
        assert [m.id for m in store.memories(space, [number])] == [number]  # reading goes on
    assert store.write(space, Batch(add=(memory("z"),)), 1.0).result().ids
    assert [m.text for m in store.scan(space)] == ["x", "z"]


def test_a_full_disk_refuses_with_a_clear_error_and_loses_nothing(url: str, servers: Servers) -> None:
    """The limit of a process's temporary files stands for the disk: both are of the class "insufficient resources"."""
    store = PostgresStore(url)
    store.embedder("test", 4)
    space = made(store)
    kept = store.write(space, Batch(add=(memory("kept"),)), 1.0).result().ids
    servers.postgres.run(
        "CREATE FUNCTION echorator.no_space() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$",
        database_of(url),
    )
    servers.postgres.run(
        "CREATE TRIGGER no_space BEFORE INSERT ON echorator.changes FOR EACH ROW EXECUTE FUNCTION echorator.no_space()", database_of(url)
    )
    with pytest.raises(ResourceError, match="free some space and try again"):
        store.write(space, Batch(add=(memory("lost"),)), 1.0).result()
    servers.postgres.run("DROP TRIGGER no_space ON echorator.changes", database_of(url))
    assert [m.id for m in store.scan(space)] == list(kept)
    store.close()


def test_no_row_is_seen_but_those_of_the_namespace_that_a_transaction_names(store: PostgresStore, url: str) -> None:
    spaces = [made(store, f"u{i}") for i in range(20)]
    facts = (Fact("fox", "colour", "red"),)
    for space in spaces:
        store.write(space, Batch(add=(memory("mine", facts=facts), memory("mine too")), documents={"d": b"x"}), 1.0).result()
    with psycopg.connect(url, autocommit=True) as connection:
        for table in PARTED:
            with pytest.raises(psycopg.errors.UndefinedObject):  # without a name there is nothing to see
                connection.execute(f"SELECT * FROM echorator.{table}".encode())
        with connection.transaction():
            connection.execute("SELECT set_config('echorator.namespace', %s, true)", (str(spaces[3].id),))
            for table in ("memories", "topics", "documents", "changes"):
                rows = connection.execute(f"SELECT DISTINCT namespace FROM echorator.{table}".encode()).fetchall()
                assert rows == [(spaces[3].id,)]
            assert connection.execute(b"DELETE FROM echorator.memories").rowcount == 2
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), connection.transaction():
                connection.execute("INSERT INTO echorator.documents VALUES (%s, 'd2', '')", (spaces[4].id,))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):  # the name ended with its transaction
            connection.execute(b"SELECT * FROM echorator.memories")
    assert [len(list(store.scan(space))) for space in spaces[2:5]] == [2, 0, 2]


def test_a_role_that_is_beyond_row_level_security_is_warned_of(servers: Servers, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        PostgresStore(url).close()
        assert "superuser" not in caplog.text
        PostgresStore(url.replace("memory@", "postgres@")).close()
    assert "superuser" in caplog.text
    assert "fsync" in caplog.text  # the shared server of the tests has it off
    assert servers.postgres.port


def test_replicas_that_start_at_once_make_the_tables_once(servers: Servers) -> None:
    url = servers.postgres.database()
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(PostgresStore, [url] * 4))
    space = made(stores[0])
    assert {made(store) for store in stores} == {space}
    assert {store.embedder("test", 4) for store in stores} == {1}
    for store in stores:
        store.close()
    assert servers.postgres.rows("SELECT version FROM echorator.schema_version ORDER BY 1", database_of(url)) == [
        (i,) for i in range(1, VERSION + 1)
    ]


def test_a_newer_schema_is_refused_and_left_alone(servers: Servers, url: str) -> None:
    PostgresStore(url).close()
    servers.postgres.run(f"INSERT INTO echorator.schema_version VALUES ({VERSION + 1})", database_of(url))
    with pytest.raises(StoreBusyError, match="newer version"):
        PostgresStore(url)


def test_a_server_that_is_not_there_and_a_wrong_url_are_said_at_once() -> None:
    begin_s = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"PostgreSQL at 127\.0\.0\.1:1/x does not answer"):
        PostgresStore("postgresql://u:secret@127.0.0.1:1/x")
    assert time.monotonic() - begin_s < 20
    with pytest.raises(InvalidRequestError, match="postgresql"):
        PostgresStore("postgresql://u:secret@127.0.0.1:notaport/x?nonsense=1")


def test_a_role_that_may_not_make_the_tables_is_said(servers: Servers, url: str) -> None:
    servers.postgres.run("DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with pytest.raises(StoreDamagedError, match="permission denied"):
        PostgresStore(url.replace("memory@", "guest@"))


def test_texts_that_postgresql_cannot_keep_are_refused(store: PostgresStore) -> None:
    space = made(store)
    for text in ("a\0b", "half \ud83d"):
        with pytest.raises(InvalidRequestError, match="cannot keep"):
            store.write(space, Batch(add=(memory(text, terms=memory("").terms),)), 1.0).result()
    with pytest.raises(InvalidRequestError):
        store.page(space, Filter(speaker="a\0b"), "", None, 0, 9)
    assert list(store.scan(space)) == []
    assert store.write(space, Batch(add=(memory("x"),)), 1.0).result().ids


def test_a_wrong_list_of_topics_is_found_and_made_anew(servers: Servers, store: PostgresStore, url: str) -> None:
    space = made(store)
    facts = (Fact("fox", "colour", "red"),)
    store.write(space, Batch(add=(memory("red fox", facts=facts), memory("brown fox", facts=facts))), 1.0).result()
    servers.postgres.run("DELETE FROM echorator.topics WHERE memory = 1", database_of(url))
    servers.postgres.run(f"INSERT INTO echorator.topics VALUES ({space.id}, 7, 9)", database_of(url))
    servers.postgres.run(f"UPDATE echorator.memories SET embedding = '\\x00' WHERE id = 2 AND namespace = {space.id}", database_of(url))
    wrong = "memory 2: its vector or its terms have a wrong length"
    findings, count = store.check(repair=False)
    assert ([f.what for f in findings], count) == ([wrong, "the facts of 2 memories are not listed as they are"], 2)
    assert [f.repaired for f in store.check(repair=True)[0]] == [False, True]
    assert [f.what for f in store.check(repair=False)[0]] == [wrong]
    assert [m.text for m in store.facts(space, "fox", "colour")] == ["red fox", "brown fox"]


def files_with(folder: Path, text: bytes) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_erased_texts_are_in_no_file_of_postgresql(server: PostgresServer) -> None:
    url = server.database()
    api = await replica(url)
    scope = common_pb2.Scope(user="ann", session="s")
    told = [pb.NewMemory(text="The secret is zanzibarquux."), pb.NewMemory(text="I like tea.")]
    await api.Remember(pb.RememberRequest(scope=scope, memories=told))
    await api.UpdateMemory(pb.UpdateMemoryRequest(scope=scope, id=1, text="The secret word is zanzibarquux."))  # the history has both
    await api.RecordExperience(pb.RecordExperienceRequest(scope=scope, user_text="My word is zanzibarquux.", answer="zanzibarquux!"))
    server.run("CHECKPOINT")
    assert any(name.startswith("data/base") for name in files_with(server.folder, b"zanzibarquux"))
    listed = await api.ListMemories(pb.ListMemoriesRequest(scope=scope, text="zanzibarquux"))
    ids = [m.id for m in listed.memories]
    assert len(ids) == 2
    await api.Forget(pb.ForgetRequest(scope=scope, ids=pb.MemoryIds(ids=ids)))
    left = files_with(server.folder, b"zanzibarquux")
    assert [name for name in left if not name.startswith("data/pg_wal")] == []
    assert [m.text for m in (await api.ListMemories(pb.ListMemoriesRequest(scope=scope))).memories] == ["I like tea."]
    # The log goes with the next checkpoints, unless old segments are renamed for reuse (wal_recycle).
    for _ in range(2):
        server.run("SELECT pg_switch_wal()")
        server.run("CHECKPOINT")
    assert files_with(server.folder, b"zanzibarquux") == []
    await api.Forget(pb.ForgetRequest(scope=scope, everything=True))
    server.run("CHECKPOINT")
    assert [name for name in files_with(server.folder, b"I like tea") if not name.startswith("data/pg_wal")] == []
    await api.close()


def test_an_erasure_that_others_still_see_is_not_called_done(store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echorator.cognition.storing.postgres.rewriting.WAIT_S", 0.2)
    space = made(store)
    ids = store.write(space, Batch(add=(memory("x"), memory("y"))), 1.0).result().ids
    with psycopg.connect(url) as reader:
        reader.execute(b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute(b"SELECT count(*) FROM echorator.namespaces")
        with pytest.raises(ResourceError, match="still sees them"):
            store.erase(space, ids[:1], 2.0)
        assert [m.text for m in store.scan(space)] == ["y"]
    assert store.erase(space, ids[:1], 3.0) == 0  # and now all bytes are gone


def test_followers_miss_nothing_whatever_the_order_of_commits(store: PostgresStore, url: str) -> None:
    """A transaction that began first and commits last, one that is never committed, and many at the same time."""
    other = PostgresStore(url)
    told: list[tuple[int, list[int] | None]] = []
    other.follow(lambda namespace, ids, _: told.append((namespace, ids)))
    spaces = [made(store, f"u{i}") for i in range(6)]
    slow = psycopg.connect(url)
    slow.execute(b"INSERT INTO echorator.feed (origin, namespace, ids, documents) VALUES ('slow', 77, '{1}', '{}')")
    broken = psycopg.connect(url)
    broken.execute(b"INSERT INTO echorator.feed (origin, namespace, ids, documents) VALUES ('broken', 78, '{1}', '{}')")
    receipts = [(space, store.write(space, Batch(add=(memory(f"x{i}"),)), 1.0)) for i in range(30) for space in spaces]
    expected = sorted((space.id, [future.result().ids[0]]) for space, future in receipts)
    until(lambda: sorted(told, key=str) == sorted(expected, key=str), "all are told while a transaction is open")
    slow.commit()
    broken.rollback()
    until(lambda: (77, [1]) in told, "the one that was committed last")
    store.write(spaces[0], Batch(documents={"d": b"x"}), 1.0).result()
    until(lambda: (spaces[0].id, []) in told, "and the next")
    assert len(told) == len(expected) + 2  # each once, and nothing of the rolled back one
    for connection in (slow, broken):
        connection.close()
    other.close()


def test_a_follower_that_was_away_while_changes_were_deleted_reads_all_again(
    servers: Servers, store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "DELETE_EACH_S", 0.0)
    told: list[tuple[int, list[int] | None]] = []
    space = made(store)
    slow = psycopg.connect(url)  # holds back what the follower has certainly seen
    slow.execute(b"INSERT INTO echorator.feed (origin, namespace, ids, documents) VALUES ('slow', 77, '{1}', '{}')")
    other = PostgresStore(url)
    other.follow(lambda namespace, ids, _: told.append((namespace, ids)))
    store.write(space, Batch(documents={"d": b"x"}), 1.0).result()
    until(lambda: (space.id, []) in told)
    slow.rollback()
    slow.close()
    servers.postgres.run("UPDATE echorator.feed SET at = now() - interval '2 hours'", database_of(url))
    until(lambda: servers.postgres.rows("SELECT count(*) FROM echorator.feed", database_of(url)) == [(0,)], "old changes are deleted")
    assert (0, None) not in told
    servers.postgres.run("UPDATE echorator.feed_deleted SET xact = pg_current_xact_id()", database_of(url))
    until(lambda: (0, None) in told, "all is read again")
    other.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_many_calls_share_few_connections(store: PostgresStore) -> None:
    space = made(store)
    ids = store.write(space, Batch(add=(memory("x"),)), 1.0).result().ids
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(40) as pool:
        found = await asyncio.gather(*(loop.run_in_executor(pool, store.memories, space, ids) for _ in range(400)))
    assert all(len(one) == 1 for one in found)


def test_nothing_of_the_password_is_shown(servers: Servers) -> None:
    with pytest.raises(StoreUnavailableError) as refused:
        PostgresStore(f"postgresql://memory:hunter2@127.0.0.1:{servers.postgres.port}/absent")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(os.environ)
