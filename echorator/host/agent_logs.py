"""The logs of the agents of an `up`, which stay when an agent or `up` has ended: DATA/logs/MODEL/AGENT.log, and the older files beside it.

Written by `process_log`, which bounds the size of each; this module bounds their number, finds them, and reads their last lines and what is
appended. It needs no server, so that it works after the end of `up`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOGS = "logs"  # name of the folder within that of the data
MOST_KEPT = 32  # logs of agents that have ended; the ones written last are kept


@dataclass(frozen=True)
class AgentLog:
    """The log of all runs of one agent of one model."""

    model: str
    agent: str
    path: Path

    def files(self) -> list[Path]:
        """Return its files, the oldest first."""
        older = sorted(self.path.parent.glob(f"{self.path.name}.[0-9]"), key=lambda path: path.name, reverse=True)
        return [*older, *([self.path] if self.path.exists() else [])]

    def size_bytes(self) -> int:
        """Return the size of its files together."""
        return sum(file.stat().st_size for file in self.files())

    def written_s(self) -> float:
        """Return when it was written last, in seconds since 1970; 0 where it is gone."""
        return max((file.stat().st_mtime for file in self.files()), default=0.0)

    def last_lines(self, number: int) -> list[str]:
        """Return the last lines, at most `number` of them, across its files."""
        return _last_lines(self.files(), number)


def place_of(logs: Path, model: str, agent: str) -> Path:
    """Return the file of an agent's log below the folder `logs`."""
    return logs / model / f"{agent}.log"


def found(logs: Path) -> list[AgentLog]:
    """Return the logs below the folder `logs`, by model and agent; none where there is no such folder."""
    paths = sorted(logs.glob("*/*.log"))
    return [AgentLog(path.parent.name, path.name.removesuffix(".log"), path) for path in paths]


def prune(logs: Path, running: Collection[str]) -> None:
    """Remove the logs of agents that are not `running`, but for the `MOST_KEPT` that were written last, and what earlier versions left."""
    for old in (*logs.glob("*.log"), *logs.glob("*.log.[0-9]")):
        old.unlink(missing_ok=True)
    ended = sorted((log for log in found(logs) if log.agent not in running), key=AgentLog.written_s, reverse=True)
    for log in ended[MOST_KEPT:]:
        for file in log.files():
            file.unlink(missing_ok=True)
        if not any(log.path.parent.iterdir()):
            log.path.parent.rmdir()


def _last_lines(files: Sequence[Path], number: int) -> list[str]:
    """Return the last lines, at most `number` of them, of files of which the oldest is the first."""
    found: list[str] = []
    for file in reversed(files):
        if len(found) >= number:
            break
        text = file.read_bytes().decode("utf-8", "replace")  # a few MiB, see `process_log`
        found[:0] = text.removesuffix("\n").split("\n")[len(found) - number :] if text else []
    return found


class Following:
    """The lines of one log, and what is appended to it, whatever restarts or rotates it. `close` it at the end."""

    def __init__(self, log: AgentLog) -> None:
        self.log = log
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._open()

    def begin(self, number: int) -> list[str]:
        """Return the last lines that are there now, at most `number` of them; `lines` goes on after them."""
        there = list(self.lines())
        older = self.log.files()[:-1] if len(there) < number else []
        return [*_last_lines(older, number - len(there)), *there][-number:] if number else []

    def _open(self) -> None:
        try:
            self._file = self.log.path.open("rb")
        except FileNotFoundError:
            self._file = None

    def lines(self) -> Iterator[str]:
        """Yield the lines that were completed since the last call."""
        yield from self._read()
        if self._replaced():
            yield from self._read()  # what was written between the last look and the change of files
            self.close()
            self._open()
            yield from self._read()

    def _read(self) -> Iterator[str]:
        data = self._rest + (self._file.read() if self._file is not None else b"")
        whole, newline, self._rest = data.rpartition(b"\n")
        if newline:
            yield from whole.decode("utf-8", "replace").split("\n")

    def _replaced(self) -> bool:
        """Return whether the log's path names another file than the open one, as after a rotation."""
        try:
            now = self.log.path.stat()
        except FileNotFoundError:
            return False
        return self._file is None or now.st_ino != os.fstat(self._file.fileno()).st_ino

    def close(self) -> None:
        """Close the file if one is open; a later `lines` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
