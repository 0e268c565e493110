"""Follows what other replicas change, by the table `feed`: each change is a row of it, written in the change's own transaction.

Rows become visible in the order of commits, which is neither that of their ids nor that of their transactions. So each poll reads again
from the oldest transaction that was still running at the poll before, and leaves out what it has seen: nothing is missed, and nothing waits
for a transaction that runs long. A poll instead of NOTIFY: a commit with one takes a lock of the whole server, which ends group commits.
Feeds `postgres.store`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg

from echorator.cognition.storing.postgres.connections import Connection, Connections

_log = logging.getLogger(__name__)

OnChange = Callable[[int, "list[int] | None", list[str]], None]
"""(namespace, ids of changed memories or None for all, names of changed documents)"""

POLL_S = 0.05
DELETE_EACH_S = 60.0
KEPT = "1 hour"  # of the rows; a replica that was away for longer reads everything again

# One row at least, with what the poll needs to know, and one for each change of another replica.
_POLL = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_postmaster_start_time()::text, deleted.xact >= %s::xid8,
       feed.xact::text, feed.id, feed.namespace, feed.ids, feed.documents
FROM feed_deleted deleted LEFT JOIN feed ON feed.xact >= %s::xid8 AND feed.origin <> %s AND feed.id <> ALL(%s::bigint[])
ORDER BY feed.id
"""
# What a running transaction may yet follow stays, and what was deleted is known, in one transaction with the deletion.
_DELETE = f"""
WITH gone AS (
  DELETE FROM feed WHERE at < now() - interval '{KEPT}' AND xact < pg_snapshot_xmin(pg_current_snapshot()) RETURNING xact
)
UPDATE feed_deleted SET xact = greatest(xact, (SELECT max(xact) FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)
"""


class Following:
    """A thread that calls `on_change` for each change of another replica, until `close`."""

    def __init__(self, connections: Connections, origin: str, on_change: OnChange) -> None:
        """Begin to follow: changes that are committed after this call returns are told. Raises psycopg.Error."""
        self._connections = connections
        self._origin = origin
        self._on_change = on_change
        self._closing = threading.Event()
        self._server = ""  # when the server was started; another one may have lost changes, or be a copy of an earlier state
        self._low = "0"  # the oldest transaction whose rows may not have been seen
        self._seen: dict[int, str] = {}  # ids of rows that were told, and their transactions. Invariant: none below `_low`
        connection = connections.connect()
        self._low, self._server = connection.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_postmaster_start_time()::text"
        ).fetchone() or ("0", "")
        self._seen = dict(connection.execute("SELECT id, xact::text FROM feed WHERE xact >= %s::xid8", (self._low,)).fetchall())
        self._thread = threading.Thread(target=self._run, args=(connection,), name="memory-feed", daemon=True)
        self._thread.start()

    def _run(self, connection: Connection) -> None:
        next_deletion_s = time.monotonic() + DELETE_EACH_S
        while not self._closing.wait(POLL_S):
            try:
                if connection.closed:
                    connection = self._connections.connect()
                self._poll(connection)
                if time.monotonic() > next_deletion_s:
                    next_deletion_s = time.monotonic() + DELETE_EACH_S
                    connection.execute(_DELETE)
            except psycopg.Error as error:
                _log.info("changes of other replicas cannot be read; another try follows", extra={"error": str(error)})
                connection.close()
        connection.close()

    def _poll(self, connection: Connection) -> None:
        """Tell the changes that became visible since the last poll."""
        rows = connection.execute(_POLL, (self._low, self._low, self._origin, list(self._seen))).fetchall()
        low, server, deleted = rows[0][:3]
        if server != self._server or deleted:
            self._tell(0, None, [])
            self._server, self._seen = server, {}
        else:
            for _, _, _, xact, number, namespace, ids, documents in rows:
                if number is not None:
                    self._tell(namespace, ids, documents)
                    self._seen[number] = xact
        self._low = low
        self._seen = {number: xact for number, xact in self._seen.items() if int(xact) >= int(low)}

    def _tell(self, namespace: int, ids: list[int] | None, documents: list[str]) -> None:
        try:
            self._on_change(namespace, ids, documents)
        except Exception:  # noqa: BLE001  such as a lost connection: this thread must go on to follow
            _log.exception("another replica's change could not be read; all is read again")
            self._on_change(0, None, [])

    def close(self) -> None:
        """Stop following other replicas, and wait until the thread has ended."""
        self._closing.set()
        self._thread.join()
