"""Converts OpenAI's requests to gRPC messages, so that agents need no HTTP. Pure; fed by `api`. `answer_fields` is the way back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any

from echorator.gateway.http.bodies import (
    MOST_PARTS,
    MOST_PROMPTS,
    ChatCompletion,
    ChatMessage,
    Completion,
    Conversation,
    Generation,
    Sampled,
    stops_of,
)
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating import tools
from echorator.gateway.http.generating.paths import CHAT, TEXT, Names, Paths
from echorator.gateway.http.generating.tools import json_text
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.common_pb2 import Scope
from echorator.settings import Sampling

INT32 = 1 << 31
UINT32 = 1 << 32
_Prompt = list[str | list[int]]  # its parts
MOST_PROMPT_BYTES = 16 << 20  # of all answers to one request together: its prompts times n
_SAMPLING = tuple(f.name for f in fields(Sampling) if f.name not in ("seed", "logit_bias", "dry_sequence_breakers"))  # sent as they are


def fill(
    body: Sampled,
    sampling: pb.Sampling,
    limits: pb.Limits,
    max_tokens: int | None,
    stop: Sequence[str],
    answer: int = 0,
    called: str = "max_tokens",
) -> None:
    """Fill the fields that all APIs share.

    Args:
        body: the request.
        sampling: filled.
        limits: filled.
        max_tokens: the bound on the answer; None for none.
        stop: the texts that end the answer.
        answer: the index of this answer among the n of its prompt.
        called: the API's name of `max_tokens`.

    Raises:
        BodyError: a value is out of its range, or contradicts another; the message names the field.
    """
    for name in _SAMPLING:
        value = getattr(body, name)
        if value is not None:
            set_field(sampling, name, max(value, 0) if name == "top_k" else value)  # llama.cpp's clients turn it off with a negative number
    sampling.dry_sequence_breakers.extend(body.dry_sequence_breakers or [])
    if body.seed is not None and body.seed != -1:  # -1 is llama.cpp's random seed
        set_field(sampling, "seed", body.seed if not 0 <= body.seed < UINT32 else (body.seed + answer) % UINT32)
    for token, bias in (body.logit_bias or {}).items():
        if isinstance(token, str):
            sampling.logit_bias_texts[token] = bias
        elif 0 <= token < INT32:
            sampling.logit_bias[token] = bias
        else:
            raise BodyError(f"logit_bias: token ids are whole numbers of 0 to {INT32 - 1}, not {str(token)[:40]}", "logit_bias")
    if body.json_schema is not None:
        if body.grammar is not None:
            raise BodyError("grammar and json_schema exclude each other", "json_schema")
        sampling.json_schema = json_text(body.json_schema, "json_schema")
    if max_tokens is not None and max_tokens not in (-1, -2):  # both are llama.cpp's values for no limit
        set_field(limits, "max_tokens", max_tokens, called)
    limits.stop.extend(stop)
    limits.ignore_eos = body.ignore_eos
    limits.no_cache = not body.cache_prompt
    set_field(limits, "priority", body.priority)


def _fill_generation(
    body: Generation, sampling: pb.Sampling, limits: pb.Limits, max_tokens: int | None, answer: int, called: str = "max_tokens"
) -> None:
    fill(body, sampling, limits, max_tokens, stops_of(body.stop), answer, called)
    if body.prompt_logprobs is not None:
        set_field(limits, "prompt_logprobs", body.prompt_logprobs)
    limits.report_progress = body.stream and (body.return_progress or body.timings_per_token)


def set_field(message: pb.Sampling | pb.Limits | pb.Reasoning, name: str, value: object, called: str = "") -> None:
    """Set a number of a message, which the client calls `called`. Raises BodyError with the range where it does not fit."""
    called = called or name
    try:
        setattr(message, name, value)
    except (ValueError, TypeError) as error:
        if not isinstance(value, int):
            raise BodyError(f"{called} cannot be taken: {error}", called) from error
        allowed = f"0..{UINT32 - 1}, or -1 for a random one" if name == "seed" else f"{-INT32}..{INT32 - 1}"
        raise BodyError(f"{called} must be {allowed}, not {str(value)[:40]}", called) from error


def chat_request(body: ChatCompletion, answer: int = 0) -> pb.ChatRequest:
    """Return the request of one answer; only the first of several writes to the chat's memory. Raises BodyError for a field."""
    request = pb.ChatRequest(model=body.model)
    limit = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens  # the newer name wins
    called = "max_completion_tokens" if body.max_completion_tokens is not None else "max_tokens"
    _fill_generation(body, request.sampling, request.limits, limit, answer, called)
    if body.logprobs or body.n_probs:
        set_field(request.limits, "logprobs", body.top_logprobs or body.n_probs or 0, "top_logprobs")
    elif body.top_logprobs is not None:
        raise BodyError("top_logprobs needs logprobs: true", "top_logprobs")
    for index, message in enumerate(body.messages):
        request.messages.append(_message(message, f"messages.{index}"))
    chat_paths(body).check_tools(request.messages)
    _shape(body, request.sampling)
    fill_tools(request, tools.chat_tools(body.tools or ()), body.tool_choice, body.parallel_tool_calls)
    own = {} if body.add_generation_prompt is None else {"add_generation_prompt": body.add_generation_prompt}
    fill_conversation(body, request, body.reasoning_effort, own, answer)
    if body.continue_final_message is not None:
        request.continue_last_message = body.continue_final_message
    request.chat_template = body.chat_template
    return request


