"""A real PostgreSQL for tests: on a free loopback port, with a database of its own for each test.

initdb and postgres refuse to run as root, so root runs them as `nobody`, in a folder of nobody's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import free_port
from tests.support.waiting import until

needs_postgres = pytest.mark.needs("initdb")
ROLE = "memory"  # neither a superuser nor beyond row-level security


class PostgresServer:
    """`start`, `kill` (SIGKILL of all its processes) and `start` again on the same data; `stop` removes the data."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="echorator-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self._settings: Mapping[str, str] = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "32MB",
            "max_connections": "200",
        } | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._as: dict[str, int] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        command = (shutil.which("initdb") or "", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, extra_groups=self._groups, **self._as)  # type: ignore[call-overload]

    @property
    def _groups(self) -> list[int] | None:
        return [] if self._as else None

    def start(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = (shutil.which("postgres") or "", "-D", str(self.data), "-p", str(self.port), *settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                command, stdout=log, stderr=log, cwd=self.folder, extra_groups=self._groups, start_new_session=True, **self._as
            )
        until(self._answers, "PostgreSQL answers", 60.0)
        self.run(f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self._url("postgres", database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def rows(self, query: str, database: str) -> list[tuple[object, ...]]:
        """Return the rows of a superuser's query."""
        with psycopg.connect(self._url("postgres", database), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"memory_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} OWNER {ROLE}")
        return self._url(ROLE, name)

    def kill(self) -> None:
        """Kill all of its processes: the first one before its children, which it would replace."""
        assert self._process is not None
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "its children are gone")

    def stop(self) -> None:
        """Stop it without a checkpoint, and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
