"""Divides an answer, as its messages come, into segments: a thought, a text, or the call of a tool. Pure.

The Responses API and Anthropic's both write an answer as a list of these, and announce in a stream where each begins and ends.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from echorator.rpc.v1 import model_pb2 as pb


class Kind(enum.Enum):
    """The kinds of the parts of an answer: thought, text and calls of tools."""

    THOUGHT = "thought"
    TEXT = "text"
    CALL = "call"


class Step(enum.Enum):
    """What happens to a segment."""

    BEGIN = "begin"
    MORE = "more"  # with the next part of its text
    END = "end"


@dataclass(eq=False)
class Segment:
    """One part of an answer; its text is the thought, the text, or the JSON text of a call's arguments."""

    kind: Kind
    index: int  # in the answer, from 0
    call: int = -1  # number of the call among the answer's calls
    call_id: str = ""
    name: str = ""  # of the tool that is called
    parts: list[str] = field(default_factory=list)
    positions: list[pb.PositionLogprobs] = field(default_factory=list)  # of a text, where they were asked for

    @property
    def text(self) -> str:
        """The text of the segment that has come so far."""
        return "".join(self.parts)


class Segments:
    """The segments of one answer. Invariant: only the last one may be open."""

    def __init__(self) -> None:
        self.all: list[Segment] = []
        self.finish = pb.Finish()  # the answer's own, once it has ended
        self.open: Segment | None = None  # the last one, until it ends

    @property
    def called(self) -> bool:
        """Whether a tool was called."""
        return any(segment.kind is Kind.CALL for segment in self.all)

    def feed(self, reply: pb.ChatResponse) -> Iterator[tuple[Step, Segment, str]]:
        """Yield what the next message of the answer does to the segments, with the part of the text that it brings."""
        if reply.reasoning:
            yield from self._more(Kind.THOUGHT, reply.reasoning)
        if reply.text:
            yield from self._more(Kind.TEXT, reply.text, reply)
        for delta in reply.tool_calls:
            if self.open is None or self.open.kind is not Kind.CALL or self.open.call != delta.index:
                yield from self._begin(Segment(Kind.CALL, len(self.all), delta.index, delta.id, delta.name))
            yield from self._add(delta.arguments)
        if reply.HasField("finish"):
            self.finish = reply.finish
            yield from self.end()

    def end(self) -> Iterator[tuple[Step, Segment, str]]:
        """Yield the end of the open segment, where there is one."""
        ended, self.open = self.open, None
        if ended is not None:
            yield Step.END, ended, ""

    def _more(self, kind: Kind, text: str, reply: pb.ChatResponse | None = None) -> Iterator[tuple[Step, Segment, str]]:
        if self.open is None or self.open.kind is not kind:
            yield from self._begin(Segment(kind, len(self.all)))
        if reply is not None and self.open is not None:
            self.open.positions.extend(reply.logprobs[:-1] if reply.finish.HasField("end_token") else reply.logprobs)
        yield from self._add(text)

    def _begin(self, segment: Segment) -> Iterator[tuple[Step, Segment, str]]:
        yield from self.end()
        self.open = segment
        self.all.append(segment)
        yield Step.BEGIN, segment, ""

    def _add(self, text: str) -> Iterator[tuple[Step, Segment, str]]:
        if text and self.open is not None:
            self.open.parts.append(text)
            yield Step.MORE, self.open, text
