"""`echorator chat` on a pseudo-terminal that is its controlling terminal, so that Ctrl-C reaches it as it does a user's."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from types import TracebackType

from tests.support.waiting import looks

WITHIN_S = 20.0
# A process group of its own session, whose controlling terminal is stdin.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\a]*\a|\x1b[()][A-Z0-9]")
READS = r"\x1b\[\?2004h"  # prompt_toolkit begins to read, and takes pastes
READ = r"\x1b\[\?2004l"  # it has read


def plain(text: str) -> str:
    return _ESCAPES.sub("", text).replace("\r", "")


class Terminal:
    """The command with what it printed. `edited` says whether it reads by prompt_toolkit, which shows in the escapes that it prints."""

    def __init__(
        self,
        *arguments: str,
        edited: bool = True,
        size: tuple[int, int] = (24, 80),
        stdout: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.edited = edited
        self.raw = ""
        self._from = 0
        self._fd, end = os.openpty()
        self.resize(*size)
        environment = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        command = (sys.executable, "-c", _ON_TERMINAL, "-m", "echorator", "chat", *arguments)
        out = end if stdout is None else stdout
        self.process = subprocess.Popen(command, stdin=end, stdout=out, stderr=end, env=environment, start_new_session=True)
        os.close(end)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str | bytes) -> None:
        """Send keys; what is expected then comes after them."""
        self._from = len(self.raw)
        os.write(self._fd, keys.encode() if isinstance(keys, str) else keys)

    def until(self, pattern: str) -> str:
        """Return what came up to the match, with its escapes."""
        for _ in looks(WITHIN_S):
            if found := re.compile(pattern, re.DOTALL).search(self.raw, self._from):
                text, self._from = self.raw[self._from : found.end()], found.end()
                return text
            if not self._read():
                break
        raise AssertionError(f"{pattern!r} did not come: {self.raw[self._from :]!r}")

    def _read(self) -> bool:
        if select.select([self._fd], [], [], 0.1)[0]:
            try:
                self.raw += os.read(self._fd, 65536).decode("utf-8", "replace")
            except OSError:  # nobody has the other end any more
                return False
        return True

    def ready(self) -> str:
        """Wait for the prompt and return what was printed before it."""
        if self.edited:
            return plain(re.split(READS, self.until(READS + r".*?\x1b\[\?25h"))[0])
        return plain(self.until(r"(?:^|\n|: )> \Z")).removesuffix("> ")

    def said(self, text: str | bytes) -> str:
        """Type a line and return what is printed until the next prompt, without the line itself."""
        self.press(text.encode() + b"\r" if isinstance(text, str) else text + b"\r")
        if self.edited:
            self.until(READ)
        return self.ready()

    def exit_code(self) -> int:
        for _ in looks(WITHIN_S):
            if not self._read() or self.process.poll() is not None:
                break
        return self.process.wait(WITHIN_S)
