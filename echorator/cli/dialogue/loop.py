"""Holds a dialogue on a terminal: reads a line, carries it out or sends it, and says what became of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable
from typing import Any

from echorator.cli.dialogue.actions import Actions
from echorator.cli.dialogue.history import HistoryFile
from echorator.cli.dialogue.lines import Command, Mistake, read
from echorator.cli.dialogue.remembered import Remembered
from echorator.cli.dialogue.screen import DUMB, MEMORIES, Screen, counted
from echorator.cli.dialogue.talk import Talk
from echorator.cli.dialogue.typed import Interrupted, Lines, PlainLines
from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.rpc.v1 import model_pb2 as pb

HINT = "/help lists commands, Ctrl-C stops an answer, /bye or Ctrl-D leaves"
LEAVE_HINT = "Ctrl-C again, Ctrl-D or /bye leaves"
SHOWN_TEXTS = 3  # memories of one turn whose texts are shown


def converse(runner: asyncio.Runner, talk: Talk, screen: Screen) -> int:
    """Hold the dialogue until the user leaves and return the exit code. Raises CommandError where the server cannot be asked at all."""
    return _Loop(runner, talk, screen).run()


class _Loop:
    def __init__(self, runner: asyncio.Runner, talk: Talk, screen: Screen) -> None:
        self._runner, self._talk, self._screen = runner, talk, screen
        self._history = HistoryFile()
        self._actions: Actions | None = None
        self._lines = self._opened_lines()
        self._actions = Actions(talk, screen, self._lines, self._call, lambda text: self._answer(text, learn=False))

    def _opened_lines(self) -> Lines:
        if self._screen.able and sys.stdin.isatty():
            from echorator.cli.dialogue.edited import EditedLines

            return EditedLines(self._runner, self._history, self._completions)
        return PlainLines(self._history, os.environ.get("TERM", "") not in DUMB)

    def _completions(self, line: str) -> Iterable[str]:
        return self._actions.completions(line) if self._actions else []

    def _call(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(asked)

    def run(self) -> int:
        self._greet()
        interrupted = False
        while True:
            try:
                typed = self._lines.message()
            except Interrupted:
                if interrupted:
                    return Exit.OK
                interrupted = True
                self._screen.note(LEAVE_HINT)
                continue
            except EOFError:
                print()
                return Exit.OK
            except CommandError as error:
                self._screen.error(str(error))
                continue
            interrupted = False
            if not self._carried_out(typed):
                return Exit.OK

    def _carried_out(self, typed: str) -> bool:
        """Do what was typed; return whether the dialogue goes on."""
        line = read(typed)
        try:
            if isinstance(line, Mistake):
                self._screen.error(line.message)
            elif isinstance(line, Command):
                if line.name == "bye":
                    return False
                assert self._actions is not None
                self._actions.carry_out(line)
            elif line is not None:
                self._answer(line.text)
        except KeyboardInterrupt:
            self._screen.note("[stopped]")
        except (CommandError, InvalidRequestError) as error:
            kept = "; the dialogue is kept, /retry asks again" if isinstance(error, CommandError) and error.code is Exit.UNAVAILABLE else ""
            self._screen.error(f"{error}{kept}")
        return True

    def _greet(self) -> None:
        """Find out what the model takes, and say what can be typed. Raises CommandError where the server cannot be asked."""
        assert self._actions is not None
        models: list[pb.Model] = self._runner.run(self._talk.models())
        self._actions.models = sorted(model.name for model in models)
        chosen = [model for model in models if self._talk.model in ("", model.name)]
        if len(chosen) == 1:
            self._talk.choose(chosen[0])
        self._screen.note(HINT)
        if self._history.failed:
            self._screen.note(f"what you type is not kept: {self._history.failed}")

    def _answer(self, text: str, *, learn: bool = True) -> None:
        """Answer a message; KeyboardInterrupt stops it, and what had come stays. Raises CommandError."""
        finish = self._runner.run(self._talk.answer(text, self._screen.view(), learn=learn))
        if finish is not None:
            tell(self._runner, self._talk, self._screen, finish)


def tell(runner: asyncio.Runner, talk: Talk, screen: Screen, finish: pb.Finish) -> None:
    """Say beside an answer what it took, and what became of the memory."""
    if talk.values.get("usage"):
        for line in usage_lines(finish.usage):
            print(line, file=sys.stderr)
    elif screen.able and screen.interactive:
        screen.finish(finish, talk.seconds, talk.context_tokens)
    if not (finish.usage.HasField("memory") and screen.heard):
        return
    memory = finish.usage.memory
    if memory.error:
        screen.note(f"not remembered: {memory.error}")
    new = [*memory.learned_ids, *(id_ for id_ in memory.confirmed_ids if id_ not in memory.learned_ids)]
    for said, ids in (("remembered", new), ("no longer holds", list(memory.superseded_ids))):
        if ids:
            screen.note(f"{said}: {_texts(runner, Remembered(talk.server, talk.user), ids)}")
    if memory.forgotten_ids:
        screen.note(f"forgot {counted(len(memory.forgotten_ids), *MEMORIES)}")


def _texts(runner: asyncio.Runner, memory: Remembered, ids: list[int]) -> str:
    """Return what memories say; how many they are, where the server does not tell."""
    try:
        found = runner.run(memory.of_ids(ids[:SHOWN_TEXTS]))
    except CommandError:
        found = []
    if not found:
        return counted(len(ids), *MEMORIES)
    more = f" and {len(ids) - len(found)} more" if len(ids) > len(found) else ""
    return " / ".join(" ".join(memory.text.split()) for memory in found) + more


def usage_lines(usage: pb.Usage) -> Iterable[str]:
    """Yield what `--usage` prints after an answer: tokens and times, and what became of the memory."""
    yield (
        f"{usage.prompt_tokens} prompt tokens ({usage.cached_tokens} cached), {usage.completion_tokens} new, "
        f"first after {usage.time_to_first_token_s * 1000:.0f} ms, {usage.tokens_per_s:.0f} tokens/s"
    )
    if usage.HasField("memory"):
        yield _memory_line(usage.memory)


def _memory_line(usage: pb.MemoryUsage) -> str:
    recalled = _listed(one.id for one in usage.recalled) or "nothing"
    learned = _listed(usage.learned_ids) or "nothing"
    line = f"recalled {recalled} ({usage.tokens} tokens) in {usage.recall_s * 1000:.1f} ms, learned {learned}"
    for said, ids in (
        ("superseded", usage.superseded_ids),
        ("will remember", usage.confirmed_ids),
        ("forgot", usage.forgotten_ids),
    ):
        line += f", {said} {_listed(ids)}" if ids else ""
    return line + (f"; not remembered: {usage.error}" if usage.error else "")


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))
