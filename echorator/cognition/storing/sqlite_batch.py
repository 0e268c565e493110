"""The writer's work within its transaction: applies a batch, or erases memories with everything that may quote them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from echorator.cognition.memory import Action, Batch, Experience, Link, Memory, Namespace, Patch, Receipt
from echorator.cognition.reading.values import Fact
from echorator.cognition.storing.documents import loaded, topics
from echorator.cognition.storing.erasing import doomed_by
from echorator.cognition.storing.sqlite_rows import COLUMNS, INSERT, stored
from echorator.cognition.storing.store import MemoryNotFoundError, NamespaceGoneError


def require(connection: sqlite3.Connection, namespace: int) -> None:
    """Raise NamespaceGoneError where there is no such namespace."""
    if connection.execute("SELECT 1 FROM namespaces WHERE id = ?", (namespace,)).fetchone() is None:
        raise NamespaceGoneError("the namespace was erased meanwhile")


def note(connection: sqlite3.Connection, namespace: int, at_s: float, memory: int, action: str, detail: str) -> int:
    """Add a line to the history and return its seq."""
    cursor = connection.execute(
        "INSERT INTO changes (namespace, at_s, memory, action, detail) VALUES (?, ?, ?, ?, ?)", (namespace, at_s, memory, action, detail)
    )
    return cursor.lastrowid or 0


def apply(connection: sqlite3.Connection, namespace: int, batch: Batch, at_s: float) -> Receipt:
    """Apply the whole batch and return the receipt. Raises MemoryNotFoundError, NamespaceGoneError; the caller then rolls back."""
    require(connection, namespace)
    ids, fresh = _add(connection, namespace, batch.add)
    for change in batch.past:
        note(connection, namespace, change.at_s, _resolved(change.memory_id, ids), change.action, change.detail)
    new = [memory_id for memory_id, is_new in zip(ids, fresh, strict=True) if is_new]
    seq = max((note(connection, namespace, at_s, memory_id, Action.REMEMBERED, "") for memory_id in new), default=0)
    seq = _patch(connection, namespace, batch.patch, ids, at_s) or seq
    _link(connection, namespace, batch.links, ids)
    connection.executemany(
        "UPDATE memories SET uses = uses + 1, last_used_s = max(last_used_s, ?) WHERE id = ? AND namespace = ?",
        [(when_s, memory_id, namespace) for memory_id, when_s in batch.uses],
    )
    for past in batch.experiences:
        recalled, learned = ([_resolved(end, ids) for end in ends] for ends in (past.recalled, past.learned))
        _experience(connection, namespace, replace(past, recalled=tuple(recalled), learned=tuple(learned)), ())
    experience_id = _experience(connection, namespace, batch.experience, ids) if batch.experience is not None else 0
    if batch.goals is not None:
        connection.execute("DELETE FROM goals WHERE namespace = ?", (namespace,))
        rows = [(namespace, place, g.text, g.priority, g.embedding.tobytes()) for place, g in enumerate(batch.goals)]
        connection.executemany("INSERT INTO goals VALUES (?, ?, ?, ?, ?)", rows)
    for name, body in batch.documents.items():
        if body:
            connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (namespace, name, body))
        else:
            connection.execute("DELETE FROM documents WHERE namespace = ? AND name = ?", (namespace, name))
    return Receipt(tuple(ids), tuple(fresh), seq, experience_id)


def _add(connection: sqlite3.Connection, namespace: int, memories: Sequence[Memory]) -> tuple[list[int], list[bool]]:
    """Insert the memories whose keys are not known; return the id of each, and whether it is new."""
    ids: list[int] = []
    fresh: list[bool] = []
    for memory in memories:
        known = (
            memory.key and connection.execute("SELECT id FROM memories WHERE namespace = ? AND key = ?", (namespace, memory.key)).fetchone()
        )
        if known:
            ids.append(known[0])
            fresh.append(False)
            continue
        cursor = connection.execute(INSERT, (namespace, *(stored(c, getattr(memory, c)) for c in COLUMNS)))
        ids.append(cursor.lastrowid or 0)
        fresh.append(True)
        _list_topics(connection, namespace, ids[-1], memory.facts)
    return ids, fresh


def _list_topics(connection: sqlite3.Connection, namespace: int, memory: int, facts: Sequence[Fact]) -> None:
    rows = [(namespace, subject, attribute, memory) for subject, attribute in topics(facts)]
    connection.executemany("INSERT INTO topics VALUES (?, ?, ?, ?)", rows)


def _resolved(end: int, ids: Sequence[int]) -> int:
    """Return the id that `end` means: itself, or for -1 - place that of the batch's added memory at the place."""
    return ids[-1 - end] if end < 0 else end