def chat_paths(body: ChatCompletion) -> Paths:
    """Return where the fields of `chat_request` stand in the body."""
    given = {} if body.max_completion_tokens is None else {"max_tokens": "max_completion_tokens"}
    form = body.response_format
    if form is not None and body.json_schema is None:
        given["json_schema"] = "response_format.schema" if form.type == "json_object" else "response_format.json_schema.schema"
    return Paths(CHAT, given=given)


def text_paths(body: Completion, names: Names = TEXT) -> Paths:
    """Return where the fields of `generate_requests` stand in the body of an API with these names."""
    return Paths(names, given={"logprobs": "n_probs"} if body.logprobs is None and body.n_probs else {})


def fill_tools(request: pb.ChatRequest, declared: Sequence[pb.Tool], choice: str | dict[str, Any] | None, parallel: bool | None) -> None:
    """Fill the tools of a request of one of OpenAI's APIs, and the choice among them. Raises BodyError that names the field."""
    request.tools.extend(declared)
    if choice is not None:
        request.tool_choice.CopyFrom(tools.choice(choice, declared))
    if parallel is not None:
        request.parallel_tool_calls = parallel


def fill_conversation(
    body: Conversation, request: pb.ChatRequest, effort: str | None, own: Mapping[str, Any] = MappingProxyType({}), answer: int = 0
) -> None:
    """Fill what the conversations of all APIs share: how much is thought, variables of the template, and the memory.

    Args:
        body: the request's body.
        request: filled; its tools are there already.
        effort: how much is thought; "none" turns it off, None leaves it to the template.
        own: variables of the template that have a field of their own.
        answer: the index of this answer among the n of its prompt; only the first one writes to the memory.

    Raises:
        BodyError: a value is out of its range, or is given twice; the message names the field.
    """
    if effort == "none":
        request.reasoning.enabled = False
    elif effort is not None:
        request.reasoning.effort = effort
    if body.enable_thinking is not None:
        request.reasoning.enabled = body.enable_thinking
    if body.thinking_budget_tokens is not None and body.thinking_budget_tokens >= 0:
        set_field(request.reasoning, "budget_tokens", body.thinking_budget_tokens, "thinking_budget_tokens")
    arguments = body.chat_template_kwargs or {}
    for name in (*own, *(("tools",) if request.tools else ())):
        if name in arguments:
            raise BodyError(f"{name} is given twice: as a field and in chat_template_kwargs", name)
    if arguments or own:
        request.template_arguments_json = json_text({**arguments, **own}, "chat_template_kwargs")
    if body.control_tokens_in_messages is not None:
        request.control_tokens_in_messages = body.control_tokens_in_messages
    if (memory := body.memory) is not None:
        scope = Scope(user=memory.user, session=memory.session, tenant=memory.tenant, agent=memory.agent)
        request.memory.CopyFrom(pb.ChatMemory(scope=scope, read_only=memory.read_only or answer > 0))


