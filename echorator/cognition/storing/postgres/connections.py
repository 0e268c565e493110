"""Connections to a PostgreSQL server: opened when needed, used by one thread at a time, and thrown away once they broke.

psycopg's errors become those of `Store` here. Feeds `postgres.store`.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from echorator.cognition.storing.postgres.schema import enter
from echorator.cognition.storing.store import StoreDamagedError, StoreUnavailableError
from echorator.errors import EchoratorError, InvalidRequestError, ResourceError

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

MOST = 16  # open connections of one store
WAIT_S = 10.0  # longest wait for one of them
# A server whose machine vanished is noticed within about ten seconds. What the URL says goes first.
_PARAMETERS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "echorator",
}
# A synchronous standby is waited for as the server says; only commits that are acknowledged before they are on a disk are not taken.
_SESSION = """
SET search_path TO echorator, pg_catalog;
SET client_encoding TO 'UTF8';
SET statement_timeout TO '30s';
SET lock_timeout TO '10s';
SET idle_in_transaction_session_timeout TO '60s';
SET plan_cache_mode TO force_custom_plan;
SET jit TO off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
"""
_FULL = ("53100", "53200", "53400", "58030")  # disk full, out of memory, a limit of the configuration, an I/O error
_AGAIN = ("08", "57", "53", "40", "55", "25", "28")  # classes of errors that another try may not meet; among them a standby's "read only"


def where_of(url: str) -> str:
    """Return the server and the database of a URL, for messages: without the password. Raises InvalidRequestError."""
    try:
        said = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise InvalidRequestError(f"{url.partition(':')[0]}://…: {error}") from error
    return f"PostgreSQL at {said.get('host', 'localhost')}:{said.get('port', 5432)}/{said.get('dbname', '')}"


def translated(error: Exception, where: str) -> EchoratorError:
    """Return the store's error for one of psycopg, or for a text that PostgreSQL cannot keep."""
    state = getattr(error, "sqlstate", None) or ""
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, UnicodeError) or state.startswith("22") or (isinstance(error, psycopg.DataError) and not state):
        return InvalidRequestError(f"PostgreSQL cannot keep a text of this request ({text}); nothing of it was stored")
    if state in _FULL:
        return ResourceError(f"{where} takes no writes ({text}); nothing of this request was stored, free some space and try again")
    if state == "57014":
        return StoreUnavailableError(f"{where} took too long ({text}); nothing of this request was stored, try again")
    if state[:2] in ("40", "55"):  # deadlocks, and locks that were waited for too long
        return StoreUnavailableError(f"{where} is busy ({text}); nothing of this request was stored, try again")
    if state[:2] in _AGAIN or (not state and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))):
        return StoreUnavailableError(
            f"{where} does not answer ({text}); what was being written may or may not be stored, "
            "remembering it again with the same key is safe"
        )
    return StoreDamagedError(f"{where}: {text}")


class Connections:
    """At most `MOST` connections to the server of a URL; any thread may borrow one."""

    def __init__(self, url: str) -> None:
        """Prepare to connect. Raises InvalidRequestError for a wrong URL."""
        self.where = where_of(url)
        self._parameters = make_conninfo(url, **{k: v for k, v in _PARAMETERS.items() if k not in conninfo_to_dict(url)})
        self._idle: list[Connection] = []
        self._changed = threading.Condition()  # guards `_idle`, `_lent` and `_closed`
        self._lent = 0  # Invariant: _lent + len(_idle) <= MOST
        self._closed = False

    def connect(self) -> Connection:
        """Return a new connection of the caller's own, in autocommit mode. Raises psycopg.Error."""
        connection = psycopg.connect(self._parameters, autocommit=True)
        try:
            connection.execute(_SESSION)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Lend a connection for the block. Raises psycopg.Error, ResourceError once closed, StoreUnavailableError where all are in use."""
        connection = self._taken()
        try:
            if connection is None:
                connection = self.connect()
            yield connection
        except BaseException as error:
            if connection is not None and (connection.broken or not isinstance(error, (psycopg.Error, EchoratorError))):
                connection.close()  # whatever state it is in
            raise
        finally:
            with self._changed:
                self._lent -= 1
                if connection is not None and not connection.closed:
                    if self._closed:
                        connection.close()
                    else:
                        self._idle.append(connection)
                self._changed.notify_all()

    def _taken(self) -> Connection | None:
        """Take the right to use a connection, and one that is idle and still open, or None."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._lent < MOST, WAIT_S):
                raise StoreUnavailableError(f"all {MOST} connections to {self.where} are in use; try again")
            if self._closed:
                raise ResourceError("the memory is closed")
            self._lent += 1
            while self._idle:
                connection = self._idle.pop()
                if not _was_ended(connection):
                    return connection
                connection.close()
            return None

    def reading(self, namespace: int, query: str, arguments: object = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query about one namespace, or about all (0). It is tried once more where the connection broke."""
        return self.with_one(lambda connection: _rows(connection, namespace, query, arguments))

    def with_one(self, work: Callable[[Connection], T]) -> T:
        """Return the result of work that only reads, with a connection; it is done once more where the connection broke."""
        try:
            try:
                with self.lent() as connection:
                    return work(connection)
            except psycopg.OperationalError as error:
                if error.sqlstate is not None and not error.sqlstate.startswith("57P"):
                    raise
            with self.lent() as connection:
                return work(connection)
        except (psycopg.Error, UnicodeError) as error:
            raise translated(error, self.where) from error

    def writing(self, namespace: int, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction of the namespace, in pipeline mode; return its result once the transaction is committed."""
        try:
            with self.lent() as connection:
                return _committed(connection, namespace, work)
        except (psycopg.Error, UnicodeError) as error:
            raise translated(error, self.where) from error

    def close(self) -> None:
        """Close all connections, once those in use are given back."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._lent)
            for connection in self._idle:
                connection.close()
            self._idle.clear()


def _was_ended(connection: Connection) -> bool:
    """Return whether the server ended an idle connection, as a restart does: there is something to read then."""
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _rows(connection: Connection, namespace: int, query: str, arguments: Any) -> list[tuple[Any, ...]]:
    if not namespace:
        return connection.cursor(binary=True).execute(query, arguments).fetchall()
    with connection.pipeline():  # one transaction, and one round trip
        enter(connection, namespace)
        return connection.cursor(binary=True).execute(query, arguments).fetchall()


def _committed(connection: Connection, namespace: int, work: Callable[[Connection], T]) -> T:
    try:
        with connection.pipeline():
            connection.execute("BEGIN")
            enter(connection, namespace)
            result = work(connection)
            connection.execute("COMMIT")  # the pipeline ends with an error unless it was carried out
    except BaseException:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.rollback()
        raise
    return result
