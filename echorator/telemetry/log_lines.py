"""Writes log records as lines on stderr, with their fields and the call's trace id: key=value for people, JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

from echorator.telemetry import tracing

FORMATS = ("text", "json")
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


def log_to_stderr(level: str, form: str = "text") -> None:
    """Write log records of `level` and above from here on, in one of FORMATS."""
    handler = _Stderr()
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