def _with_ids(name: str, value: Any, ids: Sequence[int]) -> Any:
    """Return the value of a field with the ids of the batch's added memories in place of ends that stand for them."""
    if name == "superseded_by":
        return _resolved(value, ids)
    return [_resolved(end, ids) for end in value] if name == "derived_from" else value


def _patch(connection: sqlite3.Connection, namespace: int, patches: Sequence[Patch], ids: Sequence[int], at_s: float) -> int:
    """Apply the patches and return the seq of the last change, or 0. Raises MemoryNotFoundError."""
    seq = 0
    for patch in patches:
        target = _resolved(patch.id, ids)
        values = {name: stored(name, _with_ids(name, value, ids)) for name, value in patch.fields.items()}
        assignments = ", ".join(f"{name} = ?" for name in values)
        cursor = connection.execute(
            f"UPDATE memories SET {assignments} WHERE id = ? AND namespace = ?", (*values.values(), target, namespace)
        )
        if not cursor.rowcount:
            raise MemoryNotFoundError(f"there is no memory {target}")
        if "facts" in patch.fields:
            connection.execute("DELETE FROM topics WHERE memory = ?", (target,))
            _list_topics(connection, namespace, target, patch.fields["facts"])
        if patch.action:
            seq = note(connection, namespace, at_s, target, patch.action, patch.detail)
    return seq


def _link(connection: sqlite3.Connection, namespace: int, links: Sequence[Link], ids: Sequence[int]) -> None:
    """Strengthen the associations of each link's two memories."""
    for link in links:
        a, b = sorted((_resolved(link.a, ids), _resolved(link.b, ids)))
        if a != b:
            connection.execute(
                """INSERT INTO associations (namespace, a, b, kind, weight) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET weight = weight + excluded.weight * (1 - weight)""",
                (namespace, a, b, link.kind, link.gain),
            )


def _experience(connection: sqlite3.Connection, namespace: int, told: Experience, ids: Sequence[int]) -> int:
    """Insert the experience, from which the memories `ids` were learned too, and return its id."""
    cursor = connection.execute(
        """INSERT INTO experiences (namespace, session, at_s, user_text, answer, model, recalled, learned, outcome, feedback)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            namespace,
            told.session,
            told.at_s,
            told.user_text,
            told.answer,
            told.model,
            json.dumps(told.recalled),
            json.dumps((*told.learned, *ids)),
            told.outcome,
            told.feedback,
        ),
    )
    return cursor.lastrowid or 0


def delete(connection: sqlite3.Connection, namespace: int, memory: int) -> int:
    """Delete a memory with its topics and associations; return 1, or 0 where there is no such memory."""
    connection.execute("DELETE FROM associations WHERE namespace = ? AND (a = ? OR b = ?)", (namespace, memory, memory))
    connection.execute("DELETE FROM topics WHERE memory = ?", (memory,))
    return connection.execute("DELETE FROM memories WHERE id = ? AND namespace = ?", (memory, namespace)).rowcount


def erase(connection: sqlite3.Connection, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
    """Delete memories and everything that may quote them, the whole namespace for None. Return how many memories were erased.

    Raises NamespaceGoneError.
    """
    require(connection, namespace.id)
    mine = (namespace.id,)
    connection.execute("INSERT INTO erasures VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (namespace.tenant,))
    if ids is None:
        erased = connection.execute("DELETE FROM memories WHERE namespace = ?", mine).rowcount
        for table in ("topics", "associations", "experiences", "goals", "documents", "changes"):
            connection.execute(f"DELETE FROM {table} WHERE namespace = ?", mine)
        connection.execute("DELETE FROM namespaces WHERE id = ?", mine)
        note(connection, namespace.id, at_s, 0, Action.ERASED, namespace.tenant)  # for those who watch the tenant; it names no user
        return erased
    rows = connection.execute("SELECT id, derived_from FROM memories WHERE namespace = ?", mine)
    doomed = doomed_by((int(i) for i in ids), {row["id"]: loaded("derived_from", row["derived_from"]) for row in rows})
    erased = 0
    for memory_id in sorted(doomed):
        erased += delete(connection, namespace.id, memory_id)
        connection.execute("DELETE FROM changes WHERE namespace = ? AND memory = ?", (namespace.id, memory_id))
        connection.execute("UPDATE memories SET superseded_by = 0 WHERE namespace = ? AND superseded_by = ?", (namespace.id, memory_id))
        note(connection, namespace.id, at_s, memory_id, Action.ERASED, "")
    for row in connection.execute("SELECT id, recalled, learned FROM experiences WHERE namespace = ?", mine).fetchall():
        if doomed & {*json.loads(row["recalled"]), *json.loads(row["learned"])}:
            connection.execute("DELETE FROM experiences WHERE id = ?", (row["id"],))
    # Sessions, patterns and the map are learned again from the memories that stay.
    connection.execute("DELETE FROM documents WHERE namespace = ?", mine)
    return erased
