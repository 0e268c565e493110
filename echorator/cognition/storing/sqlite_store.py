"""The embedded store: one SQLite file in WAL mode, one writer thread with group commit, one reading connection per thread.

A write is acknowledged after the commit of its group is on the disk (synchronous = FULL). The writer puts all waiting work into
one transaction with a savepoint each, so that a refused batch harms no other and many callers share one flush. One process holds
the file (a lock beside it); labels are AUTOINCREMENT rowids, which are never used again. The file exceeds 400 lines because it has a
method for every call of `Store`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from echorator.cognition.memory import (
    Action,
    Batch,
    Change,
    Experience,
    Filter,
    Finding,
    Goal,
    Lifecycle,
    Memory,
    Namespace,
    Noted,
    Receipt,
)
from echorator.cognition.storing.schema import MIGRATIONS
from echorator.cognition.storing.sql_filter import FILTERED, conditions_of, filtered_of, with_text
from echorator.cognition.storing.sqlite_batch import apply, delete, erase, note, require
from echorator.cognition.storing.sqlite_check import faults, list_topics_anew, wrong_topics
from echorator.cognition.storing.sqlite_rows import FULL, LIGHT, memory_of
from echorator.cognition.storing.store import Counts, StoreBusyError, StoreDamagedError
from echorator.errors import EchoratorError, InvalidRequestError, ResourceError
from echorator.private_files import private_folder
from echorator.serving.folder_lock import FolderBusyError, hold
from echorator.sqlite import NewerSchemaError, connect, is_damaged, is_unwritable, open_database, transaction

CHUNK = 2000  # rows of one read
GROUP = 256  # batches of one transaction
FILES = ("memory.db*", "memory.lock", "graph-[0-9]*.bin", "graph-[0-9]*.json", "graph-[0-9]*.part")  # of the store in its folder
STATEMENTS = 256  # compiled statements that a connection keeps
PRAGMAS = (
    "foreign_keys = ON",
    "secure_delete = ON",  # deleted bytes are overwritten with zeros
    "cache_size = -16000",
    "mmap_size = 268435456",
    "temp_store = MEMORY",
)
ERASE_TRIES = 200  # attempts, 10 ms apart, to empty the write-ahead log, which readers block

T = TypeVar("T")
_Work = Callable[[sqlite3.Connection], Any]


def _translated(error: sqlite3.Error, path: Path) -> EchoratorError:
    if is_unwritable(error):
        return ResourceError(f"cannot write {path}: {error}; nothing of this request was stored, free some space and try again")
    if is_damaged(error):
        return StoreDamagedError(f"{path} is damaged ({error}); `echorator memory check --repair` saves what can be read")
    return StoreDamagedError(f"{path}: {error}")


class SqliteStore:
    """A `Store` in the folder `folder`; see `Store` for the methods and what they raise."""

    shared = False

    def __init__(self, folder: Path) -> None:
        """Open the store, or create it. Raises StoreBusyError, StoreDamagedError, ResourceError."""
        self.path = folder / "memory.db"
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._reads = threading.Condition()  # guards `_reading` and `_readers`
        self._reading = 0  # calls that use a reading connection now: closing it under them would crash SQLite
        self._queue: queue.SimpleQueue[tuple[_Work, Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        try:
            private_folder(folder, FILES)
            self._lock = hold(folder / "memory.lock")
        except FolderBusyError as error:
            raise StoreBusyError(f"{error}; or ask it over gRPC with --server") from error
        except OSError as error:
            raise ResourceError(f"cannot use {folder}: {error.strerror or error}") from error
        try:
            connection = open_database(self.path, MIGRATIONS, PRAGMAS, statements=STATEMENTS)
            connection.row_factory = sqlite3.Row
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, NewerSchemaError):
                raise StoreBusyError(str(error)) from error
            if isinstance(error, sqlite3.Error):
                raise _translated(error, self.path) from error
            raise
        self._writer = threading.Thread(target=self._write_all, args=(connection,), name="memory-writer", daemon=True)
        self._writer.start()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, PRAGMAS, statements=STATEMENTS)
        connection.row_factory = sqlite3.Row
        return connection

    # Writing

    def _write_all(self, connection: sqlite3.Connection) -> None:
        """Run the writer thread: everything that waits becomes one transaction, of at most `GROUP` batches."""
        ending = False
        while not ending:
            group: list[tuple[_Work, Future[Any]]] = []
            item = self._queue.get()
            while True:
                if item is None:
                    ending = True
                elif item[1].set_running_or_notify_cancel():
                    group.append(item)
                if len(group) >= GROUP or ending:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._commit(connection, group)
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _commit(self, connection: sqlite3.Connection, group: list[tuple[_Work, Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        refused: list[tuple[Future[Any], EchoratorError]] = []
        try:
            with transaction(connection):
                for work, future in group:
                    connection.execute("SAVEPOINT batch")
                    try:
                        done.append((future, work(connection)))
                        connection.execute("RELEASE batch")
                    except EchoratorError as refusal:
                        connection.execute("ROLLBACK TO batch")
                        connection.execute("RELEASE batch")
                        refused.append((future, refusal))
        except Exception as error:  # noqa: BLE001  whatever it is belongs to those who wait, not to this thread
            reason = _translated(error, self.path) if isinstance(error, sqlite3.Error) else error
            for _, future in group:
                future.set_exception(reason)
            return
        for future, result in done:
            future.set_result(result)
        for future, why in refused:
            future.set_exception(why)

    def _submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(ResourceError("the memory is closed"))
        else:
            self._queue.put((work, future))
        return future

    def write(self, namespace: Namespace, batch: Batch, at_s: float) -> Future[Receipt]:
        return self._submit(lambda connection: apply(connection, namespace.id, batch, at_s))

    def embedder(self, name: str, dimension: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT OR IGNORE INTO embedders (name, dimension) VALUES (?, ?)", (name, dimension))
            return int(connection.execute("SELECT id FROM embedders WHERE name = ? AND dimension = ?", (name, dimension)).fetchone()[0])

        return self._submit(work).result()

    def namespace(self, tenant: str, agent: str, user: str, create: bool) -> Namespace | None:
        key = (tenant, agent, user)
        find = "SELECT id FROM namespaces WHERE tenant = ? AND agent = ? AND user = ?"
        row = next(iter(self._rows(find, key)), None)
        if row is None and create:

            def work(connection: sqlite3.Connection) -> sqlite3.Row:
                connection.execute("INSERT OR IGNORE INTO namespaces (tenant, agent, user) VALUES (?, ?, ?)", key)
                made: sqlite3.Row = connection.execute(find, key).fetchone()
                return made

            row = self._submit(work).result()
        return None if row is None else Namespace(row[0], *key)

    def erase(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        """Erase as `Store.erase` says, and wait for readers, since the write-ahead log holds the texts until it is emptied."""
        erased = self._submit(lambda connection: erase(connection, namespace, ids, at_s)).result()
        connection = self._connect()
        try:
            for _ in range(ERASE_TRIES):
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                if not busy:
                    return erased
                time.sleep(0.01)
        except sqlite3.Error as error:
            raise _translated(error, self.path) from error
        finally:
            connection.close()
        raise ResourceError("the memories are gone, but their log is still being read and could not be emptied; forget again to finish")

    def purge(self, namespace: Namespace, ids: Sequence[int], at_s: float) -> None:
        def work(connection: sqlite3.Connection) -> None:
            require(connection, namespace.id)
            for memory_id in ids:
                delete(connection, namespace.id, int(memory_id))
                note(connection, namespace.id, at_s, int(memory_id), Action.ERASED, "faded")

        self._submit(work).result()

    # Reading

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        with self._reads:
            if self._closed:
                raise ResourceError("the memory is closed")
            self._reading += 1
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._connect()
                connection.execute("PRAGMA query_only = ON")
                self._local.connection = connection
                with self._reads:
                    self._readers.append(connection)
            yield connection
        finally:
            with self._reads:
                self._reading -= 1
                self._reads.notify_all()

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._reader() as connection:
                return query(connection)
        except sqlite3.Error as error:
            raise _translated(error, self.path) from error

    def _rows(self, query: str, arguments: Sequence[Any]) -> list[sqlite3.Row]:
        return self._read(lambda connection: connection.execute(query, arguments).fetchall())

    def namespaces(self, tenant: str, after: tuple[str, str] = ("", ""), most: int = 1 << 40) -> list[Namespace]:
        query = "SELECT * FROM namespaces WHERE tenant = ? AND (agent, user) > (?, ?) ORDER BY agent, user LIMIT ?"
        rows = self._rows(query, (tenant, *after, most))
        return [Namespace(*row) for row in rows]

    def memories(self, namespace: Namespace, ids: Sequence[int]) -> list[Memory]:
        found: dict[int, Memory] = {}
        for start in range(0, len(ids), 500):
            some = [int(i) for i in ids[start : start + 500]]
            marks = ", ".join("?" * len(some))
            # The + keeps SQLite from reading the whole namespace by its index (12.8 -> 2.6 ms a recall among 100,000).
            query = f"SELECT {LIGHT} FROM memories WHERE id IN ({marks}) AND +namespace = ?"
            found.update((row["id"], memory_of(row)) for row in self._rows(query, (*some, namespace.id)))
        return [found[i] for i in (int(i) for i in ids) if i in found]

    def facts(self, namespace: Namespace, subject: str, attribute: str) -> list[Memory]:
        query = f"""SELECT {LIGHT} FROM memories WHERE lifecycle = 1 AND id IN
            (SELECT memory FROM topics WHERE namespace = ? AND subject = ? AND attribute = ?) ORDER BY id"""
        return [memory_of(row) for row in self._rows(query, (namespace.id, subject, attribute))]

    def stating(self, namespace: Namespace) -> Iterator[Memory]:
        return self._all(namespace, LIGHT, "lifecycle = 1 AND id IN (SELECT memory FROM topics WHERE namespace = memories.namespace)")

    def page(self, namespace: Namespace, filter_: Filter, text: str, lifecycle: Lifecycle | None, after: int, limit: int) -> list[Memory]:
        filter_, found = with_text(filter_, text), list[Memory]()
        while (wanted := limit - len(found)) > 0:  # more than once only where one of them was erased meanwhile
            ids = list(islice(self._admitted(namespace, filter_, lifecycle, after), wanted))
            found += self.memories(namespace, ids)
            if len(ids) < wanted:
                break
            after = ids[-1]
        return found

    def matching(self, namespace: Namespace, filter_: Filter) -> list[int]:
        return list(self._admitted(namespace, filter_, Lifecycle.ACTIVE, 0))

    def _admitted(self, namespace: Namespace, filter_: Filter, lifecycle: Lifecycle | None, after: int) -> Iterator[int]:
        """Yield the ids above `after` of the memories that the filter admits."""
        where, arguments = conditions_of(filter_)
        if lifecycle is not None:
            where.append("lifecycle = ?")
            arguments.append(lifecycle)
        columns = "id" if filter_.indexed else FILTERED  # such a filter is met by all that meet the conditions
        query = f"SELECT {columns} FROM memories WHERE {' AND '.join(('namespace = ?', 'id > ?', *where))} ORDER BY id LIMIT ?"
        while rows := self._rows(query, (namespace.id, after, *arguments, CHUNK)):
            after = rows[-1]["id"]
            yield from (row["id"] for row in rows if filter_.indexed or filter_.admits(filtered_of(row)))
            if len(rows) < CHUNK:
                return

    def scan(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[Memory]:
        if ids is None:
            yield from self._all(namespace, FULL, "lifecycle = 1")
            return
        for start in range(0, len(ids), 500):
            some = sorted(int(i) for i in ids[start : start + 500])
            marks = ", ".join("?" * len(some))
            query = f"SELECT {FULL} FROM memories WHERE id IN ({marks}) AND +namespace = ? AND lifecycle = 1 ORDER BY id"
            yield from map(memory_of, self._rows(query, (*some, namespace.id)))

    def _all(self, namespace: Namespace, columns: str, condition: str) -> Iterator[Memory]:
        query = f"SELECT {columns} FROM memories WHERE namespace = ? AND {condition} AND id > ? ORDER BY id LIMIT ?"
        after = 0
        while rows := self._rows(query, (namespace.id, after, CHUNK)):
            yield from map(memory_of, rows)
            after = rows[-1]["id"]

    def archived(self, namespace: Namespace) -> Iterator[Memory]:
        return self._all(namespace, LIGHT, "lifecycle = 2")

    def everything(self, namespace: Namespace, vectors: bool) -> Iterator[Memory]:
        return self._all(namespace, FULL if vectors else LIGHT, "true")

    def associations(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[tuple[int, int, float]]:
        query = "SELECT a, b, min(1.0, sum(weight)) FROM associations WHERE namespace = ? {} GROUP BY a, b"
        if ids is None:
            yield from ((a, b, weight) for a, b, weight in self._rows(query.format(""), (namespace.id,)))
            return
        for start in range(0, len(ids), 200):
            some = [int(i) for i in ids[start : start + 200]]
            marks = ", ".join("?" * len(some))
            text, arguments = query.format(f"AND (a IN ({marks}) OR b IN ({marks}))"), (namespace.id, *some, *some)
            yield from ((a, b, weight) for a, b, weight in self._rows(text, arguments))

    def changed_since(self, namespace: Namespace, seq: int) -> set[int]:
        query = "SELECT DISTINCT memory FROM changes WHERE namespace = ? AND seq > ?"
        return {row[0] for row in self._rows(query, (namespace.id, seq))}

    def history(self, namespace: Namespace, memory_id: int, before_seq: int, limit: int) -> list[Change]:
        where = "namespace = ? AND seq < ?" + (" AND memory = ?" if memory_id else "")
        arguments = (namespace.id, before_seq or 1 << 62, *((memory_id,) if memory_id else ()), limit)
        query = f"SELECT seq, at_s, memory, action, detail FROM changes WHERE {where} ORDER BY seq DESC LIMIT ?"
        return [Change(*row) for row in self._rows(query, arguments)]

    def changes_after(self, namespace: Namespace, seq: int, limit: int) -> list[Change]:
        query = "SELECT seq, at_s, memory, action, detail FROM changes WHERE namespace = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [Change(*row) for row in self._rows(query, (namespace.id, seq, limit))]

    def tenant_changes(self, tenant: str, after: str, limit: int) -> list[Noted]:
        if after and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise InvalidRequestError("after must be a cursor that WatchChanges gave for this tenant")
        query = """SELECT seq, at_s, memory, action, iif(memory, detail, ''), namespace FROM changes WHERE seq > ? AND
            (namespace IN (SELECT id FROM namespaces WHERE tenant = ?) OR (memory = 0 AND detail = ?)) ORDER BY seq LIMIT ?"""
        rows = self._rows(query, (int(after or 0), tenant, tenant, limit))
        return [Noted(str(row[0]), row[5], Change(*row[:5])) for row in rows]

    def tenant_cursor(self, tenant: str) -> str:  # noqa: ARG002  all tenants' changes are numbered together
        return str(self._rows("SELECT ifnull(max(seq), 0) FROM changes", ())[0][0])

    def experiences(self, namespace: Namespace, session: str, limit: int) -> list[Experience]:
        where = "namespace = ?" + (" AND session = ?" if session else "")
        arguments = (namespace.id, *((session,) if session else ()), limit)
        query = f"SELECT * FROM experiences WHERE {where} ORDER BY id DESC LIMIT ?"
        return [
            Experience(
                row["session"],
                row["at_s"],
                row["user_text"],
                row["answer"],
                row["model"],
                tuple(json.loads(row["recalled"])),
                tuple(json.loads(row["learned"])),
                row["outcome"],
                row["feedback"],
                row["id"],
            )
            for row in self._rows(query, arguments)
        ]

    def goals(self, namespace: Namespace) -> list[Goal]:
        query = "SELECT text, priority, embedding FROM goals WHERE namespace = ? ORDER BY place"
        rows = self._rows(query, (namespace.id,))
        try:
            return [Goal(text, priority, np.frombuffer(blob, np.float32)) for text, priority, blob in rows]
        except (ValueError, TypeError) as error:
            raise StoreDamagedError(f"the goals cannot be read: {error}; set them again") from error

    def document(self, namespace: Namespace, name: str) -> bytes:
        query = "SELECT body FROM documents WHERE namespace = ? AND name = ?"
        row = next(iter(self._rows(query, (namespace.id, name))), None)
        return bytes(row[0]) if row else b""

    def documents(self, namespace: Namespace, prefix: str) -> list[str]:
        query = "SELECT name FROM documents WHERE namespace = ? AND substr(name, 1, ?) = ? ORDER BY name"
        return [row[0] for row in self._rows(query, (namespace.id, len(prefix), prefix))]

    def counts(self, namespace: Namespace, embedder: int) -> Counts:
        def query(c: sqlite3.Connection) -> Counts:
            active, archived, superseded, stale = c.execute(
                """SELECT count(*) FILTER (WHERE lifecycle = 1), count(*) FILTER (WHERE lifecycle = 2),
                   count(*) FILTER (WHERE lifecycle = 1 AND valid_to_s > 0), count(*) FILTER (WHERE lifecycle = 1 AND embedder <> ?)
                   FROM memories WHERE namespace = ?""",
                (embedder, namespace.id),
            ).fetchone()
            experiences = c.execute("SELECT count(*) FROM experiences WHERE namespace = ?", (namespace.id,)).fetchone()[0]
            associations = c.execute("SELECT count(*) FROM associations WHERE namespace = ?", (namespace.id,)).fetchone()[0]
            last = c.execute("SELECT seq, at_s FROM changes WHERE namespace = ? ORDER BY seq DESC LIMIT 1", (namespace.id,)).fetchone()
            seq, at_s = last or (0, 0.0)
            return Counts(active, archived, superseded, experiences, associations, stale, at_s, seq)

        return self._read(query)

    def erasures(self, tenant: str) -> int:
        row = next(iter(self._rows("SELECT count FROM erasures WHERE tenant = ?", (tenant,))), None)
        return int(row[0]) if row else 0

    def check(self, repair: bool) -> tuple[list[Finding], int]:
        findings, count = self._read(faults)
        wrong = self._read(lambda connection: len(wrong_topics(connection)))
        if wrong and repair:
            self._submit(lambda connection: list_topics_anew(connection, wrong_topics(connection))).result()
        if wrong:
            findings.append(Finding(f"the facts of {wrong} memories are not listed as they are", repaired=repair))
        return findings, count

    def follow(self, on_change: Callable[[int, list[int] | None, list[str]], None]) -> None:
        """Do nothing: one process holds the file, so no other one can change it."""

    def close(self) -> None:
        with self._reads:
            if self._closed:
                return
            self._closed = True
            self._reads.wait_for(lambda: not self._reading)
        self._queue.put(None)
        self._writer.join()
        for connection in self._readers:
            connection.close()
        os.close(self._lock)
