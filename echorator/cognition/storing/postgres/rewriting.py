"""Rewrites the parts of the tables that held erased rows, since PostgreSQL keeps the bytes of deleted rows until others take their place.

VACUUM FULL writes a new file for a table and its indexes, without what no transaction sees any more, and empties the old one. Only the
partition of the namespace is rewritten; its other namespaces wait meanwhile. The server's write-ahead log, its archive, standbys and
backups are not in the hands of a client: docs/guides/memory.md says what they keep and how long. Feeds `postgres.store`.
"""

from __future__ import annotations

import re
import time

import psycopg

from echorator.cognition.storing.postgres.connections import Connections
from echorator.cognition.storing.postgres.schema import PARTITIONS
from echorator.errors import ResourceError

WAIT_S = 10.0  # longest wait for transactions that may still see the rows
_TABLES = ("memories", "experiences", "goals", "documents", "changes")  # those with texts
_FIRST_NUMBER = re.compile(r"\d+")  # of the detail of VACUUM's report: how many dead rows had to be kept


def rewrite(connections: Connections, namespace: int, names_too: bool) -> None:
    """Rewrite the partition of a namespace, and with `names_too` the list of namespaces, so that no byte of deleted rows is in their files.

    Raises ResourceError where another transaction still sees the rows, or where this role may not rewrite the tables; and psycopg.Error.
    """
    connection = connections.connect()
    warnings: list[str] = []
    left: list[int] = []  # dead rows that had to be kept

    def note(said: psycopg.errors.Diagnostic) -> None:  # it is empty once this returns
        if said.severity_nonlocalized == "WARNING":
            warnings.append(said.message_primary or "")
        left.extend(int(number) for number in _FIRST_NUMBER.findall(said.message_detail or "")[:1])

    connection.add_notice_handler(note)
    try:
        connection.execute("SET statement_timeout TO 0")
        part = connection.execute(
            f"SELECT i FROM generate_series(0, {PARTITIONS - 1}) i "
            f"WHERE satisfies_hash_partition('memories'::regclass, {PARTITIONS}, i, %s::bigint)",
            (namespace,),
        ).fetchall()[0][0]
        for table in [*(f"{table}_{part}" for table in _TABLES), *(["namespaces"] if names_too else [])]:
            deadline_s = time.monotonic() + WAIT_S
            while True:
                left.clear()
                connection.execute(f"VACUUM (FULL, VERBOSE) {table}")
                if warnings:
                    raise ResourceError(f"the memories are gone, but their bytes may not be: {warnings[0]}")
                if not any(left):
                    break
                if time.monotonic() > deadline_s:
                    raise ResourceError(
                        "the memories are gone, but another transaction of the database still sees them; end it and forget again to finish"
                    )
                time.sleep(0.05)
    finally:
        connection.close()
