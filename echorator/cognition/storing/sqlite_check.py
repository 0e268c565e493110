"""Verifies the tables of the SQLite store against each other. Feeds `sqlite_store`."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping

from echorator.cognition.memory import Finding
from echorator.cognition.storing.documents import loaded, topics


def faults(reader: sqlite3.Connection) -> tuple[list[Finding], int]:
    """Return the faults of everything but the list of topics, and the number of memories."""
    findings = [Finding(f"SQLite: {row[0]}") for row in reader.execute("PRAGMA integrity_check(100)") if row[0] != "ok"]
    findings += [
        Finding(f"a row of {row[0]} refers to one of {row[2]} that is not there") for row in reader.execute("PRAGMA foreign_key_check")
    ]
    count = int(reader.execute("SELECT count(*) FROM memories").fetchone()[0])
    dimensions = dict(reader.execute("SELECT id, dimension FROM embedders").fetchall())
    rows = reader.execute("SELECT id, embedder, length(embedding), length(terms) % 8 FROM memories")
    odd = [number for number, embedder, size, rest in rows if rest or size != 4 * dimensions.get(embedder, -1)]
    findings += [Finding(f"memory {number}: its vector or its terms have a wrong length") for number in odd]
    dangling = reader.execute(
        """SELECT count(*) FROM associations e
           WHERE NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = e.a AND m.namespace = e.namespace)
           OR NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = e.b AND m.namespace = e.namespace)"""
    ).fetchone()[0]
    if dangling:
        findings.append(Finding(f"{dangling} associations of memories that are not there"))
    return findings, count


Topics = set[tuple[str, str]]


def wrong_topics(reader: sqlite3.Connection) -> dict[tuple[int, int], Topics]:
    """Return the topics of the memories for which the list has others, by (namespace, memory); damaged facts are left to `memory_of`."""
    listed: defaultdict[tuple[int, int], Topics] = defaultdict(set)
    for namespace, memory, subject, attribute in reader.execute("SELECT namespace, memory, subject, attribute FROM topics"):
        listed[namespace, memory].add((subject, attribute))
    wrong: dict[tuple[int, int], Topics] = {}
    for namespace, memory, facts in reader.execute("SELECT namespace, id, facts FROM memories WHERE facts <> '[]'"):
        known = listed.pop((namespace, memory), set())
        try:
            stated = set(topics(loaded("facts", facts)))
        except (KeyError, TypeError, ValueError):
            continue
        if stated != known:
            wrong[namespace, memory] = stated
    return wrong | {place: set() for place in listed}


def list_topics_anew(writer: sqlite3.Connection, wrong: Mapping[tuple[int, int], Topics]) -> None:
    """List the topics of memories as `wrong_topics` gives them."""
    for (namespace, memory), stated in wrong.items():
        writer.execute("DELETE FROM topics WHERE namespace = ? AND memory = ?", (namespace, memory))
        writer.executemany("INSERT INTO topics VALUES (?, ?, ?, ?)", [(namespace, *topic, memory) for topic in sorted(stated)])
