"""Opens, migrates and writes a SQLite file that one process holds: the part that all durable stores share.

The file is private to its owner and in WAL mode with synchronous = FULL: a transaction that was acknowledged is on the disk. Used by the
controller's state, the local cluster's journal and the memory, which hold the lock of their folder and put errors into their own words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from echorator.private_files import private_file

_BUSY_S = 30.0  # how long a statement waits for another connection's lock
_UNWRITABLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class NewerSchemaError(Exception):
    """The file was written by a newer version of Echorator; the message says which schema it has."""


def open_database(path: Path, migrations: Sequence[str], pragmas: Sequence[str] = (), *, statements: int = 128) -> sqlite3.Connection:
    """Open a file, create it where it is missing, and bring it to the newest schema.

    Args:
        path: the file; its folder exists.
        migrations: each brings `user_version` from its index to the next; one that was released is never changed.
        pragmas: further ones, such as "foreign_keys = ON".
        statements: compiled statements that the connection keeps.

    Returns:
        A connection in autocommit mode that any thread may use, one at a time; see `connect` for further ones.

    Raises:
        NewerSchemaError: the file is of a newer version.
        sqlite3.Error: SQLite cannot open or read it. No connection stays open then.
        OSError: the file cannot be created.
    """
    private_file(path)  # SQLite gives the WAL and shared memory files the same mode
    connection = connect(path, pragmas, statements=statements)
    try:
        migrate(connection, path, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, pragmas: Sequence[str] = (), *, statements: int = 128) -> sqlite3.Connection:
    """Open a further connection to a file that `open_database` has opened. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S, cached_statements=statements)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Apply the migrations that the file lacks, each in a transaction with its `user_version`. Raises NewerSchemaError, sqlite3.Error."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise NewerSchemaError(
            f"{path} was written by a newer version of Echorator (schema {version}, this one knows {len(migrations)}); update it"
        )
    for number, migration in enumerate(migrations[version:], version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            roll_back(connection)
            raise


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a write transaction: committed at its end, rolled back after any exception, which is raised again."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """End the transaction without its changes, unless SQLite has rolled it back itself, as it does when the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def is_unwritable(error: sqlite3.Error) -> bool:
    """Return whether the cause is outside the file: no space, no right to write, or a disk that fails."""
    return _primary(error) in _UNWRITABLE


def is_damaged(error: sqlite3.Error) -> bool:
    """Return whether the file is damaged, or no SQLite file."""
    return _primary(error) in _DAMAGED


def _primary(error: sqlite3.Error) -> int:
    """Return the primary result code, the low byte of the extended one (sqlite.org/rescode.html); -1 for Python's own errors."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1
