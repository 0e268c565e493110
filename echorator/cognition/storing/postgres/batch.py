"""What changes a namespace in PostgreSQL: applies a batch, erases or purges memories, each in a transaction of `Connections.writing`.

Statements are sent in a pipeline: what they need to know is asked for in one round trip, and all changes go in another with the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from echorator.cognition.memory import Action, Batch, Experience, Link, Memory, Namespace, Patch, Receipt
from echorator.cognition.storing.documents import loaded, topics
from echorator.cognition.storing.erasing import doomed_by, quotes
from echorator.cognition.storing.postgres.connections import Connection
from echorator.cognition.storing.postgres.rows import COLUMNS, INSERT, experience_of, experience_text, stored, topic_number
from echorator.cognition.storing.postgres.schema import PARTED
from echorator.cognition.storing.store import MemoryNotFoundError, NamespaceGoneError

_GONE = "the namespace was erased meanwhile"
_LOG = "INSERT INTO tenant_log (tenant, namespace, seq, at_s) VALUES (%s, %s, %s, %s)"


class Writer:
    """The changes of one transaction to one namespace, whose row it locks until the end."""

    def __init__(self, connection: Connection, namespace: Namespace, at_s: float, origin: str) -> None:
        """Prepare; `origin` names the replica, which needs not follow its own changes."""
        self._connection = connection
        self._namespace = namespace.id
        self._tenant = namespace.tenant
        self._at_s = at_s
        self._origin = origin
        self._seq = 0
        self._changes: list[tuple[Any, ...]] = []
        self._touched: set[int] = set()

    def apply(self, batch: Batch) -> Receipt:
        """Apply the whole batch. Raises MemoryNotFoundError, NamespaceGoneError; the caller then rolls back."""
        ids, fresh = self._placed(batch)
        new = [(i, memory) for i, is_new, memory in zip(ids, fresh, batch.add, strict=True) if is_new]
        self._add(new)
        for change in batch.past:
            self._note(_resolved(change.memory_id, ids), change.action, change.detail, change.at_s)
        for i, _ in new:
            self._note(i, Action.REMEMBERED, "")
        noted = bool(new)
        for patch in batch.patch:
            self._patch(patch, ids)
            noted = noted or bool(patch.action)
        self._link(batch.links, ids)
        for memory, when_s in batch.uses:
            self._execute(
                "UPDATE memories SET uses = uses + 1, last_used_s = greatest(last_used_s, %s) WHERE namespace = %s AND id = %s",
                (float(when_s), self._namespace, memory),
            )
            self._touched.add(memory)
        for past in batch.experiences:
            recalled, learned = ([_resolved(end, ids) for end in some] for some in (past.recalled, past.learned))
            self._tell_turn(replace(past, recalled=tuple(recalled), learned=tuple(learned)), ())
        turn = None if batch.experience is None else self._tell_turn(batch.experience, ids)
        if batch.goals is not None:
            self._execute("DELETE FROM goals WHERE namespace = %s", (self._namespace,))
            rows = [(self._namespace, place, g.text, g.priority, g.embedding.tobytes()) for place, g in enumerate(batch.goals)]
            self._many("INSERT INTO goals VALUES (%s, %s, %s, %s, %s)", rows)
        self._document(batch.documents)
        names = [*batch.documents, *(["goals"] if batch.goals is not None else [])]
        self._tell(names)
        return Receipt(tuple(ids), tuple(fresh), self._seq if noted else 0, turn.fetchall()[0][0] if turn is not None else 0)

    def erase(self, ids: Sequence[int] | None) -> int:
        """Delete memories and everything that may quote them, the whole namespace for None; return how many. Raises NamespaceGoneError."""
        mine = (self._namespace,)
        self._lock(0)
        self._execute("INSERT INTO erasures VALUES (%s, 1) ON CONFLICT (tenant) DO UPDATE SET count = erasures.count + 1", (self._tenant,))
        self._execute("DELETE FROM feed WHERE namespace = %s", mine)  # it has names of sessions; "*" takes the place of all
        if ids is None:
            erased = self._execute("SELECT count(*) FROM memories WHERE namespace = %s", mine)
            for table in PARTED:
                self._execute(f"DELETE FROM {table} WHERE namespace = %s", mine)
            self._execute("DELETE FROM namespaces WHERE id = %s", mine)
            self._execute(_LOG, (self._tenant, self._namespace, 0, self._at_s))  # for those who watch the tenant; it names no user
            self._tell(["*"])
            return int(erased.fetchall()[0][0])
        derived = self._execute("SELECT id, derived_from FROM memories WHERE namespace = %s", mine)
        turns = self._execute("SELECT id, body FROM experiences WHERE namespace = %s", mine)
        doomed = doomed_by((int(i) for i in ids), {i: loaded("derived_from", parts) for i, parts in derived.fetchall()})
        quoting = [number for number, body in turns.fetchall() if quotes(experience_of(number, body), doomed)]
        some = sorted(doomed)
        self._delete(some)
        self._execute("DELETE FROM changes WHERE namespace = %s AND memory = ANY(%s)", (*mine, some))
        self._execute("UPDATE memories SET superseded_by = 0 WHERE namespace = %s AND superseded_by = ANY(%s)", (*mine, some))
        self._execute("DELETE FROM experiences WHERE namespace = %s AND id = ANY(%s)", (*mine, quoting))
        # Sessions, patterns and the map are learned again from the memories that stay.
        self._execute("DELETE FROM documents WHERE namespace = %s", mine)
        self._note_erased(some, "")
        self._tell(["*"])
        return len(some)

    def purge(self, ids: Sequence[int]) -> None:
        """Delete memories with their topics and associations. Raises NamespaceGoneError."""
        self._lock(0)
        some = [int(i) for i in ids]
        self._delete(some)
        self._note_erased(some, "faded")
        self._tell([])

    # Steps

    def _execute(self, query: str, arguments: Sequence[Any]) -> Any:
        return self._connection.execute(query, arguments)

    def _many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._connection.cursor().executemany(query, rows)

    def _lock(self, changes: int) -> None:
        """Lock the namespace until the end of the transaction and reserve numbers for changes. Raises NamespaceGoneError."""
        row = self._reserved(changes).fetchone()
        if row is None:
            raise NamespaceGoneError(_GONE)
        self._seq = row[0]

    def _reserved(self, changes: int) -> Any:
        return self._execute("UPDATE namespaces SET seq = seq + %s WHERE id = %s RETURNING seq - %s", (changes, self._namespace, changes))

    def _placed(self, batch: Batch) -> tuple[list[int], list[bool]]:
        """Lock the namespace, and return an id for each added memory and whether it is new. Raises what `apply` raises."""
        mine = self._namespace
        keys = [memory.key for memory in batch.add if memory.key]
        targets = sorted({patch.id for patch in batch.patch if patch.id > 0})
        number = self._reserved(len(batch.past) + len(batch.add) + len(batch.patch))
        new = self._execute("SELECT nextval('memory_ids') FROM generate_series(1, %s)", (len(batch.add),)) if batch.add else None
        known = self._execute("SELECT key, id FROM memories WHERE namespace = %s AND key = ANY(%s)", (mine, keys)) if keys else None
        there = self._execute("SELECT id FROM memories WHERE namespace = %s AND id = ANY(%s)", (mine, targets)) if targets else None
        row = number.fetchone()
        if row is None:
            raise NamespaceGoneError(_GONE)
        self._seq = row[0]
        if there is not None and (missing := set(targets) - {i for (i,) in there.fetchall()}):
            raise MemoryNotFoundError(f"there is no memory {min(missing)}")
        by_key: dict[str, int] = dict(known.fetchall()) if known is not None else {}
        ids: list[int] = []
        fresh: list[bool] = []
        for memory, (number,) in zip(batch.add, new.fetchall() if new is not None else (), strict=True):
            fresh.append(memory.key not in by_key)
            ids.append(by_key.get(memory.key, number))
            if memory.key:
                by_key.setdefault(memory.key, number)
        return ids, fresh

    def _add(self, new: Sequence[tuple[int, Memory]]) -> None:
        self._many(INSERT, [(self._namespace, i, *(stored(c, getattr(memory, c)) for c in COLUMNS)) for i, memory in new])
        self._list_topics([(i, memory.facts) for i, memory in new])

    def _list_topics(self, stating: Sequence[tuple[int, Any]]) -> None:
        rows = {(self._namespace, topic_number(*topic), i) for i, facts in stating for topic in topics(facts)}
        self._many("INSERT INTO topics VALUES (%s, %s, %s)", sorted(rows))

    def _patch(self, patch: Patch, ids: Sequence[int]) -> None:
        target = _resolved(patch.id, ids)
        values = {name: stored(name, _with_ids(name, value, ids)) for name, value in patch.fields.items()}
        assignments = ", ".join(f"{name} = %s" for name in values if name in COLUMNS)
        self._execute(f"UPDATE memories SET {assignments} WHERE namespace = %s AND id = %s", (*values.values(), self._namespace, target))
        if "facts" in patch.fields:
            self._execute("DELETE FROM topics WHERE namespace = %s AND memory = %s", (self._namespace, target))
            self._list_topics([(target, patch.fields["facts"])])
        self._touched.add(target)
        if patch.action:
            self._note(target, patch.action, patch.detail)

    def _link(self, links: Sequence[Link], ids: Sequence[int]) -> None:
        rows = []
        for link in links:
            a, b = sorted((_resolved(link.a, ids), _resolved(link.b, ids)))
            if a != b:
                rows.append((self._namespace, a, b, link.kind, float(link.gain)))
                self._touched |= {a, b}
        self._many(
            """INSERT INTO associations VALUES (%s, %s, %s, %s, %s) ON CONFLICT (namespace, a, b, kind)
               DO UPDATE SET weight = associations.weight
                 + CASE WHEN excluded.weight < 1e-290 THEN 0 ELSE excluded.weight * (1 - associations.weight) END""",
            rows,  # PostgreSQL refuses a product that is too small for a double
        )

    def _document(self, documents: Mapping[str, bytes]) -> None:
        for name, body in documents.items():
            if body:
                self._execute(
                    "INSERT INTO documents VALUES (%s, %s, %s) ON CONFLICT (namespace, name) DO UPDATE SET body = excluded.body",
                    (self._namespace, name, body),
                )
            else:
                self._execute("DELETE FROM documents WHERE namespace = %s AND name = %s", (self._namespace, name))

    def _delete(self, ids: Sequence[int]) -> None:
        self._execute(
            "DELETE FROM associations WHERE namespace = %s AND (a = ANY(%s) OR b = ANY(%s))", (self._namespace, list(ids), list(ids))
        )
        self._execute("DELETE FROM topics WHERE namespace = %s AND memory = ANY(%s)", (self._namespace, list(ids)))
        self._execute("DELETE FROM memories WHERE namespace = %s AND id = ANY(%s)", (self._namespace, list(ids)))

    def _note_erased(self, ids: Sequence[int], detail: str) -> None:
        self._execute("UPDATE namespaces SET seq = seq + %s WHERE id = %s", (len(ids), self._namespace))
        for i in ids:
            self._note(i, Action.ERASED, detail)

    def _note(self, memory: int, action: str, detail: str, at_s: float | None = None) -> None:
        self._seq += 1
        self._touched.add(memory)
        self._changes.append((self._namespace, self._seq, self._at_s if at_s is None else at_s, memory, str(action), detail))

    def _tell_turn(self, turn: Experience, made: Sequence[int]) -> Any:
        return self._execute(
            "INSERT INTO experiences VALUES (%s, nextval('experience_ids'), %s, %s) RETURNING id",
            (self._namespace, turn.session, experience_text(turn, made)),
        )

    def _tell(self, documents: Sequence[str]) -> None:
        """Write the lines of the history, and tell other replicas what to read again."""
        self._many("INSERT INTO changes VALUES (%s, %s, %s, %s, %s, %s)", self._changes)
        self._many(_LOG, [(self._tenant, namespace, seq, at_s) for namespace, seq, at_s, *_ in self._changes])
        self._execute(
            "INSERT INTO feed (origin, namespace, ids, documents) VALUES (%s, %s, %s::bigint[], %s::text[])",
            (self._origin, self._namespace, sorted(self._touched), list(documents)),
        )


def _with_ids(name: str, value: Any, ids: Sequence[int]) -> Any:
    """Return the value of a field with the ids of the batch's added memories in place of ends that stand for them."""
    if name == "superseded_by":
        return _resolved(value, ids)
    return [_resolved(end, ids) for end in value] if name == "derived_from" else value


def _resolved(end: int, ids: Sequence[int]) -> int:
    """Return the id that `end` means: itself, or for -1 - place that of the batch's added memory at the place."""
    return ids[-1 - end] if end < 0 else int(end)
