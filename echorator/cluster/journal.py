"""Keeps what users applied on disk: one SQLite file in a folder that one process holds. Fed by `store`.

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
from echorator.private_files import private_folder
from echorator.sqlite import NewerSchemaError, is_damaged, open_database, transaction

FILES = ("resources.db*", "cluster.lock")  # the files of the journal's folder
BLOCK = 100_000  # resource versions that are reserved at once, so that those of a killed process are never used again

# The first migration says IF NOT EXISTS because earlier versions made these tables without setting `user_version`.
MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS resources (
  kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, created_s REAL NOT NULL, deleting_s REAL NOT NULL,
  PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS versions (reserved INTEGER NOT NULL);
INSERT INTO versions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM versions);
""",
)


class JournalDamagedError(EchoratorError):
    """The journal's file cannot be read; the message says what to do."""


class Journal:
    """The journal of one cluster, one SQLite file. It is not thread-safe: the store's lock guards it."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in `folder`, creating both where they are absent. Raises ResourceError, JournalDamagedError."""
        self._path = folder / "resources.db"
        try:
            private_folder(folder, FILES)
            self._db = open_database(self._path, MIGRATIONS)
        except NewerSchemaError as error:
            raise JournalDamagedError(str(error)) from error
        except (OSError, sqlite3.Error) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> EchoratorError:
        if isinstance(error, sqlite3.Error) and is_damaged(error):
            return JournalDamagedError(f"{self._path}: {error}; move it away to start without what was applied")
        text = error.strerror if isinstance(error, OSError) else str(error)
        return ResourceError(f"{self._path}: {text}; nothing was changed, see that the folder can be written and has space")

    def reserve(self, beyond: int) -> int:
        """Reserve resource versions for this process and return where they begin. Raises what `write` raises.

        The first call, with `beyond` 0, returns a number n and reserves the versions from n + 1 to n + BLOCK. A later call, with the last
        version used as `beyond`, returns the highest version that may be used from now on.
        """
        try:
            before = int(self._db.execute("SELECT reserved FROM versions").fetchone()[0])
            top = max(before, beyond) + BLOCK
            self._db.execute("UPDATE versions SET reserved = ?", (top,))
        except sqlite3.Error as error:
            raise self._translated(error) from error
        return before if not beyond else top

    def fresh(self) -> bool:
        """Return whether no process has used this journal before. Raises ResourceError, JournalDamagedError."""
        try:
            return int(self._db.execute("SELECT reserved FROM versions").fetchone()[0]) == 0
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def load(self) -> list[Resource]:
        """Return all stored resources. Raises JournalDamagedError, ResourceError."""
        try:
            rows = self._db.execute("SELECT kind, name, document, created_s, deleting_s FROM resources").fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        try:
            return [_resource(*row) for row in rows]
        except (ValueError, KeyError, TypeError, InvalidRequestError) as error:
            raise JournalDamagedError(f"{self._path}: {error}; move it away to start without what was applied") from error

    def write(self, put: Iterable[Resource], gone: Iterable[Key]) -> None:
        """Write `put` and remove `gone` in one transaction, durable on return. Raises ResourceError, JournalDamagedError."""
        rows = [(r.kind.value, r.name, json.dumps(document_of(r)), r.created_s, r.deleting_s) for r in put]
        keys = [(key.kind.value, key.name) for key in gone]
        if not rows and not keys:
            return
        try:
            with transaction(self._db):
                self._db.executemany("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)", rows)
                self._db.executemany("DELETE FROM resources WHERE kind = ? AND name = ?", keys)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close the file; the journal cannot be used afterwards."""
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
