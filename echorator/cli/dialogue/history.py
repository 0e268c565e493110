"""The file with what this user has typed in dialogues, so that it can be found again: a JSON text in each line, the newest last.

It is for its owner alone, as all in the data folder. Where it cannot be read or written a dialogue goes on without it.
"""

from __future__ import annotations

import json
import re

from echorator.cli.dialogue.folder import HISTORY, PART, chats, prepare
from echorator.private_files import open_private

MOST = 2000  # texts that are kept; the file is cut when it has twice as many
LONGEST = 16384  # characters of a text that is kept

_SURROGATE = re.compile("[\ud800-\udfff]")


class HistoryFile:
    """What was typed, from all dialogues. `failed` says why it is not kept, "" where it is."""

    def __init__(self) -> None:
        self._path = chats() / HISTORY
        self.failed = ""

    def texts(self) -> list[str]:
        """Return what was typed, the newest last."""
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            self.failed = f"{self._path}: {error.strerror}"
            return []
        if len(lines) > 2 * MOST:
            lines = lines[-MOST:]
            self._write("".join(f"{line}\n" for line in lines), whole=True)
        return [text for line in lines[-MOST:] if (text := _text(line))]

    def add(self, text: str) -> None:
        """Keep a text, unless it is none: what was no text of the terminal's encoding stands in it as surrogates."""
        if not self.failed and len(text) <= LONGEST and not _SURROGATE.search(text):
            self._write(f"{json.dumps(text)}\n", whole=False)

    def _write(self, lines: str, *, whole: bool) -> None:
        try:
            prepare()
            target = self._path.with_name(f".{HISTORY}{PART}") if whole else self._path
            with open_private(target, "w" if whole else "a") as out:
                out.write(lines)
            if whole:
                target.replace(self._path)
        except OSError as error:
            self.failed = f"{self._path}: {error.strerror}"


def _text(line: str) -> str:
    """Return the text of a line; "" where a write was cut short."""
    try:
        text = json.loads(line)
    except ValueError:
        return ""
    return text if isinstance(text, str) else ""