def _message(message: ChatMessage, where: str) -> pb.Message:
    content = message.content
    text = content if isinstance(content, str) else "\n".join(part.text for part in content or [])
    made = pb.Message(role=message.role, content=text, tool_call_id=message.tool_call_id)
    made.reasoning = message.reasoning_content or message.reasoning or ""
    for index, call in enumerate(message.tool_calls or ()):
        given = call.function.arguments
        arguments = given if isinstance(given, str) else json_text(given, f"{where}.tool_calls.{index}.function.arguments")
        made.tool_calls.add(id=call.id, name=call.function.name, arguments_json=arguments)
    further = {name: value for name, value in (message.model_extra or {}).items() if value is not None}
    if further:
        made.fields_json = json_text(further, "messages")
    return made


def _shape(body: ChatCompletion, sampling: pb.Sampling) -> None:
    form = body.response_format
    if form is None or form.type == "text":
        return
    check_one_shape(body, "response_format")
    if form.type == "json_object" and form.definition:
        sampling.json_schema = json_text(form.definition, "response_format")
    elif form.type == "json_object":
        sampling.json_object = True
    elif form.json_schema is None or form.json_schema.definition is None:
        raise BodyError("response_format.json_schema.schema is missing", "response_format")
    else:
        sampling.json_schema = json_text(form.json_schema.definition, "response_format")


def check_one_shape(body: Sampled, field: str) -> None:
    """Raise BodyError where the body has a grammar or a schema beside the `field` that shapes the answer."""
    if body.grammar is not None or body.json_schema is not None:
        raise BodyError(f"grammar, json_schema and {field} exclude each other", field)


def chat_requests(body: ChatCompletion) -> list[Callable[[], pb.ChatRequest]]:
    """Return functions that build the request of each of the n answers when its turn comes. Raises BodyError that names the field."""
    first = chat_request(body)
    _check_work(1, first.ByteSize(), body.n)
    return [lambda: first, *(partial(chat_request, body, answer) for answer in range(1, body.n))]


def generate_requests(body: Completion) -> list[Callable[[], pb.GenerateRequest]]:
    """Return functions that build the request of each answer when its turn comes: those of the first prompt, then those of the next.

    Each prompt has n answers, or as many as `best_of` asks for. Raises BodyError that names the field.
    """
    answers = _answers(body)
    prompts = _prompts(body)
    if body.suffix and body.echo:
        raise BodyError("echo and suffix exclude each other: the prompt is one side of a gap", "suffix")
    size_bytes = sum(len(p.encode()) if isinstance(p, str) else 4 * len(p) for prompt in prompts for p in prompt)
    size_bytes += len(prompts) * len(body.suffix.encode())
    _check_work(len(prompts), size_bytes, answers)
    first = _generate_request(body, prompts[0], 0)
    later = [partial(_generate_request, body, prompt, answer) for prompt in prompts for answer in range(answers)]
    return [lambda: first, *later[1:]]


def _answers(body: Completion) -> int:
    """Return how many answers to each prompt are generated. Raises BodyError."""
    best_of = body.best_of or body.n
    if best_of not in (1, body.n) and best_of < body.n:
        raise BodyError(f"best_of must be 1, or n = {body.n} and more, not {best_of}", "best_of")
    if best_of > body.n and body.stream:
        raise BodyError("best_of is not streamed: the best answers are known when all have ended", "best_of")
    return max(best_of, body.n)


