"""SQLite files: every migration is applied once or not at all, a transaction is whole or gone, and errors are told apart."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cluster.journal import Journal, JournalDamagedError
from echorator.sqlite import NewerSchemaError, connect, is_damaged, is_unwritable, migrate, open_database, transaction

MIGRATIONS = ("CREATE TABLE a (n INTEGER);", "INSERT INTO a VALUES (1); CREATE TABLE b (n INTEGER);", "INSERT INTO b VALUES (2);")
FAILING = (*MIGRATIONS[:2], "INSERT INTO b VALUES (3); INSERT INTO nowhere VALUES (1);")


@contextmanager
def opened(path: Path, migrations: tuple[str, ...] = MIGRATIONS) -> Iterator[sqlite3.Connection]:
    connection = open_database(path, migrations)
    try:
        yield connection
    finally:
        connection.close()


def insert_and_fail(connection: sqlite3.Connection, failure: type[BaseException]) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO a VALUES (2)")
        raise failure


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def numbers(connection: sqlite3.Connection, table: str) -> list[int]:
    return [row[0] for row in connection.execute(f"SELECT n FROM {table}")]


def test_a_file_is_private_and_durable(tmp_path: Path) -> None:
    with opened(tmp_path / "x.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        for path in tmp_path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_further_connections_see_what_was_committed(tmp_path: Path) -> None:
    with opened(tmp_path / "x.db") as connection:
        other = connect(tmp_path / "x.db", ("query_only = ON",))
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (7)")
            assert numbers(other, "a") == [1]
        assert numbers(other, "a") == [1, 7]
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("INSERT INTO a VALUES (8)")
        assert is_unwritable(caught.value)
        other.close()


@given(st.lists(st.integers(0, len(MIGRATIONS)), max_size=4))
def test_each_migration_is_applied_once(steps: list[int]) -> None:
    """In whatever steps versions of the program come; an older one refuses the file."""
    connection, reached = sqlite3.connect(":memory:", isolation_level=None), 0
    try:
        for known in (*steps, len(MIGRATIONS)):
            if known < reached:
                with pytest.raises(NewerSchemaError, match=f"schema {reached}, this one knows {known}"):
                    migrate(connection, Path("x.db"), MIGRATIONS[:known])
            else:
                migrate(connection, Path("x.db"), MIGRATIONS[:known])
                reached = known
            assert version_of(connection) == reached
        assert (numbers(connection, "a"), numbers(connection, "b")) == ([1], [2])
    finally:
        connection.close()


def test_a_migration_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_database(tmp_path / "x.db", FAILING)
    with opened(tmp_path / "x.db", MIGRATIONS[:2]) as connection:
        assert version_of(connection) == 2
        assert numbers(connection, "b") == []
    with opened(tmp_path / "x.db") as connection:
        assert numbers(connection, "b") == [2]


def test_a_file_that_cannot_be_opened_is_not_kept_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    (tmp_path / "none.db").write_bytes(b"not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        open_database(tmp_path / "none.db", MIGRATIONS)
    assert is_damaged(caught.value)
    assert not is_unwritable(caught.value)
    with opened(tmp_path / "new.db"):
        pass
    with pytest.raises(NewerSchemaError):
        open_database(tmp_path / "new.db", MIGRATIONS[:1])
    with pytest.raises(sqlite3.OperationalError):
        open_database(tmp_path / "failing.db", FAILING)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, sqlite3.IntegrityError])
def test_a_transaction_is_whole_or_gone(tmp_path: Path, failure: type[BaseException]) -> None:
    with opened(tmp_path / "x.db") as connection:
        with pytest.raises(failure):
            insert_and_fail(connection, failure)
        assert numbers(connection, "a") == [1]
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (3)")
        assert numbers(connection, "a") == [1, 3]


def test_a_full_file_is_no_damage(tmp_path: Path) -> None:
    with opened(tmp_path / "x.db") as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full") as caught, transaction(connection):
            connection.executemany("INSERT INTO a VALUES (?)", [(n,) for n in range(10_000)])
        assert is_unwritable(caught.value)
        assert not is_damaged(caught.value)
        assert not connection.in_transaction
        assert numbers(connection, "a") == [1]


def test_an_error_of_python_is_of_neither_kind(tmp_path: Path) -> None:
    with opened(tmp_path / "x.db") as connection:
        pass
    with pytest.raises(sqlite3.ProgrammingError) as caught:
        connection.execute("SELECT 1")
    assert not is_unwritable(caught.value)
    assert not is_damaged(caught.value)


def test_a_journal_of_before_its_schema_had_a_number_is_taken(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    connection = connect(tmp_path / "resources.db")
    connection.execute("UPDATE versions SET reserved = 5")
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    journal = Journal(tmp_path)
    assert journal.reserve(0) == 5
    journal.close()


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    connection = connect(tmp_path / "resources.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalDamagedError, match="newer version of Echorator"):
        Journal(tmp_path)
