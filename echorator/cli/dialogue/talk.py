"""Asks the models of one server: keeps the dialogue within the context, streams answers, and keeps what was said.

A dialogue never ends because of its length: what `window` says leaves the prompt before a message is sent, and again where the server
finds the prompt too long all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from grpc import aio

from echorator.cli.dialogue.screen import AnswerView
from echorator.cli.dialogue.transcript import Exchange, Transcript
from echorator.cli.dialogue.values import Value, request_parts
from echorator.cli.dialogue.window import TOKENS_PER_BYTE, answer_room, leaving
from echorator.host.exits import CommandError
from echorator.host.failure import of_status
from echorator.host.server_roles import Needed
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

SILENT_S = 3.0  # without a sign of the model after which the user is told that it is waited for
# How servers refuse a prompt for its length: counted by `_native/engine.pyx`, estimated by `prompting/text_tokenizer.py`, and by bytes, by
# gRPC and `cognition/requests.py`.
_COUNTED = re.compile(r"the prompt has (\d+) tokens, the context (\d+)")
_ESTIMATED = re.compile(r"the prompt has \d+ bytes and so at least (\d+) tokens, but at most (\d+) fit")
_TOO_LARGE = ("message larger than max", "shorten the conversation")


class _TooLongError(Exception):
    """The server refused a prompt for its length: `tokens`, or `least` so many, of `context_tokens`; 0 where it did not count."""

    def __init__(self, message: str, tokens: int = 0, context_tokens: int = 0, *, least: bool = False) -> None:
        super().__init__(message)
        self.tokens, self.context_tokens, self.least = tokens, context_tokens, least


@dataclass
class Talk:
    """A dialogue with a model of the server at HOST:PORT, answered with the memory of `user` unless that is "".

    `note` is told what the user should know beside the answer.
    """

    server: str
    stub: ModelServiceStub
    transcript: Transcript
    note: Callable[[str], None]
    model: str = ""
    user: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    context_tokens: int = 0  # of the model; 0 while it is not known
    last: pb.Finish | None = None  # of the last answer that ended
    seconds: float = 0.0  # that it took
    unanswered: str = ""  # the last message where nothing was answered to it
    _rate: float = TOKENS_PER_BYTE  # tokens per byte of the last prompt
    _memory_tokens: int = 0  # tokens of the memories in it

    async def models(self) -> list[pb.Model]:
        """Return the models of the server that can answer. Raises CommandError."""
        try:
            found = await self.stub.ListModels(pb.ListModelsRequest())
        except aio.AioRpcError as error:
            raise await of_status(error, self.server, Needed.MODELS) from error
        return [model for model in found.models if model.generates or not model.architecture]  # a gateway knows only names of those at rest

    def choose(self, model: pb.Model) -> None:
        """Talk to this model from now on."""
        self.model, self.context_tokens = model.name, model.context_tokens
        self._rate = TOKENS_PER_BYTE  # its tokenizer is another one

    def begin(self, transcript: Transcript) -> None:
        """Go on with another dialogue."""
        self.transcript, self.last, self.unanswered, self._memory_tokens = transcript, None, "", 0

    async def answer(self, text: str, view: AnswerView, *, learn: bool = True) -> pb.Finish | None:
        """Stream the answer to `text` into the view and keep both; of an answer that is broken off what had come. Return how it ended.

        Raises:
            CommandError: there is no answer; the dialogue is as it was, or has the part that had come.
        """
        before = self.transcript.left
        self._make_room(text)
        while True:
            try:
                return await self._ask(text, view, before, learn)
            except _TooLongError as error:
                self._measure_refusal(text, error)
                if not self._make_room(text, refused=True):
                    self.transcript.left = before
                    raise CommandError(f"this message is too long for {self.model or 'the model'}: {_alone(error)}") from error

    def _make_room(self, text: str, *, refused: bool = False) -> int:
        prompt = self.transcript.prompt(text, self._rate, self._memory_tokens)
        count = leaving(prompt, self.context_tokens, self.answer_room(), refused=refused)
        self.transcript.leave(count)
        return count

    def answer_room(self) -> int:
        """Return the tokens of the context that are kept free for an answer."""
        most = self.values.get("max_tokens")
        return answer_room(self.context_tokens, None if most is None else int(most))  # type: ignore[arg-type]

    def _measure_refusal(self, text: str, error: _TooLongError) -> None:
        if error.tokens:
            self.context_tokens = error.context_tokens
            rate = max(1, error.tokens - self._memory_tokens) / self.transcript.weight(text)
            self._rate = max(rate, self._rate) if error.least else rate

    async def _ask(self, text: str, view: AnswerView, before: int, learn: bool) -> pb.Finish | None:
        begin_s, parts, finish = time.monotonic(), list[str](), None
        call = self.stub.Chat(self._request(text, learn))
        silent = asyncio.get_running_loop().call_later(SILENT_S, self.note, "waiting for the model; Ctrl-C stops")
        try:
            async for reply in call:
                silent.cancel()
                self._tell_left(before)
                if reply.reasoning:
                    view.thought(reply.reasoning)
                if reply.text:
                    parts.append(reply.text)
                    view.part(reply.text)
                if reply.HasField("finish"):
                    finish, self.seconds = reply.finish, time.monotonic() - begin_s
        except aio.AioRpcError as error:
            if not parts and (long := _too_long(error)):
                raise long from error
            raise await of_status(error, self.server, Needed.MODELS) from error
        finally:
            silent.cancel()
            call.cancel()  # where the reader of the answer has left; it does nothing to a call that has ended
            view.end()
            self._keep(text, "".join(parts))
        self.last = finish
        if finish is not None:
            self._measure(finish.usage)
        if not self.context_tokens:
            await self._look_up()
        return finish

    async def _look_up(self) -> None:
        """Find out the context of a model that could not be listed before it answered, such as one that was scaled to none."""
        with contextlib.suppress(CommandError):
            models = [model for model in await self.models() if self.model in ("", model.name)]
            if len(models) == 1:
                self.model, self.context_tokens = models[0].name, models[0].context_tokens

    def _request(self, text: str, learn: bool) -> pb.ChatRequest:
        messages = [pb.Message(role=role, content=content) for role, content in self.transcript.messages(text)]
        sampling, limits = request_parts(self.values)
        request = pb.ChatRequest(model=self.model, messages=messages, sampling=sampling, limits=limits)
        if self.user:
            request.memory.scope.CopyFrom(common_pb2.Scope(user=self.user, session=self.transcript.session))
            request.memory.read_only = not learn
        return request

    def _keep(self, text: str, answer: str) -> None:
        self.unanswered = "" if answer else text
        if answer:
            self.transcript.exchanges.append(Exchange(text, answer))

    def _measure(self, usage: pb.Usage) -> None:
        self._memory_tokens = usage.memory.tokens
        said = usage.prompt_tokens - usage.memory.tokens + usage.completion_tokens - usage.reasoning_tokens
        self._rate = max(1, said) / max(1, self.transcript.weight())

    def _tell_left(self, before: int) -> None:
        left = self.transcript.left
        if left == before or self.transcript.told:
            return
        self.transcript.told = True
        turns = f"the oldest {left} turns" if left > 1 else "the oldest turn"
        where = "left the prompt and stay in the memory" if self.user else "left the prompt, which had no room for more"
        self.note(f"{turns} {where}; more will follow without a word. /new begins anew")


def _too_long(error: aio.AioRpcError) -> _TooLongError | None:
    details = error.details() or ""
    if found := _COUNTED.search(details) or _ESTIMATED.search(details):
        return _TooLongError(details, int(found[1]), int(found[2]), least=found.re is _ESTIMATED)
    return _TooLongError(details) if any(said in details for said in _TOO_LARGE) else None


def _alone(error: _TooLongError) -> str:
    """Return why not even one message fits, and what to do."""
    if not error.tokens:
        return "it has more bytes than the server takes in one request; shorten or divide it"
    least = "at least " if error.least else ""
    return f"alone it makes a prompt of {least}{error.tokens} tokens, and the context has {error.context_tokens}; shorten or divide it"
