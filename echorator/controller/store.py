"""What survives the controller: the models that were asked for, and the agents that were known.

One SQLite file in WAL mode, synchronous = FULL: what was acknowledged is on the disk. The folder is held by one process. Calls block
for a flush, so `service` makes them on a thread; one at a time.
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
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.folder_lock import hold

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
    """The state file cannot be read."""


@dataclass(frozen=True)
class StoredModel:
    """A model that was asked for. `load_generation` is the generation that changed what agents load."""

    spec: pb.ModelSpec
    generation: int
    load_generation: int
    created_s: float


class Store:
    """`close` frees the folder."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Raises FolderBusyError, StateDamagedError, ResourceError."""
        self.path = folder / "mesh.db"
        self._mutex = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = hold(folder / "mesh.lock")
        except OSError as error:
            raise ResourceError(f"cannot use {folder}: {error.strerror or error}") from error
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except sqlite3.Error as error:
            os.close(self._lock)
            raise self._translated(error) from error
        except BaseException:
            os.close(self._lock)
            raise

    def _migrate(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise StateDamagedError(
                f"{self.path} was written by a newer version of Echorator (schema {version}, this one knows {len(MIGRATIONS)}); update it"
            )
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {number}; COMMIT;")

    def _translated(self, error: sqlite3.Error) -> EchoratorError:
        text = str(error)
        if any(part in text for part in ("full", "disk I/O", "unable to open", "readonly")):
            return ResourceError(f"cannot write {self.path}: {text}; nothing of this request was stored, free some space and try again")
        return StateDamagedError(f"{self.path}: {text}; move it away to start without it: agents report what they serve")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def models(self) -> list[StoredModel]:
        """By name. Raises StateDamagedError."""
        with self._transaction() as db:
            rows = db.execute("SELECT spec, generation, load_generation, created_s FROM models ORDER BY name").fetchall()
        try:
            return [StoredModel(pb.ModelSpec.FromString(spec), *rest) for spec, *rest in rows]
        except DecodeError as error:
            raise StateDamagedError(f"{self.path}: a model cannot be read ({error}); move the file away to start without it") from error

    def put_model(self, spec: pb.ModelSpec, load_again: bool, now_s: float) -> StoredModel:
        """Create or replace; durable when it returns. `load_again`: what agents load has changed."""
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
        """Durable when it returns."""
        with self._transaction() as db:
            db.execute("DELETE FROM models WHERE name = ?", (name,))

    def agents(self) -> list[tuple[pb.Agent, bool]]:
        """The known ones, and whether each was asked to drain. A row that cannot be read is left out: its agent comes back by itself."""
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
        """Durable when it returns."""
        with self._transaction() as db:
            rows = [(agent.id, agent.SerializeToString(), int(drain)) for agent, drain in agents]
            db.executemany("INSERT OR REPLACE INTO agents VALUES (?, ?, ?)", rows)
            db.executemany("DELETE FROM agents WHERE id = ?", [(name,) for name in gone])

    def close(self) -> None:
        """Nothing is written any more."""
        with self._mutex:
            self._db.close()
            os.close(self._lock)