def chosen(body: Completion, positions: Sequence[Sequence[pb.PositionLogprobs]]) -> list[int]:
    """Return which of the generated answers are given: n to each prompt, of more the likeliest by the mean of their tokens' logprobs.

    `positions` has the tokens of each answer, in the order of `generate_requests`; an answer without tokens is the least likely.
    """
    answers = _answers(body)
    if answers == body.n:
        return list(range(len(positions)))

    def likelihood(answer: int) -> float:
        tokens = positions[answer]
        return sum(p.chosen.logprob for p in tokens) / len(tokens) if tokens else -math.inf

    kept: list[int] = []
    for begin in range(0, len(positions), answers):
        kept += sorted(range(begin, begin + answers), key=likelihood, reverse=True)[: body.n]
    return kept


def _check_work(prompts: int, size_bytes: int, n: int) -> None:
    """Raise BodyError where one request asks for more than `MOST_PROMPTS` answers or `MOST_PROMPT_BYTES`."""
    if prompts * n > MOST_PROMPTS:
        raise BodyError(f"{prompts} prompts times n = {n} are {prompts * n} answers, at most {MOST_PROMPTS} are given to one request", "n")
    if size_bytes * n > MOST_PROMPT_BYTES:
        raise BodyError(f"the prompts times n = {n} have {size_bytes * n} bytes, at most {MOST_PROMPT_BYTES} are taken", "prompt")


def _prompts(body: Completion) -> list[_Prompt]:
    """Return the prompts. A list with a number in it is one prompt, as in llama-server. Raises BodyError."""
    given = body.prompt
    if isinstance(given, str):
        return [[given]]
    if not given:
        raise BodyError("prompt is empty", "prompt")
    one = any(isinstance(part, int) for part in given)
    return [_parts(given)] if one else [_parts([part] if isinstance(part, str) else part) for part in given if not isinstance(part, int)]


def _parts(given: Sequence[str | int | Sequence[str | int]]) -> _Prompt:
    """Return one prompt, its token ids that follow each other joined to one part. Raises BodyError."""
    parts: _Prompt = []
    for are_ids, run in groupby(given, lambda part: isinstance(part, int)):
        members = list(run)
        ids, texts = [part for part in members if isinstance(part, int)], [part for part in members if isinstance(part, str)]
        if ids and not -INT32 <= min(ids) <= max(ids) < INT32:
            raise BodyError("prompt: token ids are whole numbers below 2^31", "prompt")
        parts += [ids] if are_ids else texts
    if len(parts) > MOST_PARTS:
        raise BodyError(f"prompt: at most {MOST_PARTS} texts and runs of token ids are taken in one prompt", "prompt")
    return parts or [[]]


def _generate_request(body: Completion, prompt: _Prompt, answer: int) -> pb.GenerateRequest:
    request = pb.GenerateRequest(model=body.model)
    _fill_generation(body, request.sampling, request.limits, 16 if body.max_tokens is None else body.max_tokens, answer)
    logprobs = body.logprobs if body.logprobs is not None else body.n_probs or None  # n_probs 0 means none in llama.cpp
    if logprobs is not None or _answers(body) > body.n:
        set_field(request.limits, "logprobs", logprobs or 0)
    whole_text = len(prompt) == 1 and isinstance(prompt[0], str)
    if body.echo and (logprobs is not None or not whole_text):  # the agent returns the prompt's tokens, whose text is echoed
        set_field(request.limits, "prompt_logprobs", max(logprobs or 0, body.prompt_logprobs or 0))
    match prompt:
        case [str(text)]:
            request.prompt = text
        case [list(ids)]:
            request.tokens.ids.extend(ids)
        case _:
            for part in prompt:
                request.parts.parts.append(
                    pb.PromptPart(text=part) if isinstance(part, str) else pb.PromptPart(tokens=pb.TokenIds(ids=part))
                )
    if body.suffix:
        request.suffix = body.suffix
    return request
