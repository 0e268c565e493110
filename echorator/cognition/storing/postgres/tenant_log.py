"""The history of all namespaces of a tenant in PostgreSQL, in an order that does not change any more once it was seen.

Changes of different namespaces are committed in any order. So a change is shown once no transaction runs that began before it: then all
that come before it by (transaction, namespace, number) are there. One that runs long on the server delays what is shown, and loses nothing.
Feeds `postgres.store`.
"""

from __future__ import annotations

import re

import psycopg

from echorator.cognition.memory import Action, Change, Noted
from echorator.cognition.storing.postgres.connections import Connection, Connections
from echorator.cognition.storing.postgres.schema import enter
from echorator.errors import InvalidRequestError

_CURSOR = re.compile(r"(\d{1,19})-(\d{1,18})-(\d{1,18})", re.ASCII)
_AFTER = """SELECT xact::text, namespace, seq, at_s FROM tenant_log
    WHERE tenant = %s AND (xact, namespace, seq) > (%s::xid8, %s, %s) AND xact < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xact, namespace, seq LIMIT %s"""
_CHANGES = "SELECT seq, at_s, memory, action, detail FROM changes WHERE namespace = %s AND seq = ANY(%s)"

Entry = tuple[str, int, int, float]  # transaction, namespace, number of the change, time


def noted_after(connections: Connections, tenant: str, after: str, limit: int) -> list[Noted]:
    """Return the changes after a cursor, "" for all, oldest first. Raises InvalidRequestError for what is no cursor."""
    place = _CURSOR.fullmatch(after or "0-0-0")
    if place is None:
        raise InvalidRequestError("after must be a cursor that WatchChanges gave for this tenant")
    xact, namespace, seq = place.groups()
    while True:  # lines of erased memories are gone, and only they may fill a page
        entries = connections.reading(0, _AFTER, (tenant, xact, int(namespace), int(seq), limit))
        found = _noted(entries, connections.with_one(lambda connection, entries=entries: _lines(connection, entries)))  # type: ignore[misc]
        if found or len(entries) < limit:
            return found
        xact, namespace, seq, _ = entries[-1]


def last_cursor(connections: Connections, tenant: str) -> str:
    """Return a cursor after which there is no change of the tenant yet, but for those that are not shown yet."""
    query = """SELECT xact::text, namespace, seq FROM tenant_log WHERE tenant = %s AND xact < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xact DESC, namespace DESC, seq DESC LIMIT 1"""
    rows = connections.reading(0, query, (tenant,))
    return "-".join(map(str, rows[0])) if rows else "0-0-0"


def _lines(connection: Connection, entries: list[Entry]) -> dict[tuple[int, int], Change]:
    """Return the lines of the history that the entries stand for, by (namespace, number)."""
    wanted: dict[int, list[int]] = {}
    for _, namespace, seq, _ in entries:
        wanted.setdefault(namespace, []).append(seq)
    found: dict[tuple[int, int], Change] = {}
    with connection.pipeline():
        asked: list[tuple[int, psycopg.Cursor[tuple[object, ...]]]] = []
        for namespace, numbers in wanted.items():
            enter(connection, namespace)
            asked.append((namespace, connection.execute(_CHANGES, (namespace, numbers))))
        for namespace, rows in asked:
            found.update(((namespace, row[0]), Change(*row)) for row in rows.fetchall())  # type: ignore[arg-type, misc]
    return found


def _noted(entries: list[Entry], lines: dict[tuple[int, int], Change]) -> list[Noted]:
    found: list[Noted] = []
    for xact, namespace, seq, at_s in entries:
        change = lines.get((namespace, seq)) if seq else Change(0, at_s, 0, Action.ERASED, "")
        if change is not None:
            found.append(Noted(f"{xact}-{namespace}-{seq}", namespace, change))
    return found
