"""What a command prints on stderr while it waits for Models: each phase, and why one is not ready. Fed by `resources`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from echorator.cli.output.model_standing import standing_of

_NEW_LINE = "\r\x1b[2K"  # back to the beginning of the line, and erase it


class PhaseLines:
    """The lines of one wait. On a terminal the download's progress is shown in one line that is rewritten."""

    def __init__(self) -> None:
        self._phases: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._live = sys.stderr.isatty()
        self._open = False  # an unfinished line is on the terminal

    def __enter__(self) -> PhaseLines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def tell(self, document: Mapping[str, Any]) -> None:
        """Print what is new about a resource; only Models have phases that are worth a line."""
        if document["kind"] != "Model":
            return
        key, stands = f"model/{document['metadata']['name']}", standing_of(document)
        if self._phases.get(key) != stands.phase:
            self._close()
            self._phases[key] = stands.phase
            print(f"{key} {stands.phase}", file=sys.stderr, flush=True)
        if stands.trouble and self._troubles.get(key) != stands.trouble:
            self._close()
            self._troubles[key] = stands.trouble
            print(f"{key} {stands.trouble}", file=sys.stderr, flush=True)
        elif self._live and stands.says and not stands.trouble:
            print(f"{_NEW_LINE}{key} {stands.says}", end="", file=sys.stderr, flush=True)
            self._open = True

    def _close(self) -> None:
        if self._open:
            print(_NEW_LINE, end="", file=sys.stderr, flush=True)
            self._open = False
