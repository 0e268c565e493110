"""Converts Ollama's objects to gRPC messages and back. Pure; fed by `handlers`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from echorator.gateway.http.bodies import stops_of
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.answer_fields import chat_logprobs, positions_of
from echorator.gateway.http.generating.paths import OLLAMA, Paths, Place
from echorator.gateway.http.generating.streaming import Reply
from echorator.gateway.http.generating.tools import json_text
from echorator.gateway.http.ollama.bodies import Chat, Embed, Embeddings, Generate, Generation, Message, Tool
from echorator.gateway.http.translation import INT32, UINT32
from echorator.rpc.v1 import model_pb2 as pb

NS = 1_000_000_000
REASONS = {pb.FINISH_REASON_LENGTH: "length"}  # a call of a tool ends with "stop" too, as in Ollama
_RENAMED = {"num_predict": "max_tokens", "repeat_last_n": "penalty_last_n"}
_SAMPLING = (
    "temperature top_k top_p min_p typical_p repeat_penalty repeat_last_n presence_penalty frequency_penalty mirostat mirostat_tau "
    "mirostat_eta"
).split()


def chat_request(body: Chat, model: str) -> tuple[pb.ChatRequest, Paths]:
    """Return the agent's request for a conversation, and where its fields stand in the body. Raises BodyError that names the field."""
    request = pb.ChatRequest(model=model)
    places = []
    for message, place in _joined(_messages(body.messages)):
        request.messages.append(message)
        places.append(place)
    paths = Paths(OLLAMA, places)
    paths.check_tools(request.messages)
    request.tools.extend(_tool(tool, number) for number, tool in enumerate(body.tools))
    _fill(body, request)
    return request, paths


def generate_request(body: Generate, model: str) -> pb.ChatRequest | pb.GenerateRequest:
    """Return the agent's request for a prompt: a chat of one turn, or the bare prompt where `raw` or `suffix` is set. Raises BodyError."""
    request: pb.ChatRequest | pb.GenerateRequest
    if body.suffix:
        if body.system or body.think is not None:
            raise BodyError("suffix: a gap is filled without a template, so system and think have no place; leave them out", "suffix")
        request = pb.GenerateRequest(model=model, prompt=body.prompt, suffix=body.suffix)
    elif body.raw:
        if body.think is not None:
            raise BodyError("think: a raw prompt has no template that could turn thinking on or off; leave it out", "think")
        request = pb.GenerateRequest(model=model, prompt=body.prompt)
    else:
        request = pb.ChatRequest(model=model)
        if body.system:
            request.messages.add(role="system", content=body.system)
        request.messages.add(role="user", content=body.prompt)
    _fill(body, request)
    return request


def embed_request(body: Embed, model: str) -> pb.EmbedRequest:
    """Return the agent's request for vectors of length 1. Raises BodyError."""
    request = pb.EmbedRequest(model=model, inputs=[body.input] if isinstance(body.input, str) else body.input)
    if body.dimensions is not None:
        _set(request, "dimensions", body.dimensions, "dimensions")
    return request


def embeddings_request(body: Embeddings, model: str) -> pb.EmbedRequest:
    """Return the agent's request for one vector as the model computes it, which is what the older endpoint answers with."""
    return pb.EmbedRequest(model=model, inputs=[body.prompt], normalize=False)


def _fill(body: Generation, request: pb.ChatRequest | pb.GenerateRequest) -> None:
    options, sampling, limits = body.options, request.sampling, request.limits
    for name in _SAMPLING:
        value = getattr(options, name)
        if value is not None:
            _set(sampling, _RENAMED.get(name, name), max(value, 0) if name == "top_k" else value, f"options.{name}")
    if options.seed is not None and options.seed >= 0:  # a negative number asks for a random one
        sampling.seed = options.seed % UINT32
    if options.num_predict is not None and options.num_predict not in (-1, -2):
        _set(limits, "max_tokens", options.num_predict, "options.num_predict")
    limits.stop.extend(stops_of(options.stop))
    if isinstance(body.format, dict):
        sampling.json_schema = json_text(body.format, "format")
    elif body.format == "json":
        sampling.json_object = True
    elif body.format:
        raise BodyError(f'format must be "json" or a JSON schema, not {body.format[:40]!r}', "format")
    if body.logprobs or body.top_logprobs is not None:
        _set(limits, "logprobs", body.top_logprobs or 0, "top_logprobs")
    if isinstance(body.think, str) and isinstance(request, pb.ChatRequest):
        request.reasoning.enabled, request.reasoning.effort = True, body.think
    elif body.think is not None and isinstance(request, pb.ChatRequest):
        request.reasoning.enabled = bool(body.think)


