"""The shared store in PostgreSQL: one database for several replicas of the memory, each with its own indexes.

A batch is one transaction, acknowledged when its commit is on the disk, and on those of synchronous standbys where the server has some.
Rows are read by short queries, each of one namespace (`postgres.schema.enter`); other replicas learn of changes by a table
(`postgres.following`). `postgres.batch` has the changes. The file exceeds 400 lines because it has a method for every call of `Store`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import psycopg

from echorator.cognition.memory import Batch, Change, Experience, Filter, Finding, Goal, Lifecycle, Memory, Namespace, Noted, Receipt
from echorator.cognition.storing.postgres.batch import Writer
from echorator.cognition.storing.postgres.checking import faults
from echorator.cognition.storing.postgres.connections import Connections, translated
from echorator.cognition.storing.postgres.following import Following, OnChange
from echorator.cognition.storing.postgres.rewriting import rewrite
from echorator.cognition.storing.postgres.rows import FULL, LIGHT, conditions, experience_of, memory_of, topic_number
from echorator.cognition.storing.postgres.schema import migrate
from echorator.cognition.storing.postgres.tenant_log import last_cursor, noted_after
from echorator.cognition.storing.sql_filter import FILTERED, filtered_of, with_text
from echorator.cognition.storing.store import Counts, StoreDamagedError
from echorator.errors import EchoratorError, ResourceError

_log = logging.getLogger(__name__)

WRITERS = 8  # batches of different namespaces that are written at the same time; the server flushes their commits together
CHUNK = 1000  # rows of one read
_FILTERED = FILTERED.split(", ")


class PostgresStore:
    """A `Store` at a postgresql:// URL; see `Store` for the methods and what they raise."""

    shared = True

    def __init__(self, url: str) -> None:
        """Connect, and make or update the tables. Raises StoreUnavailableError, StoreBusyError, ResourceError, InvalidRequestError."""
        self._connections = Connections(url)
        self._where = self._connections.where
        self._origin = uuid.uuid4().hex
        self._following: Following | None = None
        try:
            with self._connections.lent() as connection:
                migrate(connection, self._where)
                self._warn_of_settings(connection)
        except (psycopg.Error, EchoratorError) as error:
            self._connections.close()
            raise (translated(error, self._where) if isinstance(error, psycopg.Error) else error) from error
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="memory-writer")
        self._closed = False

    def _warn_of_settings(self, connection: Any) -> None:
        (fsync, pages, beyond) = connection.execute(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'), rolsuper OR rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if "off" in (fsync, pages):
            _log.warning("PostgreSQL may lose what it acknowledged: set fsync and full_page_writes to on")
        if beyond:
            _log.warning("the role of the memory is a superuser or bypasses row-level security; give it a role of its own, without these")

    def _rows(self, namespace: Namespace | None, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._connections.reading(0 if namespace is None else namespace.id, query, arguments)

    def _write(self, namespace: Namespace, at_s: float, work: Callable[[Writer], Any]) -> Any:
        return self._connections.writing(namespace.id, lambda c: work(Writer(c, namespace, at_s, self._origin)))

    # Writing

    def write(self, namespace: Namespace, batch: Batch, at_s: float) -> Future[Receipt]:
        if self._closed:
            refused: Future[Receipt] = Future()
            refused.set_exception(ResourceError("the memory is closed"))
            return refused
        return self._writers.submit(self._write, namespace, at_s, lambda writer: writer.apply(batch))

    def embedder(self, name: str, dimension: int) -> int:
        query = "SELECT id FROM embedders WHERE name = %s AND dimension = %s"
        if not self._rows(None, query, name, dimension):
            self._rows(None, "INSERT INTO embedders (name, dimension) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id", name, dimension)
        return int(self._rows(None, query, name, dimension)[0][0])

    def namespace(self, tenant: str, agent: str, user: str, create: bool) -> Namespace | None:
        key = (tenant, agent, user)
        query = "SELECT id FROM namespaces WHERE tenant = %s AND agent = %s AND member = %s"
        found = self._rows(None, query, *key)
        while not found and create:  # more than once only where another replica erases what was just made
            made = "INSERT INTO namespaces (tenant, agent, member) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING id"
            found = self._rows(None, made, *key) or self._rows(None, query, *key)
        return Namespace(found[0][0], *key) if found else None

    def erase(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        """Erase as `Store.erase` says, and rewrite the files of the tables, which keep the bytes of deleted rows."""
        try:
            erased = int(self._write(namespace, at_s, lambda writer: writer.erase(ids)))
            rewrite(self._connections, namespace.id, ids is None)
        except psycopg.Error as error:
            raise translated(error, self._where) from error
        return erased

    def purge(self, namespace: Namespace, ids: Sequence[int], at_s: float) -> None:
        self._write(namespace, at_s, lambda writer: writer.purge(ids))

    # Reading

    def namespaces(self, tenant: str, after: tuple[str, str] = ("", ""), most: int = 1 << 40) -> list[Namespace]:
        query = """SELECT id, tenant, agent, member FROM namespaces WHERE tenant = %s AND (agent, member) > (%s, %s)
            ORDER BY agent, member LIMIT %s"""
        return [Namespace(*row) for row in self._rows(None, query, tenant, *after, most)]

    def _chosen(self, namespace: Namespace, names: Sequence[str], condition: str, *arguments: Any) -> list[Memory]:
        query = f"SELECT {', '.join(names)} FROM memories WHERE namespace = %s AND {condition} ORDER BY id"
        return [memory_of(names, row) for row in self._rows(namespace, query, namespace.id, *arguments)]

    def _all(self, namespace: Namespace, names: Sequence[str], condition: str = "true") -> Iterator[Memory]:
        after = 0
        query = f"SELECT {', '.join(names)} FROM memories WHERE namespace = %s AND id > %s AND {condition} ORDER BY id LIMIT {CHUNK}"
        while rows := self._rows(namespace, query, namespace.id, after):
            yield from (memory_of(names, row) for row in rows)
            after = rows[-1][0]

    def memories(self, namespace: Namespace, ids: Sequence[int]) -> list[Memory]:
        wanted = [int(i) for i in ids]
        found = {m.id: m for m in self._chosen(namespace, LIGHT, "id = ANY(%s)", wanted)} if wanted else {}
        return [found[i] for i in wanted if i in found]

    def facts(self, namespace: Namespace, subject: str, attribute: str) -> list[Memory]:
        condition = "lifecycle = 1 AND id IN (SELECT memory FROM topics WHERE namespace = %s AND topic = %s)"
        found = self._chosen(namespace, LIGHT, condition, namespace.id, topic_number(subject, attribute))
        return [m for m in found if any(fact.topic == (subject, attribute) for fact in m.facts)]

    def stating(self, namespace: Namespace) -> Iterator[Memory]:
        return self._all(namespace, LIGHT, "lifecycle = 1 AND facts <> '[]'")

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
        where, arguments = conditions(filter_)
        if lifecycle is not None:
            where.append("lifecycle = %s")
            arguments.append(int(lifecycle))
        names = ["id"] if filter_.indexed else _FILTERED  # such a filter is met by all that meet the conditions
        joined = " AND ".join(("namespace = %s", "id > %s", *where))
        query = f"SELECT {', '.join(names)} FROM memories WHERE {joined} ORDER BY id LIMIT {CHUNK}"
        while rows := self._rows(namespace, query, namespace.id, after, *arguments):
            after = rows[-1][0]
            yield from (row[0] for row in rows if filter_.indexed or filter_.admits(filtered_of(dict(zip(names, row, strict=True)))))
            if len(rows) < CHUNK:
                return

    def scan(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[Memory]:
        if ids is None:
            yield from self._all(namespace, FULL, "lifecycle = 1")
            return
        some = sorted({int(i) for i in ids})
        for start in range(0, len(some), CHUNK):
            yield from self._chosen(namespace, FULL, "lifecycle = 1 AND id = ANY(%s)", some[start : start + CHUNK])

    def archived(self, namespace: Namespace) -> Iterator[Memory]:
        return self._all(namespace, LIGHT, "lifecycle = 2")

    def everything(self, namespace: Namespace, vectors: bool) -> Iterator[Memory]:
        return self._all(namespace, FULL if vectors else LIGHT)

    def associations(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[tuple[int, int, float]]:
        query = "SELECT a, b, least(1, sum(weight)) FROM associations WHERE namespace = %s {} GROUP BY a, b ORDER BY a, b"
        if ids is None:
            rows = self._rows(namespace, query.format(""), namespace.id)
        else:
            some = [int(i) for i in ids]
            rows = self._rows(namespace, query.format("AND (a = ANY(%s) OR b = ANY(%s))"), namespace.id, some, some)
        yield from ((a, b, weight) for a, b, weight in rows)

    def changed_since(self, namespace: Namespace, seq: int) -> set[int]:
        query = "SELECT DISTINCT memory FROM changes WHERE namespace = %s AND seq > %s"
        return {row[0] for row in self._rows(namespace, query, namespace.id, seq)}

    def history(self, namespace: Namespace, memory_id: int, before_seq: int, limit: int) -> list[Change]:
        mine = "AND memory = %s" if memory_id else ""
        query = f"SELECT seq, at_s, memory, action, detail FROM changes WHERE namespace = %s AND seq < %s {mine} ORDER BY seq DESC LIMIT %s"
        arguments = (namespace.id, before_seq or 1 << 62, *((memory_id,) if memory_id else ()), limit)
        return [Change(*row) for row in self._rows(namespace, query, *arguments)]

    def changes_after(self, namespace: Namespace, seq: int, limit: int) -> list[Change]:
        query = "SELECT seq, at_s, memory, action, detail FROM changes WHERE namespace = %s AND seq > %s ORDER BY seq LIMIT %s"
        return [Change(*row) for row in self._rows(namespace, query, namespace.id, seq, limit)]

    def tenant_changes(self, tenant: str, after: str, limit: int) -> list[Noted]:
        return noted_after(self._connections, tenant, after, limit)

    def tenant_cursor(self, tenant: str) -> str:
        return last_cursor(self._connections, tenant)

    def experiences(self, namespace: Namespace, session: str, limit: int) -> list[Experience]:
        mine = "AND session = %s" if session else ""
        query = f"SELECT id, body FROM experiences WHERE namespace = %s {mine} ORDER BY id DESC LIMIT %s"
        rows = self._rows(namespace, query, namespace.id, *((session,) if session else ()), limit)
        return [experience_of(number, body) for number, body in rows]

    def goals(self, namespace: Namespace) -> list[Goal]:
        query = "SELECT text, priority, embedding FROM goals WHERE namespace = %s ORDER BY place"
        try:
            return [Goal(text, p, np.frombuffer(blob, np.float32)) for text, p, blob in self._rows(namespace, query, namespace.id)]
        except (ValueError, TypeError) as error:
            raise StoreDamagedError(f"the goals cannot be read: {error}; set them again") from error

    def document(self, namespace: Namespace, name: str) -> bytes:
        rows = self._rows(namespace, "SELECT body FROM documents WHERE namespace = %s AND name = %s", namespace.id, name)
        return bytes(rows[0][0]) if rows else b""

    def documents(self, namespace: Namespace, prefix: str) -> list[str]:
        query = "SELECT name FROM documents WHERE namespace = %s AND starts_with(name, %s) ORDER BY name"
        return [row[0] for row in self._rows(namespace, query, namespace.id, prefix)]

    def counts(self, namespace: Namespace, embedder: int) -> Counts:
        query = """SELECT
            count(*) FILTER (WHERE lifecycle = 1), count(*) FILTER (WHERE lifecycle = 2),
            count(*) FILTER (WHERE lifecycle = 1 AND valid_to_s > 0),
            (SELECT count(*) FROM experiences WHERE namespace = %(ns)s), (SELECT count(*) FROM associations WHERE namespace = %(ns)s),
            count(*) FILTER (WHERE lifecycle = 1 AND embedder <> %(embedder)s),
            coalesce((SELECT at_s FROM changes WHERE namespace = %(ns)s ORDER BY seq DESC LIMIT 1), 0),
            coalesce((SELECT max(seq) FROM changes WHERE namespace = %(ns)s), 0)
            FROM memories WHERE namespace = %(ns)s"""
        return Counts(*self._connections.reading(namespace.id, query, {"ns": namespace.id, "embedder": embedder})[0])

    def erasures(self, tenant: str) -> int:
        rows = self._rows(None, "SELECT count FROM erasures WHERE tenant = %s", tenant)
        return int(rows[0][0]) if rows else 0

    def check(self, repair: bool) -> tuple[list[Finding], int]:
        findings: list[Finding] = []
        count = 0
        for (number,) in self._rows(None, "SELECT id FROM namespaces ORDER BY id"):
            found, size = faults(self._connections, number, repair)
            count += size
            findings += found
        return findings, count

    # Other replicas

    def follow(self, on_change: OnChange) -> None:
        """From now on call `on_change`, from a thread, for every change that another replica makes."""
        try:
            self._following = Following(self._connections, self._origin, on_change)
        except psycopg.Error as error:
            raise translated(error, self._where) from error

    def close(self) -> None:
        self._closed = True
        self._writers.shutdown(wait=True)
        if self._following is not None:
            self._following.close()
        self._connections.close()
