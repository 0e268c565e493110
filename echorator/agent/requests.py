"""From request messages to the values that the engine takes; everything a client can get wrong is said here.

Pure: messages in, frozen values out, InvalidRequestError with the field and its range otherwise. Feeds `service`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2

from echorator.engine.json_schema import JSON_GRAMMAR, grammar_of
from echorator.errors import InvalidRequestError
from echorator.images.puller import Image, meant
from echorator.images.reference import File, short_name
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EngineSettings, Lora, Sampling

MAX_STOPS = 16
MAX_STOP_BYTES = 256
MAX_LOGPROBS = 20
MAX_MESSAGES = 4096
MAX_EMBED_INPUTS = 2048
DEFAULT_GRACE_S = 30.0
MAX_GRACE_S = 86_400.0

_NAME = re.compile(r"[\w][\w.:@+/-]{0,127}")
_POOLINGS = {pb.POOLING_UNSPECIFIED: "", pb.POOLING_MEAN: "mean", pb.POOLING_CLS: "cls", pb.POOLING_LAST: "last"}


@dataclass(frozen=True, slots=True)
class Limits:
    """When a generation ends and how it is served."""

    max_tokens: int = -1  # -1: up to the end of the context
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    priority: int = 0
    logprobs: int = -1  # -1: none
    use_cache: bool = True


def python_of(value: struct_pb2.Value) -> Any:
    """The plain value of a protobuf one. Struct knows doubles only: whole numbers become int again."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return dict_of(value.struct_value)
    if kind == "list_value":
        return [python_of(item) for item in value.list_value.values]
    return None


