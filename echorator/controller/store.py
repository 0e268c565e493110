"""The durable state of the controller: the desired models and the known agents.

One SQLite file in WAL mode with synchronous = FULL: every acknowledged write is on the disk. One process holds the folder. Writes block
for a flush, so `service` and `placer` call them on a thread; a mutex runs one transaction at a time. `role` reads it at a start.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from echorator.errors import EchoratorError, ResourceError
from echorator.private_files import private_folder
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.folder_lock import hold
from echorator.sqlite import NewerSchemaError, is_unwritable, open_database, transaction

FILES = ("mesh.db*", "mesh.lock")  # the store's files in its folder
MIGRATIONS: tuple[str, ...] = (
    """
CREATE TABLE models (
  name TEXT PRIMARY KEY, spec BLOB NOT NULL, generation INTEGER NOT NULL, load_generation INTEGER NOT NULL, created_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE agents (id TEXT PRIMARY KEY, agent BLOB NOT NULL, drain_asked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE generations (last INTEGER NOT NULL);
INSERT INTO generations VALUES (0);
""",
)


class StateDamagedError(EchoratorError):
    """The state file cannot be read, or was written by a newer version."""


@dataclass(frozen=True)
class StoredModel:
    """A desired model. `load_generation` is the last generation that changed what agents load."""

    spec: pb.ModelSpec
    generation: int
    load_generation: int
    created_s: float


class Store:
    """The open state file of one controller; `close` releases the lock on the folder."""

    def __init__(self, folder: Path) -> None:
        """Lock `folder` and open its state file, creating both where missing. Raises FolderBusyError, StateDamagedError, ResourceError."""
        self.path = folder / "mesh.db"
        self._mutex = threading.Lock()
        try:
            private_folder(folder, FILES)
            self._lock = hold(folder / "mesh.lock")
        except OSError as error:
            raise ResourceError(f"cannot use {folder}: {error.strerror or error}") from error
        try:
            self._db = open_database(self.path, MIGRATIONS)
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, NewerSchemaError):
                raise StateDamagedError(str(error)) from error
            if isinstance(error, sqlite3.Error):
                raise self._translated(error) from error
            raise

    def _translated(self, error: sqlite3.Error) -> EchoratorError:
        if is_unwritable(error):
            return ResourceError(f"cannot write {self.path}: {error}; nothing of this request was stored, free some space and try again")
        return StateDamagedError(f"{self.path}: {error}; move it away to start without it: agents report what they serve")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                with transaction(self._db):
                    yield self._db
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def models(self) -> list[StoredModel]:
        """Return all models, sorted by name. Raises StateDamagedError where one cannot be read."""
        with self._transaction() as db:
            rows = db.execute("SELECT spec, generation, load_generation, created_s FROM models ORDER BY name").fetchall()
        try:
            return [StoredModel(pb.ModelSpec.FromString(spec), *rest) for spec, *rest in rows]
        except DecodeError as error:
            raise StateDamagedError(f"{self.path}: a model cannot be read ({error}); move the file away to start without it") from error

    def put_model(self, spec: pb.ModelSpec, load_again: bool, now_s: float) -> StoredModel:
        """Create or replace a model under a new generation; durable on return. `load_again`: what agents load has changed."""
        with self._transaction() as db:
            db.execute("UPDATE generations SET last = last + 1")
            generation = int(db.execute("SELECT last FROM generations").fetchone()[0])
            row = db.execute("SELECT load_generation, created_s FROM models WHERE name = ?", (spec.name,)).fetchone()
            load_generation = generation if row is None or load_again else int(row[0])
            created_s = now_s if row is None else float(row[1])
            values = (spec.name, spec.SerializeToString(), generation, load_generation, created_s)
            db.execute("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?)", values)
        return StoredModel(spec, generation, load_generation, created_s)

    def delete_model(self, name: str) -> None:
        """Delete a model, if it exists; durable on return."""
        with self._transaction() as db:
            db.execute("DELETE FROM models WHERE name = ?", (name,))

    def agents(self) -> list[tuple[pb.Agent, bool]]:
        """Return the known agents, and whether each was asked to drain; skips unreadable rows, as those agents register again."""
        with self._transaction() as db:
            rows = db.execute("SELECT agent, drain_asked FROM agents ORDER BY id").fetchall()
        found = []
        for blob, drain_asked in rows:
            try:
                found.append((pb.Agent.FromString(blob), bool(drain_asked)))
            except DecodeError:
                continue
        return found

    def put_agents(self, agents: Iterable[tuple[pb.Agent, bool]], gone: Iterable[str]) -> None:
        """Write agents with their drain requests, and delete the agents with the ids `gone`; durable on return."""
        with self._transaction() as db:
            rows = [(agent.id, agent.SerializeToString(), int(drain)) for agent, drain in agents]
            db.executemany("INSERT OR REPLACE INTO agents VALUES (?, ?, ?)", rows)
            db.executemany("DELETE FROM agents WHERE id = ?", [(name,) for name in gone])

    def close(self) -> None:
        """Close the state file and release the lock on the folder."""
        with self._mutex:
            self._db.close()
            os.close(self._lock)
