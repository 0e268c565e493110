"""Builds the objects of OpenAI's chat and text completions: one whole object, or the events of a stream.

Fed by `api` with the messages of agents; `answer_fields` converts them to OpenAI's fields, `streaming` sends the events.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import JSONResponse, Response

from echorator import __version__
from echorator.errors import EchoratorError
from echorator.gateway.http.bodies import Generation
from echorator.gateway.http.generating import answer_fields
from echorator.gateway.http.generating.streaming import COMMENT, Replies, Reply
from echorator.gateway.http.llama_server.timings import Reports, timings_of
from echorator.rpc.v1 import model_pb2 as pb

Delta = dict[str, Any]


class Answer:
    """The fields that all objects of one answer share: id, creation time, model and kind."""

    def __init__(self, prefix: str, kind: str, model: str) -> None:
        self._kind = kind
        self._head = {
            "id": f"{prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": f"build-{__version__}",
        }

    def whole(self, choices: list[dict[str, Any]], usages: Sequence[pb.Usage]) -> Response:
        """Return the response of an answer that is not streamed, with all choices, the summed usage, and the times of the first answer."""
        counted = {"usage": answer_fields.usage_of(usages), "timings": timings_of(usages[0])}
        return JSONResponse({**self._head, "object": self._kind, "choices": choices, **counted})

    def chunk(self, choices: list[dict[str, Any]], **further: Any) -> bytes:
        """Return one server-sent event of a streamed answer, with further fields."""
        kind = f"{self._kind}.chunk" if self._kind.startswith("chat") else self._kind
        made = {**self._head, "object": kind, "choices": choices, **further}
        return b"data: " + json.dumps(made, ensure_ascii=False).encode() + b"\n\n"


class Whole:
    """The messages of one answer, gathered until it ends."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: dict[int, _Called] = {}  # by the number of the call in the answer
        self.positions: list[pb.PositionLogprobs] = []
        self.prompt: list[pb.PositionLogprobs] = []
        self.finish = pb.Finish()

    def add(self, reply: Reply) -> None:
        """Append the next message of the answer."""
        self.texts.append(reply.text)
        self.positions.extend(answer_fields.positions_of(reply))
        self.prompt.extend(reply.prompt_logprobs)
        if isinstance(reply, pb.ChatResponse):
            self.thoughts.append(reply.reasoning)
            for delta in reply.tool_calls:
                self.calls.setdefault(delta.index, _Called(delta)).arguments.append(delta.arguments)
        if reply.HasField("finish"):
            self.finish = reply.finish

    @property
    def text(self) -> str:
        """The whole text generated so far."""
        return "".join(self.texts)

    @property
    def reason(self) -> str:
        """OpenAI's `finish_reason` of the answer: "stop", "length" or "tool_calls"."""
        return answer_fields.REASONS.get(self.finish.reason, "stop")

    @property
    def message(self) -> dict[str, Any]:
        """The message of a chat completion; its content is null where tools were called and nothing was said."""
        said: dict[str, Any] = {"role": "assistant", "content": self.text or (None if self.calls else ""), "refusal": None}
        if thought := "".join(self.thoughts):
            said["reasoning_content"] = thought
        if self.calls:
            said["tool_calls"] = [called.whole for _, called in sorted(self.calls.items())]
        return said


class _Called:
    """One call of a tool, gathered until the answer ends."""

    def __init__(self, first: pb.ToolCallDelta) -> None:
        self.id = first.id
        self.name = first.name
        self.arguments: list[str] = []

    @property
    def whole(self) -> dict[str, Any]:
        """The call in the form of a chat completion."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": "".join(self.arguments)}}


async def gathered(replies: Replies, answers: int) -> list[Whole]:
    """Return all answers once all have ended. An EchoratorError is raised with the first answer's text so far as `produced`."""
    wholes = [Whole() for _ in range(answers)]
    try:
        async with aclosing(replies):
            async for index, reply in replies:
                wholes[index].add(reply)
    except EchoratorError as error:
        error.produced = wholes[0].text  # type: ignore[attr-defined]
        raise
    return wholes


