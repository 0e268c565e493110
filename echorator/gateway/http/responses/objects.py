"""Builds the objects of the Responses API: the response, its items, its usage. Pure; fed by `api` and `events`."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Any

from echorator.gateway.http.generating.answer_fields import chat_logprobs
from echorator.gateway.http.generating.segments import Kind, Segment, Segments
from echorator.gateway.http.responses.bodies import ResponseBody
from echorator.gateway.http.transcoding import json_of as json_object
from echorator.rpc.v1 import model_pb2 as pb

_PREFIXES = {Kind.THOUGHT: "rs", Kind.TEXT: "msg", Kind.CALL: "fc"}
_CODES = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}


class Response:
    """One response while it is made: its fields that do not change, and the ids of its items."""

    def __init__(self, body: ResponseBody, model: str) -> None:
        self.id = f"resp_{secrets.token_hex(24)}"  # whoever knows it may read the response
        self._ids: dict[int, str] = {}  # of the items, by the segment's index
        self.stored = body.store
        form = body.text.format if body.text is not None else None
        self._fixed: dict[str, Any] = {
            "background": False,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "max_tool_calls": None,
            "metadata": body.metadata or {},
            "model": model,
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning is not None else None, "summary": None},
            "temperature": body.temperature,
            "text": {"format": form.model_dump(by_alias=True, exclude_none=True) if form is not None else {"type": "text"}},
            "tool_choice": body.tool_choice or "auto",
            "tools": [{"parameters": None, "strict": None} | tool for tool in body.tools or ()],
            "top_logprobs": body.top_logprobs or 0,
            "top_p": body.top_p,
            "truncation": body.truncation,
            "user": body.user if isinstance(body.user, str) else None,
        }
        self._created_s = int(time.time())

    def begun(self) -> dict[str, Any]:
        """Return the response before its answer has begun."""
        return self._made("in_progress", [], None)

    def failed(self, segments: Segments, error: dict[str, Any]) -> dict[str, Any]:
        """Return the response after a failure, with what was generated before it; `error` is in the form of the API."""
        said = error["error"]
        shown = {"code": _CODES.get(said["type"], "server_error"), "message": said["message"]}
        return self._made("failed", self.items(segments), None) | {"error": shown}

    def ended(self, segments: Segments) -> dict[str, Any]:
        """Return the response after its answer."""
        cut = segments.finish.reason == pb.FINISH_REASON_LENGTH
        made = self._made("incomplete" if cut else "completed", self.items(segments), usage_of(segments.finish.usage))
        return made | ({"incomplete_details": {"reason": "max_output_tokens"}} if cut else {"completed_at": int(time.time())})

    def _made(self, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        head = {"id": self.id, "object": "response", "created_at": self._created_s, "status": status}
        return {**head, "error": None, "incomplete_details": None, **self._fixed, "store": self.stored, "output": output, "usage": usage}

    def items(self, segments: Segments) -> list[dict[str, Any]]:
        """Return all items of an answer."""
        return [self.item(segment, status_of(segment, segments)) for segment in segments.all]

    def item_id(self, segment: Segment) -> str:
        """Return the id of a segment's item."""
        return self._ids.setdefault(segment.index, f"{_PREFIXES[segment.kind]}_{uuid.uuid4().hex}")

    def item(self, segment: Segment, status: str) -> dict[str, Any]:
        """Return the item of a segment; one that is in progress is still empty."""
        head = {"id": self.item_id(segment), "status": status}
        begins = status == "in_progress"
        if segment.kind is Kind.CALL:
            arguments = "" if begins else segment.text
            return {**head, "type": "function_call", "call_id": segment.call_id, "name": segment.name, "arguments": arguments}
        content = [] if begins else [part_of(segment, segment.text)]
        if segment.kind is Kind.THOUGHT:
            return {**head, "type": "reasoning", "summary": [], "content": content}
        return {**head, "type": "message", "role": "assistant", "content": content}


def status_of(segment: Segment, segments: Segments) -> str:
    """Return the status of an item that has begun: one that a bound or a failure cut is incomplete."""
    cut = segment is segments.all[-1] and segments.finish.reason == pb.FINISH_REASON_LENGTH
    return "incomplete" if cut or segment is segments.open else "completed"


def part_of(segment: Segment, text: str) -> dict[str, Any]:
    """Return the only part of a message's or a thought's content, with this text."""
    if segment.kind is Kind.THOUGHT:
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs_of(segment) if text else []}


def logprobs_of(segment: Segment, begin: int = 0) -> list[dict[str, Any]]:
    """Return the logprobs of a text's tokens from the one at `begin` on; none where they were not asked for."""
    found = chat_logprobs(segment.positions[begin:])
    return list(found["content"]) if found is not None else []


def usage_of(usage: pb.Usage) -> dict[str, Any]:
    """Return the token counts of an answer, and what its memory did."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    } | ({"memory": json_object(usage.memory)} if usage.HasField("memory") else {})
