"""Log records as lines on stderr, with their fields and the trace id of the call: key=value for people, JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

from echorator.telemetry import tracing

FORMATS = ("text", "json")
NOISY = ("grpc", "urllib3")  # their debug records say nothing of this system
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    trace_id = tracing.current_id()
    return {**fields, "trace_id": trace_id} if trace_id else fields


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        return super().format(record) + fields


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
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class _Stderr(logging.StreamHandler[TextIO]):
    """To whatever stderr is then: a live view puts itself before it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """As it is."""


def log_to_stderr(level: str, form: str = "text") -> None:
    """From here on records of `level` and above are written, as one of FORMATS."""
    handler = _Stderr()
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
