"""OpenAI's objects to gRPC messages and back. Pure."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from google.protobuf import struct_pb2

from echorator.gateway.http.bodies import ChatCompletion, ChatMessage, Completion, Embeddings, Generation
from echorator.gateway.http.failures import BodyError
from echorator.rpc.v1 import model_pb2 as pb

INT32 = 1 << 31
REASONS = {pb.FINISH_REASON_STOP: "stop", pb.FINISH_REASON_LENGTH: "length"}
_SAMPLING = (
    *("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"),
    *("top_k", "min_p", "typical_p", "repeat_penalty", "grammar"),
)


def struct_of(value: dict[str, Any], param: str) -> struct_pb2.Struct:
    """As protobuf holds JSON. Raises BodyError."""
    made = struct_pb2.Struct()
    try:
        made.update(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise BodyError(f"{param} is not a JSON object that can be sent on: {error}", param) from error
    return made


def _shared(body: Generation, sampling: pb.Sampling, limits: pb.Limits, max_tokens: int | None) -> None:
    if body.n not in (None, 1):
        raise BodyError("n must be 1; send the request again for another answer", "n")
    for name in _SAMPLING:
        value = getattr(body, name)
        if value is not None:
            _set(sampling, name, value)
    for token, bias in (body.logit_bias or {}).items():
        if not token.isascii() or not token.isdigit() or int(token) >= INT32:
            raise BodyError(f"logit_bias: keys are token ids, not {token[:40]!r}", "logit_bias")
        sampling.logit_bias[int(token)] = bias
    if max_tokens is not None:
        _set(limits, "max_tokens", max_tokens)
    limits.stop.extend([body.stop] if isinstance(body.stop, str) else body.stop or [])
    limits.ignore_eos = body.ignore_eos
    _set(limits, "priority", body.priority)


def _set(message: pb.Sampling | pb.Limits, name: str, value: object) -> None:
    try:
        setattr(message, name, value)
    except (ValueError, TypeError) as error:
        raise BodyError(f"{name} is out of range: {error}", name) from error


def chat_request(body: ChatCompletion) -> pb.ChatRequest:
    """Raises BodyError, naming the field."""
    request = pb.ChatRequest(model=body.model)
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise BodyError("max_tokens and max_completion_tokens are the same thing; give one of them", "max_completion_tokens")
    limit = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens
    _shared(body, request.sampling, request.limits, limit)
    if body.logprobs:
        _set(request.limits, "logprobs", body.top_logprobs or 0)
    elif body.top_logprobs is not None:
        raise BodyError("top_logprobs needs logprobs: true", "top_logprobs")
    for message in body.messages:
        request.messages.append(_message(message))
    _shape(body, request.sampling)
    arguments = dict(body.chat_template_kwargs or {})
    if body.tools is not None and body.tool_choice != "none":
        if body.tool_choice not in (None, "auto"):
            raise BodyError('tool_choice must be "auto" or "none": the template shows the tools, nothing forces the model', "tool_choice")
        arguments["tools"] = body.tools
    if arguments:
        request.template_arguments.CopyFrom(struct_of(arguments, "tools"))
    if body.memory is not None:
        scope = request.memory.scope
        scope.user, scope.session, scope.tenant, scope.agent = (
            body.memory.user,
            body.memory.session,
            body.memory.tenant,
            body.memory.agent,
        )
        request.memory.read_only = body.memory.read_only
    return request


def _message(message: ChatMessage) -> pb.Message:
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content or [])
    made = pb.Message(role=message.role, content=text)
    further = {name: value for name, value in (message.model_extra or {}).items() if value is not None}
    if further:
        made.fields.CopyFrom(struct_of(further, "messages"))
    return made


def _shape(body: ChatCompletion, sampling: pb.Sampling) -> None:
    form = body.response_format
    if form is None or form.type == "text":
        return
    if body.grammar is not None:
        raise BodyError("grammar and response_format exclude each other", "response_format")
    if form.type == "json_object":
        sampling.json = True
    elif form.json_schema is None or not form.json_schema.definition:
        raise BodyError("response_format.json_schema.schema is missing", "response_format")
    else:
        sampling.json_schema.CopyFrom(struct_of(form.json_schema.definition, "response_format"))


def generate_requests(body: Completion) -> list[pb.GenerateRequest]:
    """One for each prompt. Raises BodyError, naming the field."""
    if body.suffix:
        raise BodyError("suffix is not served here: write the prompt as the model wants it", "suffix")
    if body.best_of not in (None, 1):
        raise BodyError("best_of must be 1", "best_of")
    prompts: list[str | list[int]] = []
    if isinstance(body.prompt, str):
        prompts = [body.prompt]
    elif body.prompt and all(isinstance(part, int) for part in body.prompt):
        prompts = [[int(part) for part in body.prompt if isinstance(part, int)]]
    else:
        prompts = [part for part in body.prompt if not isinstance(part, int)]
    if not prompts:
        raise BodyError("prompt is empty", "prompt")
    if body.stream and len(prompts) > 1:
        raise BodyError("a streamed completion takes one prompt", "prompt")
    return [_generate_request(body, prompt) for prompt in prompts]


def _generate_request(body: Completion, prompt: str | list[int]) -> pb.GenerateRequest:
    request = pb.GenerateRequest(model=body.model)
    _shared(body, request.sampling, request.limits, 16 if body.max_tokens is None else body.max_tokens)
    if body.logprobs is not None:
        _set(request.limits, "logprobs", body.logprobs)
    if isinstance(prompt, str):
        request.prompt = prompt
    else:
        try:
            request.tokens.ids.extend(prompt)
        except (ValueError, TypeError) as error:
            raise BodyError(f"prompt: token ids are whole numbers: {error}", "prompt") from error
    return request


def embed_request(body: Embeddings) -> pb.EmbedRequest:
    """Raises BodyError."""
    if body.dimensions is not None:
        raise BodyError("dimensions cannot be chosen; cut the vectors and normalise them again", "dimensions")
    return pb.EmbedRequest(model=body.model, inputs=[body.input] if isinstance(body.input, str) else body.input)


# Answers


def usage_of(usages: Sequence[pb.Usage]) -> dict[str, Any]:
    """Token counts of the answers to one request."""
    prompt, completion = sum(u.prompt_tokens for u in usages), sum(u.completion_tokens for u in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(u.cached_tokens for u in usages)},
    }


def positions_of(reply: pb.ChatResponse | pb.GenerateResponse) -> list[pb.PositionLogprobs]:
    """Of its text: the token that ends the answer has none, and OpenAI's clients do not expect it."""
    ended = reply.finish.reason == pb.FINISH_REASON_STOP and not reply.finish.stop
    return list(reply.logprobs[:-1] if ended else reply.logprobs)


def chat_logprobs(positions: Sequence[pb.PositionLogprobs]) -> dict[str, Any] | None:
    """As chat completions have them."""
    if not positions:
        return None
    return {"content": [{**_token(p.chosen), "top_logprobs": [_token(t) for t in p.top]} for p in positions], "refusal": None}


def _token(token: pb.TokenLogprob) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.text.encode())}


def text_logprobs(positions: Sequence[pb.PositionLogprobs], offset: int) -> dict[str, Any] | None:
    """As text completions have them; `offset` is where the first token begins in the text."""
    if not positions:
        return None
    offsets = []
    for position in positions:
        offsets.append(offset)
        offset += len(position.chosen.text)
    return {
        "tokens": [p.chosen.text for p in positions],
        "token_logprobs": [p.chosen.logprob for p in positions],
        "top_logprobs": [{t.text: t.logprob for t in p.top} for p in positions],
        "text_offset": offsets,
    }


def vector_of(values: Sequence[float], encoding: str) -> list[float] | str:
    """As the request wants it; base64 is of little-endian float32."""
    return list(values) if encoding == "float" else base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
