"""Reads lines from a terminal without drawing on it: for `--plain`, a dumb terminal, and where stdout is no terminal.

`edited` does the same with editing, completion and a search of the history.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Protocol

from echorator.cli.dialogue.history import HistoryFile
from echorator.cli.dialogue.lines import is_open
from echorator.cli.text_input import line_of_stdin, line_of_terminal

PROMPT, MORE = "> ", ". "


class Interrupted(Exception):
    """Ctrl-C was pressed where nothing was typed."""


class Lines(Protocol):
    """Where the dialogue gets what the user types: the editor of a terminal, or plain lines."""

    def message(self) -> str:
        """Return what was typed, which may have several lines. Raises Interrupted, EOFError, CommandError where it is no text."""

    def answer_to(self, question: str) -> str:
        """Return the answer to a question, "" after Ctrl-C or Ctrl-D. Raises CommandError."""


class PlainLines:
    """Lines as the terminal gives them; edited by readline where stdin and stdout are one and it is not dumb."""

    def __init__(self, history: HistoryFile, able: bool) -> None:
        self._history = history
        self._readline = able
        if able:
            with contextlib.suppress(ImportError):
                import readline

                for text in history.texts():
                    readline.add_history(text.replace("\n", " "))

    def message(self) -> str:
        """Return a line, or all lines up to the closing quotes of a longer text. Raises what `Lines` does."""
        try:
            text = self._line(PROMPT)
            while is_open(text):
                text += "\n" + self._line(MORE)
        except KeyboardInterrupt:
            print(file=sys.stderr)
            raise Interrupted from None
        if text.strip():
            self._history.add(text)
        return text

    def answer_to(self, question: str) -> str:
        """Return the line that answers a question. Raises what `Lines` does."""
        try:
            return self._line(question)
        except (KeyboardInterrupt, EOFError):
            print(file=sys.stderr)
            return ""

    def _line(self, prompt: str) -> str:
        if sys.stdout.isatty():
            return line_of_terminal(prompt)
        print(prompt, end="", file=sys.stderr, flush=True)  # stdout has the answers alone
        return line_of_stdin()
