"""Writes the events of a streamed response, in OpenAI's order. Fed by `generating.streaming` with the messages of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from echorator.gateway.http.generating.segments import Kind, Segment, Segments, Step
from echorator.gateway.http.generating.streaming import COMMENT, Reply, event
from echorator.gateway.http.responses.objects import Response, logprobs_of, part_of, status_of
from echorator.rpc.v1 import model_pb2 as pb

Event = tuple[str, dict[str, Any]]
_DELTAS = {
    Kind.THOUGHT: "response.reasoning_text",
    Kind.TEXT: "response.output_text",
    Kind.CALL: "response.function_call_arguments",
}


class ResponseEvents:
    """The events of one response."""

    ping = COMMENT

    def __init__(self, response: Response, ended: Callable[[Segments], dict[str, Any]]) -> None:
        """Create the events; `ended` returns the whole response after its answer, and may keep it."""
        self._response = response
        self._ended = ended
        self._segments = Segments()
        self._number = 0  # of the next event
        self._shown = 0  # positions of the open text whose logprobs were sent

    def opening(self) -> bytes:
        """Return the events that announce the response."""
        begun = {"response": self._response.begun()}
        return self._written([("response.created", begun), ("response.in_progress", begun)])

    def message(self, _index: int, reply: Reply) -> bytes:
        """Return the events of one message."""
        assert isinstance(reply, pb.ChatResponse)
        return self._written(found for step in self._segments.feed(reply) for found in self._of_step(*step))

    def end(self) -> bytes:
        """Return the event with the whole response."""
        whole = self._ended(self._segments)
        return self._written([(f"response.{whole['status']}", {"response": whole})])

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the event with the response so far and the error."""
        return self._written([("response.failed", {"response": self._response.failed(self._segments, error)})])

    def _written(self, events: Iterator[Event] | list[Event]) -> bytes:
        made = []
        for name, data in events:
            made.append(event(name, {"type": name, "sequence_number": self._number, **data}))
            self._number += 1
        return b"".join(made)

    def _of_step(self, step: Step, segment: Segment, text: str) -> Iterator[Event]:
        place = {"item_id": self._response.item_id(segment), "output_index": segment.index}
        within = place if segment.kind is Kind.CALL else {**place, "content_index": 0}
        if step is Step.BEGIN:
            self._shown = 0
            item = self._response.item(segment, "in_progress")
            yield "response.output_item.added", {"output_index": segment.index, "item": item}
            if segment.kind is not Kind.CALL:
                yield "response.content_part.added", {**within, "part": part_of(segment, "")}
        elif step is Step.MORE:
            logprobs = {"logprobs": logprobs_of(segment, self._shown)} if segment.kind is Kind.TEXT else {}
            self._shown = len(segment.positions)
            yield f"{_DELTAS[segment.kind]}.delta", {**within, "delta": text, **logprobs}
        else:
            yield from self._end(segment, within)

    def _end(self, segment: Segment, within: dict[str, Any]) -> Iterator[Event]:
        name, text = f"{_DELTAS[segment.kind]}.done", segment.text
        if segment.kind is Kind.CALL:
            yield name, {**within, "name": segment.name, "arguments": text}
        else:
            logprobs = {"logprobs": logprobs_of(segment)} if segment.kind is Kind.TEXT else {}
            yield name, {**within, "text": text, **logprobs}
            yield "response.content_part.done", {**within, "part": part_of(segment, text)}
        item = self._response.item(segment, status_of(segment, self._segments))
        yield "response.output_item.done", {"output_index": segment.index, "item": item}
