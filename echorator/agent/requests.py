"""Turns request messages into the values that the engine takes, and refuses everything that a client can get wrong.

Pure: takes messages, returns frozen values, and raises InvalidRequestError with the field and its range. Feeds `service`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from echorator import json_digits
from echorator.agent import chat_prompt
from echorator.agent.chat_prompt import Opening
from echorator.agent.tool_history import check_results, typed_fields, with_tool_calls
from echorator.errors import InvalidRequestError
from echorator.model_files.puller import Image, meant
from echorator.model_files.reference import File, short_name
from echorator.prompting.json_schema import JSON_GRAMMAR
from echorator.ranged import within
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import LONGEST_STOP, MOST_MESSAGES, MOST_STOPS
from echorator.settings import LEAST_PRIORITY, MOST_LOGPROBS, MOST_PRIORITY, EngineSettings, Lora, Sampling

LARGEST_JSON = 4 << 20  # characters
LONGEST_SCHEMA = 512 * 1024  # characters of the schema as it was sent
DEEPEST_JSON = 64  # nesting depth of lists and objects
DEFAULT_GRACE_S = 30.0
MAX_GRACE_S = 86_400.0

# The server sets these variables of a chat template itself, so no template argument may have one of the names.
RESERVED_ARGUMENTS = ("messages", "bos_token", "eos_token", "raise_exception", "strftime_now", "range", "dict", "namespace")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NAME = re.compile(r"[\w][\w.:@+/-]{0,127}")


@dataclass(frozen=True, slots=True)
class Limits:
    """The end and the scheduling of one generation, as its request asks for them."""

    max_tokens: int = -1  # -1: up to the end of the context; 0: the prompt only
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    priority: int = 0
    logprobs: int = -1  # -1: none
    prompt_logprobs: int = -1  # -1: none
    use_cache: bool = True
    report_progress: bool = False  # of the prompt, while it is computed


def json_object_of(text: str, field: str) -> dict[str, Any]:
    """Return the JSON object that `text` holds, its keys in their order; {} for an empty text.

    Raises:
        InvalidRequestError: the text is no JSON, no object, or nested more than DEEPEST_JSON deep. NaN and Infinity are no JSON.
    """
    if not text:
        return {}
    if len(text) > LARGEST_JSON:
        raise InvalidRequestError(f"{field} has {len(text)} characters, at most {LARGEST_JSON} are taken")
    try:
        value = json_digits.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise InvalidRequestError(f"{field} nests more than {DEEPEST_JSON} deep") from error
    except json_digits.DigitsError as error:
        raise InvalidRequestError(f"{field}: {error}") from error
    except ValueError as error:
        raise InvalidRequestError(f"{field} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{field} must be a JSON object, not {text[:40]!r}")
    if _SURROGATE.search(text) and _cannot_be_written(value):
        raise InvalidRequestError(f"{field} has half of a surrogate pair, which is no character")
    if deeper_than(value, DEEPEST_JSON):
        raise InvalidRequestError(f"{field} nests more than {DEEPEST_JSON} deep")
    return value


def _cannot_be_written(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError(f"{text[:40]} is larger than any number that can be kept")
    return number


def deeper_than(value: Any, depth: int) -> bool:
    """Return whether lists and objects of `value` nest more than `depth` deep; the value itself is the first level."""
    level = [value]
    for _ in range(depth):
        containers = [part for part in level if isinstance(part, dict | list)]
        if not containers:
            return False
        level = [inner for part in containers for inner in (part.values() if isinstance(part, dict) else part)]
    return any(isinstance(part, dict | list) for part in level)


def schema_of(message: pb.Sampling) -> dict[str, Any]:
    """Return the JSON schema that an answer is to follow. Raises InvalidRequestError as `json_object_of`, and for an empty text."""
    if not message.json_schema.strip():
        raise InvalidRequestError("json_schema is empty; leave it out to generate without one, or send {} for any JSON")
    if len(message.json_schema) > LONGEST_SCHEMA:
        raise InvalidRequestError(f"json_schema has {len(message.json_schema)} characters, at most {LONGEST_SCHEMA} are taken")
    return json_object_of(message.json_schema, "json_schema")


def sampling_of(
    message: pb.Sampling,
    vocabulary: int,
    defaults: Mapping[str, Any],
    schema_grammar: str = "",
    text_biases: Mapping[int, float] = MappingProxyType({}),
) -> Sampling:
    """Return the sampling parameters of a request; those it does not set are the model's `defaults`.

    Args:
        message: the parameters as the client sent them.
        vocabulary: number of tokens of the model, the range of `logit_bias` keys.
        defaults: the model's own parameters, by the names of `Sampling`.
        schema_grammar: the GBNF text of the message's JSON schema; "" without a schema.
        text_biases: what `logit_bias_texts` adds to the logit of each token.

    Raises:
        InvalidRequestError: a parameter is out of its range.
    """
    chosen: dict[str, Any] = {}
    if message.logit_bias or text_biases:
        check_tokens(list(message.logit_bias), vocabulary, "logit_bias")
        tokens = dict.fromkeys((*message.logit_bias, *text_biases))
        chosen["logit_bias"] = tuple((token, message.logit_bias.get(token, 0.0) + text_biases.get(token, 0.0)) for token in tokens)
    for field, value in message.ListFields():
        name = field.name
        if name in ("logit_bias", "logit_bias_texts"):
            continue
        if name == "dry_sequence_breakers":
            chosen[name] = tuple(value)
        elif name == "json_schema":
            chosen["grammar"] = schema_grammar
        elif name == "json_object":
            chosen["grammar"] = JSON_GRAMMAR if value else ""
        elif field.cpp_type == field.CPPTYPE_FLOAT:
            chosen[name] = as_written(value)
        elif name == "grammar" and not value.strip():
            raise InvalidRequestError("the grammar is empty; leave it out to generate without one")
        else:
            chosen[name] = value
    return Sampling(**{**defaults, **chosen})


def limits_of(message: pb.Limits) -> Limits:
    """Return the limits of a request. Raises InvalidRequestError, naming the field and its range."""
    chosen: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = field.name
        if name == "max_tokens" and value < 0:
            raise InvalidRequestError(f"max_tokens must be 0 or more, not {value}; leave it out to go on to the end of the context")
        if name == "priority":
            within(value, LEAST_PRIORITY, MOST_PRIORITY, name)
        if name in ("logprobs", "prompt_logprobs"):
            within(value, 0, MOST_LOGPROBS, name)
        if name == "stop":
            if len(value) > MOST_STOPS:
                raise InvalidRequestError(f"stop: at most {MOST_STOPS} texts, not {len(value)}")
            for text in value:
                if not 1 <= len(text.encode()) <= LONGEST_STOP:
                    raise InvalidRequestError(f"stop: each text must have 1..{LONGEST_STOP} bytes, one has {len(text.encode())}")
            chosen[name] = tuple(value)
        elif name == "no_cache":
            chosen["use_cache"] = not value
        else:
            chosen[name] = value
    return Limits(**chosen)


def as_written(value: float) -> float:
    """Return the shortest number that equals `value` as a float32: 0.01 as a client wrote it, not 0.009999999776."""
    return float(np.format_float_scientific(np.float32(value), unique=True))


def check_tokens(tokens: Sequence[int], vocabulary: int, field: str) -> None:
    """Check that all ids are in the vocabulary. Raises InvalidRequestError, naming the field and the first wrong id."""
    if tokens and not (min(tokens) >= 0 and max(tokens) < vocabulary):
        wrong = next(t for t in tokens if not 0 <= t < vocabulary)
        raise InvalidRequestError(f"{field}: token ids must be 0..{vocabulary - 1}, not {wrong}")


def prompt_of(request: pb.GenerateRequest, vocabulary: int) -> list[str | list[int]]:
    """Return the parts of the prompt, texts and token ids. Raises InvalidRequestError where it is empty or an id is not known."""
    kind = request.WhichOneof("input") or "prompt"
    given: Sequence[pb.GenerateRequest | pb.PromptPart] = request.parts.parts if kind == "parts" else [request]
    parts: list[str | list[int]] = []
    for one in given:
        if one.HasField("tokens"):
            parts.append(list(one.tokens.ids))
            check_tokens(one.tokens.ids, vocabulary, kind)
        else:
            parts.append(one.text if isinstance(one, pb.PromptPart) else one.prompt)
    if any(parts):
        return parts
    raise InvalidRequestError("the prompt is empty; set `prompt` to a text, `tokens` to at least one token id, or `parts` to both")


def messages_of(request: pb.ChatRequest) -> list[dict[str, Any]]:
    """Return the conversation in the form that templates take. Raises InvalidRequestError when it is empty or a role is missing."""
    if not request.messages:
        raise InvalidRequestError("messages is empty; a conversation needs at least one message")
    if len(request.messages) > MOST_MESSAGES:
        raise InvalidRequestError(f"messages: at most {MOST_MESSAGES}, not {len(request.messages)}")
    for i, message in enumerate(request.messages):
        if not message.role:
            raise InvalidRequestError(f'messages[{i}].role is empty; use "system", "user" or "assistant"')
    made = []
    for i, m in enumerate(request.messages):
        fields = json_object_of(m.fields_json, f"messages[{i}].fields_json")
        own = typed_fields(m, f"messages[{i}]")
        for name in ("role", "content", *own):
            if name in fields:
                raise InvalidRequestError(f"messages[{i}].fields_json has {name}, which is a field of the message itself")
        fields.update(own)
        made.append({"role": m.role, "content": m.content, **with_tool_calls(fields, m.role, f"messages[{i}]", json_object_of)})
        if not isinstance(made[-1].get("tool_call_id", ""), str):
            raise InvalidRequestError(f"messages[{i}].tool_call_id must be a text")
    check_results(made)
    return made


def template_arguments_of(request: pb.ChatRequest) -> tuple[dict[str, Any], bool | None]:
    """Return further variables of the chat template, and `add_generation_prompt` where the client sets it.

    Raises:
        InvalidRequestError: they are not a JSON object, or one has a reserved name.
    """
    given = json_object_of(request.template_arguments_json, "template_arguments_json")
    for name in RESERVED_ARGUMENTS:
        if name in given:
            raise InvalidRequestError(f"the template argument {name} is not the client's to set; leave it out")
    opening = given.pop("add_generation_prompt", None)
    if opening is not None and not isinstance(opening, bool):
        raise InvalidRequestError(f"add_generation_prompt must be true or false, not {str(opening)[:40]!r}")
    tools = given.get("tools")
    if tools and request.tools:
        raise InvalidRequestError("tools are given twice: as a field of the request and in template_arguments_json")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise InvalidRequestError("tools must be a list of objects")
    if not tools:
        given.pop("tools", None)
    return given, opening


def opening_of(request: pb.ChatRequest, messages: Sequence[Mapping[str, Any]]) -> Opening:
    """Return how the prompt of a request ends. Raises InvalidRequestError as `template_arguments_of` and `chat_prompt.opening_of`."""
    continues = request.continue_last_message if request.HasField("continue_last_message") else None
    return chat_prompt.opening_of(messages, continues, template_arguments_of(request)[1])


def stem_of(source: str) -> Path:
    """Return the path whose stem names a model without a given name: its file's or its source's own. Raises SourceError."""
    reference = meant(source)
    return Path(source) if isinstance(reference, File) else Path(f"{short_name(reference)}.gguf")


def model_name_of(name: str, path: Path) -> str:
    """Return the name to load under: the file's stem where none is given. Raises InvalidRequestError for an unfit name."""
    chosen = name or re.sub(r"\s+", "-", path.stem)
    if not _NAME.fullmatch(chosen):
        raise InvalidRequestError(f"name {chosen[:140]!r} is not fit: 1..128 letters, digits or any of _.:@+/- and no sign first")
    return chosen


