"""Keeps the stderr of a child process in a file that is rotated by its size, so that an agent's log cannot fill the disk.

The child writes into a pipe and not into the file, since nobody can rotate a file that another process holds open. The end of the output
is also kept in memory, as the reason of the child's end. The file stays when the child ends, and a later run goes on with it. Fed by
`agent_runs`; `agent_logs` finds the files and bounds their number.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import stat
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from echorator.private_files import private_folder

_log = logging.getLogger(__name__)

MOST_BYTES = 4 << 20  # largest size of one file
KEPT = 2  # older files that are kept beside it
CHUNK_BYTES = 1 << 16
TAIL_CHARS = 2000
LOGS = ("*.log", "*.log.*")


class _Rotated(RotatingFileHandler):
    """A rotated file that takes text as it is, readable by this user alone."""

    terminator = ""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._told = False
        super().__init__(path, maxBytes=most_bytes, backupCount=KEPT, encoding="utf-8", errors="replace")

    def _open(self) -> TextIOWrapper:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.fchmod(fd, 0o600)  # an earlier version may have left a file with another mode
        return open(fd, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:
        """Warn once of a log that cannot be written: a full disk must not end the agent."""
        if not self._told:
            self._told = True
            _log.warning("a log cannot be written", extra={"file": self.baseFilename, "characters": len(record.getMessage())})


class ProcessLog:
    """The log of one run of a child. Make it on the event loop; `copy` reads until the child has closed its stderr."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """Open the log of one child. Raises OSError if its folder or file cannot be written."""
        self.path = path
        private_folder(path.parent.parent, ("*",))
        private_folder(path.parent, LOGS)
        self._file = _Rotated(path, most_bytes)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.tail = ""

    async def copy(self, stream: asyncio.StreamReader) -> None:
        """Copy the stream into the log until the stream's end."""
        while data := await stream.read(CHUNK_BYTES):
            self._write(self._decoder.decode(data))
        self._write(self._decoder.decode(b"", final=True))

    def note(self, line: str) -> None:
        """Append a line of this process's own, such as that the child was started."""
        self._append(f"{line}\n")

    def _write(self, text: str) -> None:
        if text:
            self.tail = (self.tail + text)[-TAIL_CHARS:]
            self._append(text)

    def _append(self, text: str) -> None:
        self._file.handle(logging.makeLogRecord({"msg": "%s", "args": (text,)}))

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        with suppress(OSError):  # closing flushes again what could not be written before
            self._file.close()
