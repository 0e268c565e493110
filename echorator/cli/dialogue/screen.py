"""What a dialogue shows: answers on stdout, as Markdown or as they come, and quiet notes on stderr.

Answers are plain text where stdout is no terminal, for `TERM=dumb`, `NO_COLOR` and `--plain`. A terminal gets no control characters of an
answer, which could move its cursor, set its title or answer for its user.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Protocol

from echorator.rpc.v1 import model_pb2 as pb

MEMORIES = ("memory", "memories")
DUMB = ("", "dumb", "unknown")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DIM, _RED, _OFF = "\x1b[2m", "\x1b[31m", "\x1b[0m"


def safe(text: str) -> str:
    """Return the text without control characters but line ends and tabs."""
    return _CONTROL.sub("", text)


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun, such as "1 turn" or "2 turns"."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


class AnswerView(Protocol):
    """Shows one answer as it comes."""

    def thought(self, text: str) -> None:
        """Show a part of what the model thinks before it answers."""

    def part(self, text: str) -> None:
        """Show a part of the answer."""

    def end(self) -> None:
        """Show what is left of it, and end its line."""


class Screen:
    """The standard streams of a dialogue, or of one answer where `interactive` is false."""

    def __init__(self, plain: bool, interactive: bool) -> None:
        self.interactive = interactive
        self._terminal = sys.stdout.isatty()
        self.able = self._terminal and os.environ.get("TERM", "") not in DUMB and not plain  # to move a cursor
        self.styled = self.able and not os.environ.get("NO_COLOR")
        self.markdown = True  # as `/set markdown` has it

    @property
    def heard(self) -> bool:
        """Whether notes reach a reader: in a dialogue, or where stderr is a terminal."""
        return self.interactive or sys.stderr.isatty()

    def view(self) -> AnswerView:
        """Return what shows the next answer."""
        return _Drawn() if self.styled and self.markdown else _Plain(self)

    def say(self, text: str) -> None:
        """Print what was asked for."""
        print(self.shown(text), flush=True)

    def note(self, text: str) -> None:
        """Print a quiet line beside the dialogue; for one answer only where somebody sees it."""
        if self.heard:
            self._aside(text, _DIM)

    def error(self, text: str) -> None:
        """Print what went wrong in one line."""
        self._aside(f"error: {' '.join(text.split())}", _RED)

    def shown(self, text: str) -> str:
        """Return the text as it may be written to stdout."""
        return safe(text) if self._terminal else text

    def finish(self, finish: pb.Finish, seconds: float, context_tokens: int) -> None:
        """Say how long the answer is and how long it took, and what it had to be cut for."""
        usage = finish.usage
        parts = [f"{counted(usage.completion_tokens, 'token')} in {seconds:.1f} s"]
        parts += [f"{usage.tokens_per_s:.0f} tokens/s"] if usage.tokens_per_s else []
        tokens = usage.prompt_tokens + usage.completion_tokens
        if context_tokens:
            parts.append(f"context {tokens / context_tokens:.0%} full")
            if finish.reason == pb.FINISH_REASON_LENGTH and tokens >= context_tokens:
                parts.append("cut at the end of the context")
        self.note(", ".join(parts))

    def _aside(self, text: str, style: str) -> None:
        sys.stdout.flush()
        terminal = sys.stderr.isatty()
        text = safe(text) if terminal else text
        print(f"{style}{text}{_OFF}" if self.styled and terminal else text, file=sys.stderr, flush=True)


class _Plain:
    """The text as it comes."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._thinks = False
        self._begun = False

    def thought(self, text: str) -> None:
        if text and not self._thinks and self._screen.interactive:
            self._thinks = True
            self._screen.note("(it thinks)")

    def part(self, text: str) -> None:
        self._begun = self._begun or bool(text)
        sys.stdout.write(self._screen.shown(text))
        sys.stdout.flush()

    def end(self) -> None:
        if self._begun:
            print(flush=True)


class _Drawn:
    """Markdown, word by word; thoughts are dim."""

    def __init__(self) -> None:
        from rich.console import Console

        from echorator.cli.dialogue.markdown import MarkdownStream

        self._console = Console(file=sys.stdout, highlight=False, markup=False)
        unicode = self._console.encoding.lower().startswith("utf")
        self._answer = MarkdownStream(lambda: self._console.width, unicode)
        self._thoughts = MarkdownStream(lambda: self._console.width, unicode)
        self._thinks = False

    def thought(self, text: str) -> None:
        self._thinks = True
        self._print(self._thoughts.feed(safe(text)), "dim italic")

    def part(self, text: str) -> None:
        self._end_thought()
        self._print(self._answer.feed(safe(text)))

    def end(self) -> None:
        self._end_thought()
        self._print(self._answer.end())

    def _end_thought(self) -> None:
        if self._thinks:
            self._thinks = False
            self._print(self._thoughts.end(), "dim italic")
            self._console.print()

    def _print(self, text: object, style: str | None = None) -> None:
        if text:
            self._console.print(text, end="", soft_wrap=True, style=style)
            self._console.file.flush()
