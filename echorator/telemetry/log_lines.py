"""Writes log records as lines on stderr, with their fields and the call's trace id: key=value for people, JSON for machines.

What a server says beside its log, such as the address that it listens on, is plain text, or JSON of the same form where the log is JSON:
whoever collects the output of a server then reads JSON alone.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from echorator.telemetry import tracing

FORMATS = ("text", "json")
LISTENING_ON, METRICS_ON = "listening on ", "metrics on "  # beginnings of lines by which a parent learns where its child serves
NOISY = ("grpc", "urllib3")  # their debug records are about their own internals
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    trace_id = tracing.current_id()
    return {**fields, "trace_id": trace_id} if trace_id and "trace_id" not in fields else fields


def _word(value: object) -> str:
    """Return a value as one word, in quotes as JSON has them where it is none: a field must not look like another one."""
    text = str(value)
    return text if text.isprintable() and not any(c in ' "=' for c in text) and text else json.dumps(text, ensure_ascii=False)


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line: the fields stand before a traceback."""
        return super().formatMessage(record) + "".join(f" {key}={_word(value)}" for key, value in _fields(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info or record.exc_text:
            line["exception"] = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return json.dumps(line, default=str, ensure_ascii=False)


class _Stderr(logging.StreamHandler[TextIO]):
    """A handler that writes to the present `sys.stderr`, since a live view replaces that object."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


_forms: dict[str, logging.Formatter] = {"json": _Json(), "text": _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")}
_chosen = "text"


def log_to_stderr(level: str, form: str = "text") -> None:
    """Write log records of `level` and above from here on, in one of FORMATS."""
    global _chosen
    _chosen = form
    handler = _Stderr()
    handler.setFormatter(_forms[form])
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))


def log_line(message: str, **fields: object) -> str:
    """Return a line in the form of the log, for a log that another process writes too. `fields` stand beside the message."""
    return _forms[_chosen].format(_record(message, fields))


def say(message: str, to: TextIO | None = None, **fields: object) -> None:
    """Print to stdout, or to `to`, what a server tells beside its log.

    It is `message` alone where the log is text, and a JSON object with `fields` where it is JSON.
    """
    print(_forms["json"].format(_record(message, fields)) if _chosen == "json" else message, file=to or sys.stdout, flush=True)


def said(line: bytes) -> str:
    """Return the message of a line that `say` has printed in another process."""
    text = line.decode("utf-8", "replace").rstrip()
    if text.startswith("{"):
        try:
            return str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            return text
    return text


def _record(message: str, fields: Mapping[str, object]) -> logging.LogRecord:
    return logging.getLogger("echorator").makeRecord("echorator", logging.INFO, __file__, 0, message, (), None, extra=fields)
