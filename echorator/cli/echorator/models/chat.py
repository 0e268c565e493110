"""`echorator chat`: answers a prompt or stdin, or holds a dialogue on a terminal, over gRPC. `cli/dialogue` has how."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack

from echorator.cli.dialogue.loop import converse, tell
from echorator.cli.dialogue.screen import Screen
from echorator.cli.dialogue.talk import Talk
from echorator.cli.dialogue.transcript import Transcript, new_session
from echorator.cli.dialogue.values import Value
from echorator.cli.target import Wanted, target_of
from echorator.cli.text_input import text_of_stdin
from echorator.host.connection import connected
from echorator.host.exits import CommandError, Exit
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

SAMPLING = ("temperature", "top_k", "top_p", "min_p", "seed")


def run(arguments: argparse.Namespace) -> int:
    """Answer the prompt, or hold a dialogue where there is neither a prompt nor a pipe; return the exit code. Raises CommandError."""
    interactive = not arguments.prompt and sys.stdin.isatty()
    prompt = "" if interactive else " ".join(arguments.prompt) or text_of_stdin().strip()
    if not interactive and not prompt:
        raise CommandError("there is no prompt: give one, or pipe a text in", Exit.USAGE)
    with asyncio.Runner() as runner:
        dialogue = Dialogue(arguments)
        runner.run(dialogue.open())
        try:
            screen = Screen(arguments.plain, interactive)
            talk = dialogue.talk(screen)
            if interactive:
                return converse(runner, talk, screen)
            finish = runner.run(talk.answer(prompt, screen.view()))
            if finish is not None:
                tell(runner, talk, screen, finish)
            return Exit.OK
        finally:
            runner.run(dialogue.close())


class Dialogue:
    """The connection of a dialogue: the server that is named or found, or one of this process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._stack = AsyncExitStack()
        self._stub: ModelServiceStub | None = None
        self._server = self._model = ""
        self._remembers = bool(arguments.user) and not arguments.no_memory

    async def open(self) -> None:
        """Connect to the server; if none is named or found, start one in this process."""
        given = self._arguments
        memory = (given.memory, given.embedder) if self._remembers else None
        target = await target_of(Wanted(given.server or "", given.model, given.file, memory, given.models_folder), self._stack)
        self._server, self._model = target.server, target.model
        if sys.stderr.isatty():
            print(target.said(given.user if memory is not None else ""), file=sys.stderr)
        self._stub = await self._stack.enter_async_context(connected(self._server))

    async def close(self) -> None:
        """Disconnect, and stop the server of this process if there is one."""
        await self._stack.aclose()

    def talk(self, screen: Screen) -> Talk:
        """Return a new dialogue with what the arguments say. Raises CommandError where `open` has not ended."""
        if self._stub is None:
            raise CommandError("not connected")
        given = self._arguments
        transcript = Transcript(given.session or new_session(), given.system)
        user = given.user if self._remembers else ""
        return Talk(self._server, self._stub, transcript, screen.note, self._model, user, values_of(given))


def values_of(arguments: argparse.Namespace) -> dict[str, Value]:
    """Return the values of a dialogue that options set."""
    values: dict[str, Value] = {name: value for name in (*SAMPLING, "max_tokens") if (value := getattr(arguments, name)) is not None}
    if arguments.stop:
        values["stop"] = tuple(arguments.stop)
    if arguments.usage:
        values["usage"] = True
    return values
