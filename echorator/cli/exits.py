"""How a command ends: the exit codes, and the one error that carries a code; `main` prints it."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit codes; 69 and 74 are EX_UNAVAILABLE and EX_IOERR of sysexits.h, 130 and 141 are a shell's for SIGINT and SIGPIPE."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNAVAILABLE = 69
    RESOURCE = 74
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class CommandError(Exception):
    """Ends the command with `message` on stderr and `code`."""

    def __init__(self, message: str, code: Exit = Exit.FAILURE) -> None:
        super().__init__(message)
        self.code = code