def dict_of(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The plain dict of a protobuf Struct, its keys sorted, for a Struct keeps no order."""
    return {key: python_of(struct.fields[key]) for key in sorted(struct.fields)}


@lru_cache(maxsize=128)
def _grammar_of_schema(schema: bytes) -> str:
    return grammar_of(dict_of(struct_pb2.Struct.FromString(schema)))


def sampling_of(message: pb.Sampling, vocabulary: int, defaults: Mapping[str, Any]) -> Sampling:
    """`defaults`, those of the model, for what is not set; a schema becomes its grammar.

    Args:
        message: as the client sent it.
        vocabulary: number of tokens of the model, the range of `logit_bias` keys.
        defaults: by the names of `Sampling`.

    Raises:
        InvalidRequestError: a parameter is out of its range, or the schema is not one that a grammar can express.
    """
    chosen: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = field.name
        if name == "logit_bias":
            check_tokens(list(value), vocabulary, "logit_bias")
            chosen[name] = tuple(value.items())
        elif name == "dry_sequence_breakers":
            chosen[name] = tuple(value)
        elif name == "json_schema":
            chosen["grammar"] = _grammar_of_schema(value.SerializeToString(deterministic=True))
        elif name == "json":
            chosen["grammar"] = JSON_GRAMMAR if value else ""
        elif name == "grammar" and not value.strip():
            raise InvalidRequestError("the grammar is empty; leave it out to generate without one")
        else:
            chosen[name] = value
    return Sampling(**{**defaults, **chosen})


def limits_of(message: pb.Limits) -> Limits:
    """Raises InvalidRequestError, naming the field and its range."""
    chosen: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = field.name
        if name == "max_tokens" and value < 1:
            raise InvalidRequestError(f"max_tokens must be 1 or more, not {value}; leave it out to go on to the end of the context")
        if name == "priority" and not -100 <= value <= 100:
            raise InvalidRequestError(f"priority must be -100..100, not {value}")
        if name == "logprobs" and not 0 <= value <= MAX_LOGPROBS:
            raise InvalidRequestError(f"logprobs must be 0..{MAX_LOGPROBS}, not {value}")
        if name == "stop":
            if len(value) > MAX_STOPS:
                raise InvalidRequestError(f"stop: at most {MAX_STOPS} texts, not {len(value)}")
            for text in value:
                if not 1 <= len(text.encode()) <= MAX_STOP_BYTES:
                    raise InvalidRequestError(f"stop: each text must have 1..{MAX_STOP_BYTES} bytes, one has {len(text.encode())}")
            chosen[name] = tuple(value)
        elif name == "no_cache":
            chosen["use_cache"] = not value
        else:
            chosen[name] = value
    return Limits(**chosen)


def check_tokens(tokens: Sequence[int], vocabulary: int, field: str) -> None:
    """Raises InvalidRequestError where an id is outside the vocabulary."""
    if tokens and not (min(tokens) >= 0 and max(tokens) < vocabulary):
        wrong = next(t for t in tokens if not 0 <= t < vocabulary)
        raise InvalidRequestError(f"{field}: token ids must be 0..{vocabulary - 1}, not {wrong}")


def prompt_of(request: pb.GenerateRequest, vocabulary: int) -> str | list[int]:
    """The prompt as text or as token ids. Raises InvalidRequestError when it is empty or an id is none."""
    if request.WhichOneof("input") == "tokens":
        tokens = list(request.tokens.ids)
        check_tokens(tokens, vocabulary, "tokens")
        if tokens:
            return tokens
    elif request.prompt:
        return request.prompt
    raise InvalidRequestError("the prompt is empty; set `prompt` to a text or `tokens` to at least one token id")


def messages_of(request: pb.ChatRequest) -> list[dict[str, Any]]:
    """The conversation as the templates take it. Raises InvalidRequestError when there is none, or a role is missing."""
    if not request.messages:
        raise InvalidRequestError("messages is empty; a conversation needs at least one message")
    if len(request.messages) > MAX_MESSAGES:
        raise InvalidRequestError(f"messages: at most {MAX_MESSAGES}, not {len(request.messages)}")
    for i, message in enumerate(request.messages):
        if not message.role:
            raise InvalidRequestError(f'messages[{i}].role is empty; use "system", "user" or "assistant"')
    return [{**dict_of(m.fields), "role": m.role, "content": m.content} for m in request.messages]


def embed_inputs_of(request: pb.EmbedRequest) -> list[str]:
    """Raises InvalidRequestError when there is no input, too many, or an empty one."""
    if not 1 <= len(request.inputs) <= MAX_EMBED_INPUTS:
        raise InvalidRequestError(f"inputs: 1..{MAX_EMBED_INPUTS} texts in one call, not {len(request.inputs)}")
    for i, text in enumerate(request.inputs):
        if not text:
            raise InvalidRequestError(f"inputs[{i}] is empty; there is nothing to embed")
    return list(request.inputs)


def pooling_of(request: pb.EmbedRequest) -> str:
    """Raises InvalidRequestError for a number that names no pooling."""
    if request.pooling not in _POOLINGS:
        raise InvalidRequestError(f"pooling must be 0 (the model's own), 1 (mean), 2 (cls) or 3 (last), not {request.pooling}")
    return _POOLINGS[request.pooling]


def stem_of(source: str) -> Path:
    """What a model is named after where nobody names it: its file, or its source's own name. Raises SourceError."""
    reference = meant(source)
    return Path(source) if isinstance(reference, File) else Path(f"{short_name(reference)}.gguf")


def model_name_of(name: str, path: Path) -> str:
    """The name to load under: the file's stem where none is given. Raises InvalidRequestError for one that is unfit."""
    chosen = name or re.sub(r"\s+", "-", path.stem)
    if not _NAME.fullmatch(chosen):
        raise InvalidRequestError(f"name {chosen[:140]!r} is not fit: 1..128 letters, digits or any of _.:@+/- and no sign first")
    return chosen


def sources_of(path: str, options: pb.EngineOptions) -> list[str]:
    """Of the model and its adapters. Raises InvalidRequestError."""
    named = [("path", path), *((f"lora[{i}].source", lora.source) for i, lora in enumerate(options.lora))]
    for field, source in named:
        if not source:
            raise InvalidRequestError(f"{field} is empty; name a GGUF file that the server can read")
        if "\0" in source:
            raise InvalidRequestError(f"{field} has a NUL character")
    return [source for _, source in named]


def engine_settings_of(options: pb.EngineOptions, defaults: EngineSettings) -> EngineSettings:
    """The server's defaults with what a message sets, all but files. Raises InvalidRequestError, naming the option."""
    chosen: dict[str, Any] = {f.name: tuple(v) if f.name == "tensor_split" else v for f, v in options.ListFields() if f.name != "lora"}
    return replace(defaults, lora=tuple(Lora(Path(), lora.scale if lora.HasField("scale") else 1.0) for lora in options.lora), **chosen)


def with_files(settings: EngineSettings, model: Image, *adapters: Image) -> EngineSettings:
    """The files that were found for `sources_of`; the model's own adapters go first."""
    asked = tuple(replace(lora, path=image.path) for lora, image in zip(settings.lora, adapters, strict=True))
    return replace(settings, path=model.path, lora=(*(Lora(path) for path in model.adapters), *asked))


def grace_of(request: pb.UnloadModelRequest) -> float:
    """Seconds. Raises InvalidRequestError when out of range."""
    if not request.HasField("grace_s"):
        return DEFAULT_GRACE_S
    if not 0.0 <= request.grace_s <= MAX_GRACE_S:
        raise InvalidRequestError(f"grace_s must be 0..{MAX_GRACE_S:g}, not {request.grace_s:g}")
    return request.grace_s


def interval_of(request: pb.WatchStatsRequest) -> float:
    """Seconds. Raises InvalidRequestError when out of range."""
    interval_ms = request.interval_ms or 1000
    if not 100 <= interval_ms <= 60_000:
        raise InvalidRequestError(f"interval_ms must be 100..60000, not {interval_ms}")
    return interval_ms / 1000.0
