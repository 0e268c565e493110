"""Writes one log line for each call that failed, or for every call, whatever its protocol. Fed by `life`, where each call ends.

A line has what finds and judges a call: trace id, method or route, model, tenant, status, reason and seconds. It has nothing of what the
call carried: the message of an error may quote the client, so that it is written only where the fault is not the client's. A client can
fail as often as it likes, so the lines about failures are bounded, those about clients' faults apart from those about ours; what is left
out is counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from echorator.allowance import Allowance

NAME = "echorator.calls"
PER_S, BURST = 20.0, 200.0
TELL_S = 5.0  # after this time the number of lines that were left out is told

_log = logging.getLogger(NAME)

_CLIENTS = frozenset(
    {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "ABORTED",
    }
)
_ERRORS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})
_MOST_CHARS = 128


def level_of(code: str) -> int:
    """Return the level of a call that ended with this gRPC status.

    INFO for a client's own fault, DEBUG for a call that its client cancelled, ERROR for a fault of ours, WARNING where we lack something.
    """
    if code == "OK" or code in _CLIENTS:
        return logging.INFO
    if code == "CANCELLED":
        return logging.DEBUG
    return logging.ERROR if code in _ERRORS else logging.WARNING


def is_ours(code: str) -> bool:
    """Return whether a call with this status failed for a reason that lies with the servers, and not with its client."""
    return level_of(code) >= logging.WARNING


def log_every_call() -> None:
    """Write a line for each call that ends from now on, also for those that went well."""
    _writer.every = True
    _log.setLevel(min(_log.getEffectiveLevel(), logging.INFO))


def every_call() -> bool:
    """Return whether calls that went well get a line too."""
    return _writer.every


class _Writer:
    """The writer of this process's lines."""

    def __init__(self) -> None:
        self.every = False
        self._allowances = {False: Allowance(PER_S, BURST), True: Allowance(PER_S, BURST)}
        self._left_out = 0
        self._telling: asyncio.TimerHandle | None = None

    def level(self, code: str, ours: bool | None) -> int:
        """Return the level of the line of a call, 0 where it is to have none now; count it where it is left out of a flood."""
        if code == "OK" and not self.every:
            return 0
        level = level_of(code)
        if ours is not None:
            level = max(level, logging.WARNING) if ours else min(level, logging.INFO)
        if self.every:
            level = max(level, logging.INFO)
        if not _log.isEnabledFor(level):
            return 0
        if not self.every and not self._allowances[level >= logging.WARNING].take(time.monotonic()):
            self._left_out += 1
            self._tell_later()
            return 0
        return level

    def _tell_later(self) -> None:
        if self._telling is None:
            try:
                self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)
            except RuntimeError:
                return  # outside of an event loop nothing can be told later; the next line to be left out tries again

    def _tell(self) -> None:
        self._telling = None
        left_out, self._left_out = self._left_out, 0
        _log.warning("calls that failed were left out of the log", extra={"calls": left_out, "within_s": TELL_S})


_writer = _Writer()


def level(code: str, ours: bool | None = None) -> int:
    """Return the level of the line of a call that has ended with `code`, 0 where none is to be written. Call it once for a call.

    `ours`: whether the fault is ours, where the status does not tell.
    """
    return _writer.level(code, ours)


def write(level: int, code: str, fields: Mapping[str, object], traceback: str = "") -> None:
    """Write the line of a call that has ended.

    Args:
        level: what the function of that name has returned, not 0.
        code: the name of its gRPC status.
        fields: what the line says beside its message; values that are "" or 0 are to be left out by the caller.
        traceback: of an error that nobody expected, "" for none.
    """
    message = "call ended" if code == "OK" else "call failed"
    record = _log.makeRecord(NAME, level, __file__, 0, message, (), None, extra=fields)
    record.exc_text = traceback or None
    _log.handle(record)


def printable(name: str) -> str:
    """Return a name that a client sent as one short word or more on one line."""
    return "".join(c if c.isprintable() else "?" for c in name[:_MOST_CHARS])