def _set(message: pb.Sampling | pb.Limits | pb.EmbedRequest, name: str, value: object, called: str) -> None:
    try:
        setattr(message, name, value)
    except (ValueError, TypeError) as error:
        raise BodyError(f"{called} must be {-INT32}..{INT32 - 1}, not {str(value)[:40]}", called) from error


def _messages(given: Sequence[Message]) -> list[pb.Message]:
    """Return the messages; calls without an id get one, and results without one answer the oldest open call (of their tool)."""
    made, open_calls, count = [], {}, 0
    taken = {call.id for message in given for call in message.tool_calls}
    for index, message in enumerate(given):
        one = pb.Message(role=message.role, content=message.content, reasoning=message.thinking)
        for call in message.tool_calls:
            count += 1
            while not call.id and f"call_{count}" in taken:
                count += 1
            name = call.id or f"call_{count}"
            open_calls[name] = call.function.name
            one.tool_calls.add(id=name, name=call.function.name, arguments_json=json_text(call.function.arguments, "messages.tool_calls"))
        if message.role == "tool":
            one.tool_call_id = message.tool_call_id or _answered(message, open_calls, f"messages[{index}]")
            open_calls.pop(one.tool_call_id, None)
        if message.tool_name:
            one.fields_json = json.dumps({"name": message.tool_name})
        made.append(one)
    return made


def _joined(messages: Iterable[pb.Message]) -> list[tuple[pb.Message, Place]]:
    """Return messages with their places; texts of one role that follow each other become one message, as in Ollama (`collate`)."""
    made: list[tuple[pb.Message, Place]] = []
    for index, message in enumerate(messages):
        last = made[-1][0] if made else None
        if last is not None and last.role == message.role != "tool" and not (last.tool_calls or message.tool_calls or message.reasoning):
            last.content += f"\n\n{message.content}"
        else:
            made.append((message, Place(f"messages[{index}]")))
    return made


def _answered(result: Message, open_calls: dict[str, str], where: str) -> str:
    """Return the id of the call that a result without an id answers. Raises BodyError that names the message where there is none."""
    found = next((name for name, tool in open_calls.items() if result.tool_name in ("", tool)), None)
    if found is None and result.tool_name:
        field = f"{where}.tool_name"
        raise BodyError(f"{field}: no call of {result.tool_name[:80]!r} before it is without a result", field)
    if found is None:
        raise BodyError(f"{where}: no call before it is without a result", where)
    return found


def _tool(tool: Tool, number: int) -> pb.Tool:
    function = tool.function
    made = pb.Tool(name=function.name, description=function.description)
    if function.parameters is not None:
        made.parameters_json = json_text(function.parameters, f"tools.{number}.function.parameters")
    return made


# Answers


def now() -> str:
    """Return the time of an answer, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def timings(usage: pb.Usage, total_s: float) -> dict[str, int]:
    """Return the counts of tokens and the times in nanoseconds; `load_duration` is the time for which the request waited for a slot."""
    prompt_s = max(usage.time_to_first_token_s - usage.queue_s, 0.0)
    answer_s = (usage.completion_tokens - 1) / usage.tokens_per_s if usage.tokens_per_s else 0.0
    return {
        "total_duration": int(total_s * NS),
        "load_duration": int(usage.queue_s * NS),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": int(prompt_s * NS),
        "eval_count": usage.completion_tokens,
        "eval_duration": int(answer_s * NS),
    }


def logprobs_of(reply: Reply) -> list[dict[str, Any]]:
    """Return the log probabilities of a message's tokens; [] where none were asked for."""
    found = chat_logprobs(positions_of(reply))
    return found["content"] if found is not None else []


class Calls:
    """The calls of tools of one answer, of which Ollama's form has whole ones only: arguments are an object and not a text that grows."""

    def __init__(self) -> None:
        self._open: dict[int, pb.ToolCall] = {}  # by index, in their order

    def whole(self, reply: pb.ChatResponse) -> list[dict[str, Any]]:
        """Return the calls that are whole with this message: those behind which another one began, and all at the end of the answer.

        A call that the end of the answer cuts short is left out; the answer's `done_reason` is "length" then.
        """
        for delta in reply.tool_calls:
            call = self._open.setdefault(delta.index, pb.ToolCall())
            call.id, call.name = call.id or delta.id, call.name or delta.name
            call.arguments_json += delta.arguments
        last = max(self._open, default=0)
        ended = [index for index in self._open if index < last or reply.HasField("finish")]
        calls = ((index, self._open.pop(index)) for index in ended)
        return [made for index, call in calls if (made := _call(index, call)) is not None]


def _call(index: int, call: pb.ToolCall) -> dict[str, Any] | None:
    try:
        arguments = json.loads(call.arguments_json or "{}")
    except ValueError:
        return None
    return {"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}}
