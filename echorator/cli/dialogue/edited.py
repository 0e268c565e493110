"""Reads messages from a terminal with editing, several lines, pastes, completion and history.

It imports prompt_toolkit, so only a dialogue on a terminal imports it.

The terminal is not asked where its cursor is, which prompt_toolkit would do: over a slow line the answer comes among what is typed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from echorator.cli.dialogue.history import HistoryFile
from echorator.cli.dialogue.lines import is_open
from echorator.cli.dialogue.typed import MORE, PROMPT, Interrupted
from echorator.cli.text_input import checked_line


class EditedLines:
    """Asks with prompt_toolkit, in the runner's event loop, so that a server of this process goes on meanwhile.

    Args:
        runner: runs the event loop of the dialogue.
        history: what was typed before.
        complete: returns how the line could go on; each is the whole word that stands at its end.
    """

    def __init__(self, runner: asyncio.Runner, history: HistoryFile, complete: Callable[[str], Iterable[str]]) -> None:
        self._runner = runner
        output = Vt100_Output(sys.stdout, _size, default_color_depth=ColorDepth.DEPTH_1_BIT, enable_cpr=False)
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=lambda _width, _line, wraps: "" if wraps else MORE,
            history=_History(history),
            completer=_Completer(complete),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            enable_suspend=True,
            enable_open_in_editor=True,
            key_bindings=_bindings(),
            interrupt_exception=Interrupted,
            output=output,
        )
        self._questions: PromptSession[str] = PromptSession(interrupt_exception=Interrupted, output=output)

    def message(self) -> str:
        """Return what was typed in the editor of prompt_toolkit. Raises what `typed.Lines` does."""
        return checked_line(self._runner.run(self._session.prompt_async()))

    def answer_to(self, question: str) -> str:
        """Return the line that answers a question, which is not kept in the history. Raises what `typed.Lines` does."""
        try:
            return checked_line(self._runner.run(self._questions.prompt_async(question)))
        except (Interrupted, EOFError):
            return ""


def _size() -> Size:
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:  # the terminal has gone
        found = os.terminal_size((0, 0))
    return Size(rows=found.lines or 24, columns=found.columns or 80)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @bindings.add("enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if is_open(event.current_buffer.text):
            event.current_buffer.insert_text("\n")
        else:
            event.current_buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add("c-c", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=Interrupted(), style="class:aborting")

    return bindings


class _Completer(Completer):
    def __init__(self, complete: Callable[[str], Iterable[str]]) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002  as Completer has it
        line = document.text_before_cursor
        word = line.rsplit(maxsplit=1)[-1] if line and not line[-1].isspace() else ""
        for choice in self._complete(line):
            yield Completion(choice, -len(word))


class _History(History):
    """The history file as prompt_toolkit reads it: the newest first."""

    def __init__(self, file: HistoryFile) -> None:
        super().__init__()
        self._file = file

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._file.texts())

    def store_string(self, string: str) -> None:
        self._file.add(string)