class CompletionEvents:
    """The events of a streamed chat or text completion."""

    ping = COMMENT

    def __init__(
        self,
        answer: Answer,
        choices: Callable[[int, Reply, str | None, int], Iterator[dict[str, Any]]],
        opening: Delta | None,
        body: Generation,
    ) -> None:
        """Create the events.

        Args:
            answer: the shared fields.
            choices: yields the choice of each event, from the answer's index, a message, its `finish_reason` (None while it goes on)
                and its text offset.
            opening: the delta of an event that precedes each answer; None for no such event.
            body: of the request; it says whether usage, times and the progress of the prompt are sent.
        """
        self._answer = answer
        self._choices = choices
        self._opening = opening
        self._body = body
        self._reports: dict[int, Reports] = {}  # by index of an answer that has begun
        self._offsets: dict[int, int] = {}  # by index of an answer that has begun: the length of its text so far
        self._usages: list[pb.Usage] = []

    def opening(self) -> bytes:
        """Return nothing: these APIs announce no answer before it begins."""
        return b""

    def message(self, index: int, reply: Reply) -> bytes:
        """Return the events of one message; its text and its end are two events, as clients ignore the text of an event with a reason."""
        made: list[dict[str, Any]] = []
        if index not in self._offsets:
            self._offsets[index] = 0
            self._reports[index] = Reports.of(self._body)
            if self._opening is not None:
                made.append({"index": index, "delta": self._opening, "logprobs": None, "finish_reason": None})
        before, reports = b"".join(self._answer.chunk([choice]) for choice in made), self._reports[index]
        if reply.HasField("progress"):
            told = reports.progress(reply)
            choices = self._choices(index, type(reply)(), None, 0) if told else ()
            return before + b"".join(self._answer.chunk([choice], **told) for choice in choices)
        ends, timed, made = reply.HasField("finish"), reports.timings(reply), []
        if reply.text or not ends or answer_fields.positions_of(reply) or _further(reply):
            made += self._choices(index, reply, None, self._offsets[index])
            self._offsets[index] += len(reply.text)
        if ends:
            self._usages.append(reply.finish.usage)
            reason = answer_fields.REASONS.get(reply.finish.reason, "stop")
            *rest, last = self._choices(index, type(reply)(), reason, self._offsets[index])
            end = self._answer.chunk([last], timings=timings_of(reply.finish.usage))
            return before + b"".join(self._answer.chunk([choice], **timed) for choice in [*made, *rest]) + end
        return before + b"".join(self._answer.chunk([choice], **timed) for choice in made)

    def end(self) -> bytes:
        """Return the usage, where it was asked for, and the mark of the end."""
        options = self._body.stream_options
        wants_usage = options is not None and options.include_usage
        return (self._answer.chunk([], usage=answer_fields.usage_of(self._usages)) if wants_usage else b"") + b"data: [DONE]\n\n"

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the error as an event."""
        return b"data: " + json.dumps(error).encode() + b"\n\n"


def _further(reply: Reply) -> bool:
    return isinstance(reply, pb.ChatResponse) and bool(reply.reasoning or reply.tool_calls)


CHAT_OPENING: Delta = {"role": "assistant", "content": None, "refusal": None}
"""The delta that precedes a streamed chat; its content is null, for nothing is known of what comes, which may be calls alone."""


def chat_choices(index: int, reply: Reply, reason: str | None, _offset: int) -> Iterator[dict[str, Any]]:
    """Yield the choices of the events of one message of a streamed chat: its thought, its text and its calls are events of their own."""
    assert isinstance(reply, pb.ChatResponse)
    deltas: list[Delta] = []
    if reply.reasoning:
        deltas.append({"reasoning_content": reply.reasoning})
    if reply.text or (reason is None and not _further(reply)):
        deltas.append({"content": reply.text})
    if reply.tool_calls:
        deltas.append({"tool_calls": [_call_delta(delta) for delta in reply.tool_calls]})
    logprobs = answer_fields.chat_logprobs(answer_fields.positions_of(reply))
    for delta in deltas or [{}]:
        yield {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        logprobs = None  # they are those of the whole message


def _call_delta(delta: pb.ToolCallDelta) -> dict[str, Any]:
    function = {"arguments": delta.arguments}
    if not delta.name:
        return {"index": delta.index, "function": function}
    return {"index": delta.index, "id": delta.id, "type": "function", "function": {"name": delta.name, **function}}


def text_choices(index: int, reply: Reply, reason: str | None, offset: int) -> Iterator[dict[str, Any]]:
    """Yield the choice of one event of a streamed text completion; `offset` is where its text begins, in characters."""
    positions = answer_fields.positions_of(reply)
    yield {"index": index, "text": reply.text, "logprobs": answer_fields.text_logprobs(positions, offset), "finish_reason": reason}
