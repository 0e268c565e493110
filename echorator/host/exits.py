"""The exit codes of commands, which code an error has, and the one error that carries a code; `main` prints it."""

from __future__ import annotations

import enum

from echorator.errors import EchoratorError, ErrorClass, InvalidRequestError, class_of


class Exit(enum.IntEnum):
    """The exit codes. 69 and 74 are EX_UNAVAILABLE and EX_IOERR of sysexits.h, 130 and 141 are a shell's for SIGINT and SIGPIPE."""

    OK = 0  # the command did what it was to do, or a server ended after a signal
    FAILURE = 1  # it could not be done, or a named file cannot be read; the line on stderr says why
    USAGE = 2  # the command line, a value or what a file says is wrong; the line on stderr says what to change
    UNAVAILABLE = 69  # a server or a cluster cannot be reached, drains, or was not ready in time; try again later
    RESOURCE = 74  # memory, a device, a port, a disk or a folder is not to be had, or a quota of the cluster is used up
    INTERRUPTED = 130  # ended by Ctrl-C
    PIPE_CLOSED = 141  # whoever read the output has stopped reading; nothing is said


class CommandError(Exception):
    """An error that ends the command with its message on stderr and `code`."""

    def __init__(self, message: str, code: Exit = Exit.FAILURE) -> None:
        super().__init__(message)
        self.code = code


def exit_of(error: EchoratorError) -> Exit:
    """Return the exit code of an error that a command did not translate itself."""
    if type(error) is InvalidRequestError:  # a setting out of its range; its subclasses are about files, models and servers
        return Exit.USAGE
    return {ErrorClass.TRANSIENT: Exit.UNAVAILABLE, ErrorClass.RESOURCE: Exit.RESOURCE}.get(class_of(error), Exit.FAILURE)
