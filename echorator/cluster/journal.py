"""What users asked for, on disk: one SQLite file in a folder that one process holds. Fed by `store`.

Rows are the documents of the resources, so that a later version reads what an earlier one wrote.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from echorator.cluster.documents import document_of, wish_of
from echorator.cluster.resources import Key, Kind, Resource
from echorator.errors import EchoratorError, InvalidRequestError, ResourceError

BLOCK = 100_000  # resource versions that are reserved at once: those of a killed process are not given again

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS resources (
  kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, created_s REAL NOT NULL, deleting_s REAL NOT NULL,
  PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS versions (reserved INTEGER NOT NULL);
INSERT INTO versions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM versions);
"""


class JournalDamagedError(EchoratorError):
    """The file cannot be read; the message says what to do."""


class Journal:
    """One file. Not thread-safe: the store's lock guards it."""

    def __init__(self, folder: Path) -> None:
        """Raises ResourceError, JournalDamagedError."""
        self._path = folder / "resources.db"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> EchoratorError:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            return JournalDamagedError(f"{self._path}: {error}; move it away to start without what was applied")
        text = error.strerror if isinstance(error, OSError) else str(error)
        return ResourceError(f"{self._path}: {text}; nothing was changed, see that the folder can be written and has space")

    def reserve(self, beyond: int) -> int:
        """Versions up to the returned one plus BLOCK are this process's; at first call `beyond` is 0. Raises as `write`."""
        try:
            before = int(self._db.execute("SELECT reserved FROM versions").fetchone()[0])
            top = max(before, beyond) + BLOCK
            self._db.execute("UPDATE versions SET reserved = ?", (top,))
        except sqlite3.Error as error:
            raise self._translated(error) from error
        return before if not beyond else top

    def fresh(self) -> bool:
        """Nothing was ever kept in it."""
        try:
            return int(self._db.execute("SELECT reserved FROM versions").fetchone()[0]) == 0
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def load(self) -> list[Resource]:
        """All of them. Raises JournalDamagedError."""
        try:
            rows = self._db.execute("SELECT kind, name, document, created_s, deleting_s FROM resources").fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        try:
            return [_resource(*row) for row in rows]
        except (ValueError, KeyError, TypeError, InvalidRequestError) as error:
            raise JournalDamagedError(f"{self._path}: {error}; move it away to start without what was applied") from error

    def write(self, put: Iterable[Resource], gone: Iterable[Key]) -> None:
        """All or nothing; durable when it returns. Raises ResourceError, JournalDamagedError."""
        rows = [(r.kind.value, r.name, json.dumps(document_of(r)), r.created_s, r.deleting_s) for r in put]
        keys = [(key.kind.value, key.name) for key in gone]
        if not rows and not keys:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)", rows)
                self._db.executemany("DELETE FROM resources WHERE kind = ? AND name = ?", keys)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Nothing is written any more."""
        self._db.close()


def _resource(kind: str, name: str, text: str, created_s: float, deleting_s: float) -> Resource:
    given = json.loads(text)
    wish = wish_of(given)
    if wish.key != Key(Kind(kind), name):
        raise ValueError(f"the row of {kind} {name} holds {wish.key}")
    metadata = given["metadata"]
    return Resource(
        wish.key,
        wish.spec,
        wish.labels,
        uid=metadata["uid"],
        generation=metadata["generation"],
        created_s=created_s,
        deleting_s=deleting_s,
    )
