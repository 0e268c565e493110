"""The console of rich with which commands print tables and views, with the exit code that every command has where its reader leaves."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console as RichConsole


class Console(RichConsole):
    """A console that leaves a closed pipe to the program, which ends with PIPE_CLOSED; rich would exit with 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the BrokenPipeError that is being handled; rich calls this in its handler."""
        raise