def sources_of(path: str, options: pb.EngineOptions) -> list[str]:
    """Return the sources of the model and its adapters, the model's first. Raises InvalidRequestError for an empty or malformed one."""
    named = [("path", path), *((f"lora[{i}].source", lora.source) for i, lora in enumerate(options.lora))]
    for field, source in named:
        if not source:
            raise InvalidRequestError(f"{field} is empty; name a GGUF file that the server can read")
        if "\0" in source:
            raise InvalidRequestError(f"{field} has a NUL character")
    return [source for _, source in named]


def engine_settings_of(options: pb.EngineOptions, defaults: EngineSettings) -> EngineSettings:
    """Return the server's defaults with a message's options, all but files. Raises InvalidRequestError, naming the option."""
    chosen: dict[str, Any] = {f.name: tuple(v) if f.name == "tensor_split" else v for f, v in options.ListFields() if f.name != "lora"}
    lora = tuple(Lora(Path(), one.scale if one.HasField("scale") else 1.0, one.name) for one in options.lora)
    return replace(defaults, lora=lora, **chosen)


def with_files(settings: EngineSettings, model: Image, *adapters: Image) -> EngineSettings:
    """Return settings with the files that were found for `sources_of`; adapters of the model's own image go first."""
    asked = tuple(replace(lora, path=image.path) for lora, image in zip(settings.lora, adapters, strict=True))
    return replace(settings, path=model.path, lora=(*(Lora(path) for path in model.adapters), *asked))


def grace_of(request: pb.UnloadModelRequest) -> float:
    """Return the grace period in seconds. Raises InvalidRequestError when it is out of range."""
    if not request.HasField("grace_s"):
        return DEFAULT_GRACE_S
    return within(request.grace_s, 0.0, MAX_GRACE_S, "grace_s")


def interval_of(request: pb.WatchStatsRequest) -> float:
    """Return the interval between two statistics in seconds. Raises InvalidRequestError when it is out of range."""
    return within(request.interval_ms or 1000, 100, 60_000, "interval_ms") / 1000.0
