"""Builds the objects of Anthropic's Messages API: one whole message, or the events of a stream. Pure.

Fed by `api`, and by `generating.streaming` with the messages of an answer.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from echorator.gateway.http.generating.segments import Kind, Segment, Segments, Step
from echorator.gateway.http.generating.streaming import Reply, event
from echorator.gateway.http.transcoding import json_of as json_object
from echorator.rpc.v1 import model_pb2 as pb

_REASONS = {
    pb.FINISH_REASON_STOP: "end_turn",
    pb.FINISH_REASON_LENGTH: "max_tokens",
    pb.FINISH_REASON_TOOL_CALLS: "tool_use",
}
SIGNATURE = "unsigned"
"""Stands for the signature of a thought. Nothing here checks one, but clients drop thoughts without one from the history that they send."""
_EMPTY: dict[Kind, dict[str, Any]] = {
    Kind.THOUGHT: {"type": "thinking", "thinking": "", "signature": ""},
    Kind.TEXT: {"type": "text", "text": "", "citations": None},
}
_DELTAS = {
    Kind.THOUGHT: ("thinking_delta", "thinking"),
    Kind.TEXT: ("text_delta", "text"),
    Kind.CALL: ("input_json_delta", "partial_json"),
}


def message_of(model: str, segments: Segments) -> dict[str, Any]:
    """Return the object of an answer that is not streamed, in Anthropic's form."""
    return _begun(model) | {"content": [_block(s) for s in segments.all], **_end_of(segments), "usage": usage_of(segments.finish.usage)}


def _begun(model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_of(pb.Usage()),
    }


def _end_of(segments: Segments) -> dict[str, Any]:
    finish = segments.finish
    if finish.reason == pb.FINISH_REASON_STOP and finish.stop:
        return {"stop_reason": "stop_sequence", "stop_sequence": finish.stop}
    return {"stop_reason": _REASONS.get(finish.reason, "end_turn"), "stop_sequence": None}


def _block(segment: Segment) -> dict[str, Any]:
    if segment.kind is Kind.CALL:
        return _call(segment, _input_of(segment.text))
    if segment.kind is Kind.THOUGHT:
        return {"type": "thinking", "thinking": segment.text, "signature": SIGNATURE}
    return _EMPTY[Kind.TEXT] | {"text": segment.text}


def _call(segment: Segment, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": segment.call_id, "name": segment.name, "input": arguments}


def _input_of(text: str) -> dict[str, Any]:
    """Return the arguments of a call; none where `max_tokens` cut them short, as `stop_reason` says then."""
    try:
        made = json.loads(text)
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


def usage_of(usage: pb.Usage) -> dict[str, Any]:
    """Return the token counts; those of the prompt that the cache had do not count as input."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    } | ({"memory": json_object(usage.memory)} if usage.HasField("memory") else {})


class MessageEvents:
    """The events of one streamed message. Its token counts come with its end, since they are not known before."""

    ping = event("ping", {"type": "ping"})

    def __init__(self, model: str) -> None:
        self._model = model
        self._segments = Segments()

    def opening(self) -> bytes:
        """Return the events that announce the message."""
        return _written("message_start", {"message": _begun(self._model)}) + self.ping

    def message(self, _index: int, reply: Reply) -> bytes:
        """Return the events of one message of the agent."""
        assert isinstance(reply, pb.ChatResponse)
        return b"".join(found for step in self._segments.feed(reply) for found in _of_step(*step))

    def end(self) -> bytes:
        """Return the events with the reason of the end, and with the usage."""
        usage = usage_of(self._segments.finish.usage)
        return _written("message_delta", {"delta": _end_of(self._segments), "usage": usage}) + _written("message_stop", {})

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the error as an event."""
        return event("error", error)


def _of_step(step: Step, segment: Segment, text: str) -> Iterator[bytes]:
    place = {"index": segment.index}
    if step is Step.BEGIN:
        block = _call(segment, {}) if segment.kind is Kind.CALL else _EMPTY[segment.kind]
        yield _written("content_block_start", {**place, "content_block": block})
    elif step is Step.MORE:
        kind, field = _DELTAS[segment.kind]
        yield _written("content_block_delta", {**place, "delta": {"type": kind, field: text}})
    else:
        if segment.kind is Kind.THOUGHT:
            yield _written("content_block_delta", {**place, "delta": {"type": "signature_delta", "signature": SIGNATURE}})
        yield _written("content_block_stop", place)


def _written(kind: str, data: dict[str, Any]) -> bytes:
    return event(kind, {"type": kind, **data})
