"""`echorator chat`: answers a prompt or stdin, or holds a dialogue, streamed to the terminal over gRPC.

The event loop runs while an answer arrives and stands still while the terminal waits for a line, so that Ctrl-C ends
the answer, not the dialogue.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid
from collections.abc import Iterable
from contextlib import AsyncExitStack

from grpc import aio

from echorator.cli.target import Wanted, target_of
from echorator.cli.text_input import line_of_terminal, text_of_stdin
from echorator.host.connection import connected
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.server_roles import Needed
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

HINT = "Ctrl-D ends, Ctrl-C stops an answer, /new starts a new dialogue"
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
            if interactive:
                return _converse(runner, dialogue)
            runner.run(dialogue.answer(prompt))
            return Exit.OK
        finally:
            runner.run(dialogue.close())


def _converse(runner: asyncio.Runner, dialogue: Dialogue) -> int:
    import readline  # noqa: F401  line editing and history for input()

    print(HINT, file=sys.stderr)
    while True:
        try:
            text = line_of_terminal("> ").strip()
        except EOFError:
            print()
            return Exit.OK
        except CommandError as failure:
            print(f"echorator: error: {failure}", file=sys.stderr)
            continue
        if text == "/new":
            dialogue.begin()
            continue
        if not text:
            continue
        try:
            runner.run(dialogue.answer(text))
        except KeyboardInterrupt:
            print(" [stopped]")
        except CommandError as failure:
            if failure.code is Exit.UNAVAILABLE:
                raise
            print(f"echorator: error: {failure}", file=sys.stderr)


class Dialogue:
    """A dialogue with one server: its turns so far, and the connection."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._stack = AsyncExitStack()
        self._stub: ModelServiceStub | None = None
        self._server = self._model = ""
        self._turns: list[pb.Message] = []
        self._remembers = bool(arguments.user) and not arguments.no_memory
        self._session = ""
        self.begin()

    async def open(self) -> None:
        """Connect to the server; if none is named or found, start one in this process."""
        given = self._arguments
        memory = (given.memory, given.embedder) if self._remembers else None
        target = await target_of(Wanted(given.server or "", given.model, given.file, memory, given.models_folder), self._stack)
        self._server, self._model = target.server, target.model
        if sys.stderr.isatty():
            print(f"{target.said}{f', memory of {given.user}' if memory is not None else ''}", file=sys.stderr)
        self._stub = await self._stack.enter_async_context(connected(self._server))

    async def close(self) -> None:
        """Disconnect, and stop the server of this process if there is one."""
        await self._stack.aclose()

    def begin(self) -> None:
        """Start a new dialogue with the system message alone."""
        self._session = self._arguments.session or uuid.uuid4().hex[:12]
        self._turns = [pb.Message(role="system", content=self._arguments.system)] if self._arguments.system else []

    async def answer(self, text: str) -> None:
        """Stream the answer to stdout and keep both turns. Raises CommandError, after which neither turn is kept."""
        if self._stub is None:
            raise CommandError("not connected")
        turns = [*self._turns, pb.Message(role="user", content=text)]
        parts: list[str] = []
        call = self._stub.Chat(self._request(turns))
        try:
            async for reply in call:
                parts.append(reply.text)
                sys.stdout.write(reply.text)
                sys.stdout.flush()
                if reply.HasField("finish"):
                    print()
                    self._show_usage(reply.finish.usage)
        except aio.AioRpcError as error:
            if parts:
                print()
            raise await of_status(error, self._server, Needed.MODELS) from error
        finally:
            call.cancel()  # where the reader of the answer has left; it does nothing to a call that has ended
        self._turns = [*turns, pb.Message(role="assistant", content="".join(parts))]

    def _request(self, turns: list[pb.Message]) -> pb.ChatRequest:
        chosen = {name: value for name in SAMPLING if (value := getattr(self._arguments, name)) is not None}
        limits = pb.Limits(stop=self._arguments.stop)
        if self._arguments.max_tokens is not None:
            limits.max_tokens = self._arguments.max_tokens
        request = pb.ChatRequest(model=self._model, messages=turns, sampling=pb.Sampling(**chosen), limits=limits)
        if self._remembers:
            request.memory.scope.CopyFrom(common_pb2.Scope(user=self._arguments.user, session=self._session))
        return request

    def _show_usage(self, usage: pb.Usage) -> None:
        if self._arguments.usage:
            print(
                f"{usage.prompt_tokens} prompt tokens ({usage.cached_tokens} cached), {usage.completion_tokens} new, "
                f"first after {usage.time_to_first_token_s * 1000:.0f} ms, {usage.tokens_per_s:.0f} tokens/s",
                file=sys.stderr,
            )
        if self._arguments.usage and usage.HasField("memory"):
            print(_memory_line(usage.memory), file=sys.stderr)


def _memory_line(usage: pb.MemoryUsage) -> str:
    """Return what a turn recalled and what became of it."""
    recalled = ", ".join(str(r.id) for r in usage.recalled) or "nothing"
    line = (
        f"recalled {recalled} ({usage.tokens} tokens) in {usage.recall_s * 1000:.1f} ms, learned {_listed(usage.learned_ids) or 'nothing'}"
    )
    for said, ids in (
        ("superseded", usage.superseded_ids),
        ("will remember", usage.confirmed_ids),
        ("forgot", usage.forgotten_ids),
    ):
        line += f", {said} {_listed(ids)}" if ids else ""
    return line + (f"; not remembered: {usage.error}" if usage.error else "")


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))
