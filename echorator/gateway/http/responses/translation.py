"""Converts a body of the Responses API to a gRPC message. Pure; fed by `api`.

An input is a list of items, where a turn of the assistant is several of them: thoughts, messages and calls. They become one message, as
chat templates have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating import tools
from echorator.gateway.http.generating.paths import RESPONSES, Paths, Place
from echorator.gateway.http.generating.segments import Kind, Segment
from echorator.gateway.http.generating.validation import validated
from echorator.gateway.http.responses.bodies import CallItem, CallOutputItem, MessageItem, Part, ReasoningItem, ResponseBody
from echorator.gateway.http.translation import check_one_shape, fill, fill_conversation, fill_tools, set_field
from echorator.rpc.v1 import model_pb2 as pb

ASSISTANT = "assistant"


def request_of(body: ResponseBody, messages: Iterable[pb.Message]) -> pb.ChatRequest:
    """Return the request of the body's answer to a conversation, before which its instructions stand. Raises BodyError for a field."""
    request = pb.ChatRequest(model=body.model)
    if body.instructions:
        request.messages.add(role="system", content=body.instructions)
    request.messages.extend(messages)
    fill(body, request.sampling, request.limits, body.max_output_tokens, (), called="max_output_tokens")
    if body.logprobs is not None:
        set_field(request.limits, "logprobs", body.logprobs, "top_logprobs")
    _shape(body, request.sampling)
    fill_tools(request, tools.response_tools(body.tools or ()), body.tool_choice, body.parallel_tool_calls)
    fill_conversation(body, request, body.reasoning.effort if body.reasoning is not None else None)
    request.continue_last_message = False  # an answer is an item of its own, also after a message of the assistant
    return request


def _shape(body: ResponseBody, sampling: pb.Sampling) -> None:
    form = body.text.format if body.text is not None else None
    if form is None or form.type == "text":
        return
    check_one_shape(body, "text.format")
    if form.type == "json_object":
        sampling.json_object = True
    elif form.definition is None:
        raise BodyError("text.format.schema is missing", "text.format.schema")
    else:
        sampling.json_schema = tools.json_text(form.definition, "text.format.schema")


def paths_of(body: ResponseBody, before: int, places: Sequence[Place]) -> Paths:
    """Return where the fields of a request stand in its body.

    Args:
        body: the request's body.
        before: the number of messages of the conversation that it goes on from.
        places: of the messages of its input.
    """
    told = [Place("instructions", {"content": "instructions"})] if body.instructions else []
    given = {} if body.json_schema is None else {"json_schema": "json_schema"}
    return Paths(RESPONSES, [*told, *[Place("previous_response_id")] * before, *places], given)


def messages_of(given: str | Sequence[dict[str, Any]]) -> tuple[list[pb.Message], list[Place]]:
    """Return the messages of an input, a text of the user or items, and where each stands. Raises BodyError that names a malformed item."""
    if isinstance(given, str):
        return [pb.Message(role="user", content=given)], [Place("input", {"content": "input"})]
    if not given:
        raise BodyError("input is empty", "input")
    turns = _Turns()
    for index, item in enumerate(given):
        turns.add(item, f"input.{index}", f"input[{index}]")
    return turns.messages, turns.places


class _Turns:
    """Gathers the items of an input into messages."""

    def __init__(self) -> None:
        self.messages: list[pb.Message] = []
        self.places: list[Place] = []  # of the messages
        self._said = False  # the last message is of the assistant, and has its text

    def add(self, item: dict[str, Any], where: str, place: str) -> None:
        """Add the next item, whose place in the body is `place`. Raises BodyError that names it."""
        kind = item.get("type", "message")
        if kind == "message":
            self._message(validated(MessageItem, item, where), where, place)
        elif kind == "function_call":
            call = validated(CallItem, item, where)
            self._turn(place).tool_calls.add(id=call.call_id, name=call.name, arguments_json=call.arguments)
            self.places[-1].calls.append(place)
        elif kind == "function_call_output":
            result = validated(CallOutputItem, item, where)
            content = _text(result.output, f"{where}.output")
            fields = {"tool_call_id": f"{place}.call_id", "content": f"{place}.output"}
            self._append(pb.Message(role="tool", content=content, tool_call_id=result.call_id), Place(place, fields))
        elif kind == "reasoning":
            thought = validated(ReasoningItem, item, where)
            turn = self._turn(place, begins=self._said or bool(self.messages and self.messages[-1].tool_calls))
            field = "content" if thought.content else "summary"
            self.places[-1].fields.setdefault("reasoning", f"{place}.{field}")
            turn.reasoning += _text(thought.content or thought.summary or (), f"{where}.{field}")
        else:
            raise BodyError(f"{where}.type: items of the type {str(kind)[:80]!r} are not served here", f"{where}.type")

    def _message(self, item: MessageItem, where: str, place: str) -> None:
        text = _text(item.content, f"{where}.content")
        if item.role != ASSISTANT:
            self._append(pb.Message(role=item.role, content=text), Place(place))
            return
        turn = self._turn(place, begins=self._said or bool(self.messages and self.messages[-1].tool_calls))
        turn.content = text
        self.places[-1].fields["content"] = f"{place}.content"
        self._said = True

    def _append(self, message: pb.Message, place: Place) -> None:
        self.messages.append(message)
        self.places.append(place)

    def _turn(self, place: str, begins: bool = False) -> pb.Message:
        """Return the assistant's message that the item at `place` is a part of: the last one, or a new one."""
        if begins or not self.messages or self.messages[-1].role != ASSISTANT:
            self._append(pb.Message(role=ASSISTANT), Place(place))
            self._said = False
        return self.messages[-1]


def _text(content: str | Iterable[dict[str, Any]], where: str) -> str:
    if isinstance(content, str):
        return content
    parts = [validated(Part, part, f"{where}.{index}") for index, part in enumerate(content)]
    return "\n".join(part.text or part.refusal for part in parts)


def turn_of(segments: Iterable[Segment]) -> pb.Message:
    """Return an answer as the message of the assistant that later turns of the conversation have, without a call that was cut short."""
    turn = pb.Message(role=ASSISTANT)
    for segment in segments:
        if segment.kind is Kind.THOUGHT:
            turn.reasoning += segment.text
        elif segment.kind is Kind.TEXT:
            turn.content += segment.text
        elif _is_json(segment.text):
            turn.tool_calls.add(id=segment.call_id, name=segment.name, arguments_json=segment.text)
    return turn


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
