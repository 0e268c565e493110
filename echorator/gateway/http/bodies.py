"""The bodies of requests as OpenAI's clients send them, with llama.cpp's further sampling parameters. Unknown fields are refused.

`Sampled` and `Conversation` are what bodies of all APIs share; those of the Responses API and of Anthropic's are in packages of their own.

`fields` decides what happens to fields that are not declared here. Ranges that the agent checks are not checked here, as its error messages
name them. Fed by `api`; feeds `translation` and `embeddings`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator
from typing_extensions import TypeAliasType

from echorator.gateway.http.fields import without_nulls
from echorator.gateway.http.generating import tools
from echorator.serving.bounds import MOST_MESSAGES
from echorator.serving.headers import SESSION, USER

MOST_PROMPTS = 2048  # answers to one request: prompts times n
MOST_ANSWERS = 128  # to one prompt, OpenAI's limit
MOST_PARTS = 1024  # in one message
MOST_CALLS = 256  # of tools in one message

# Lists fail at the first wrong element: collecting the errors of a million elements would take seconds. Members of a union need a name.
Tools = TypeAliasType("Tools", Annotated[list[dict[str, Any]], FailFast()])  # checked by `generating.tools`
TokenIds = TypeAliasType("TokenIds", Annotated[list[int], FailFast()])
Texts = TypeAliasType("Texts", Annotated[list[str], FailFast()])


class Body(BaseModel):
    """The base of all objects of a request; a field that is null counts as not given."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _not_given(cls, value: Any) -> Any:
        return without_nulls(value)

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        return []


class TextPart(Body):
    """A part of a message: text, or a refusal, which is read as text. Further keys, such as cache_control, have no effect."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["text", "refusal"]
    text: str

    @model_validator(mode="before")
    @classmethod
    def _refusal(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("type") == "refusal":
            return {("text" if name == "refusal" else name): part for name, part in value.items()}
        return value


TextParts = TypeAliasType("TextParts", Annotated[list[TextPart], FailFast(), Field(max_length=MOST_PARTS)])


class CalledFunction(Body):
    """The function of a call, and the arguments that the model wrote: a JSON object as text, or as it is."""

    model_config = ConfigDict(extra="ignore", strict=True)

    name: str
    arguments: str | dict[str, Any] = ""


class Call(Body):
    """One call of a tool in a message of the assistant."""

    model_config = ConfigDict(extra="ignore", strict=True)  # such as the index that streamed parts of calls have

    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


Calls = TypeAliasType("Calls", Annotated[list[Call], FailFast(), Field(max_length=MOST_CALLS)])


class ChatMessage(Body):
    """One message of a conversation, with the further fields that a template may read."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: str
    content: str | TextParts | None = None
    tool_calls: Calls | None = None
    tool_call_id: str = ""
    reasoning_content: str | None = None
    reasoning: str | None = None  # vLLM's name of reasoning_content


class SchemaFormat(Body):
    """The schema of a `json_schema` format, in `definition`, because `schema` is a method of pydantic's BaseModel."""

    name: str = ""
    description: str | None = None
    strict: bool | None = None
    definition: dict[str, Any] | None = Field(alias="schema", default=None)


class ResponseFormat(Body):
    """The format that the generated text must have; `schema` of a json_object is llama.cpp's extension."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None
    definition: dict[str, Any] | None = Field(alias="schema", default=None)


class StreamOptions(Body):
    """The options of a streamed answer; only `include_usage` has an effect."""

    include_usage: bool = False
    include_obfuscation: bool = False
    continuous_usage_stats: bool = False

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        return [f"stream_options.{name}" for name in ("include_obfuscation", "continuous_usage_stats") if getattr(self, name)]


class MemoryScope(Body):
    """The scope of the memory that a chat uses; see Scope in common.proto."""

    user: str
    session: str = ""
    tenant: str = ""
    agent: str = ""
    read_only: bool = False


def _biases(value: Any) -> Any:
    """Return biases by token id (a number) or text: llama.cpp takes texts too, pairs, and false for what is never generated.

    A key of an object is a text, which is read as a token id where it is a whole number; in pairs only a number is one.
    """
    if value is False:
        return {}
    if isinstance(value, list):
        if not all(isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (int, str) for pair in value):
            raise ValueError("pairs of a token id or a text and its bias are expected")
        value = {token: bias for token, bias in value}
    elif isinstance(value, dict):
        value = {int(token) if re.fullmatch(r"-?[0-9]+", token) else token: bias for token, bias in value.items()}
    if isinstance(value, dict):
        return {token: float("-inf") if bias is False else bias for token, bias in value.items()}
    return value


def stops_of(given: str | Sequence[str] | None) -> list[str]:
    """Return the stop texts without empty ones, which would stop nothing."""
    return [text for text in ([given] if isinstance(given, str) else given or []) if text]


def empty_stops(given: str | Sequence[str] | None, field: str) -> list[str]:
    """Return the names of the stop texts that have no effect as they are empty: the whole `field` where none has one."""
    if given is None or (given and not isinstance(given, str) and all(given)):
        return []
    kept = stops_of(given)
    if not kept:
        return [field] if given != [] else []
    return [f"{field}[{index}]" for index, text in enumerate(given) if not text]


class Sampled(Body):
    """The fields that the requests of all APIs share."""

    model: str = ""
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Annotated[dict[int | str, float] | None, BeforeValidator(_biases)] = None  # by token id or text
    # llama.cpp's
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    penalty_last_n: int | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: Texts | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None
    ignore_eos: bool = False
    cache_prompt: bool = True
    # of this gateway
    priority: int = 0
    session: str = ""


class Generation(Sampled):
    """The fields that chats and text completions share."""

    stream_options: StreamOptions | None = None
    stop: str | Texts | None = None
    max_tokens: int | None = None
    n: int = Field(default=1, ge=1, le=MOST_ANSWERS)
    # vLLM's
    prompt_logprobs: int | None = None
    # llama.cpp's, for streams
    return_progress: bool = False
    timings_per_token: bool = False

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        unstreamed = [name for name in ("return_progress", "timings_per_token") if getattr(self, name) and not self.stream]
        options = self.stream_options.ignored() if self.stream_options is not None else ()
        return [*options, *empty_stops(self.stop, "stop"), *unstreamed]


class Conversation(Sampled):
    """What the conversations of all APIs share: a memory, variables of the template, and how much is thought."""

    chat_template_kwargs: dict[str, Any] | None = None
    chat_template: str = ""  # of this request alone, where the operator allows it
    enable_thinking: bool | None = None
    thinking_budget_tokens: int | None = None  # llama.cpp's; negative for no bound
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None  # a session's name that OpenAI's clients know
    # of this gateway
    control_tokens_in_messages: bool | None = None
    memory: MemoryScope | None = None


class ChatCompletion(Conversation, Generation):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], FailFast(), Field(max_length=MOST_MESSAGES)]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n_probs: int | None = None  # llama.cpp's name of logprobs with top_logprobs
    response_format: ResponseFormat | None = None
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    reasoning_effort: str | None = None
    # vLLM's
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    user: Any = None  # OpenAI's name of whoever asks; whose memory the chat uses, where the operator allows that

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        parts = (part for message in self.messages if isinstance(message.content, list) for part in message.content)
        within = {f"messages.content.{name}" for part in parts for name in part.model_extra or ()}
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            within.add("max_tokens")
        if any(message.reasoning_content and message.reasoning for message in self.messages):
            within.add("messages.reasoning")
        return [*super().ignored(), *sorted(within), *tools.ignored_in(self.tools or ())]


def _mixed(parts: list[int | str]) -> list[int | str]:
    """Return the parts of one prompt, which have a token id among them: a list of texts alone is a list of prompts."""
    if not any(isinstance(part, int) for part in parts):
        raise ValueError("texts and token ids are expected")
    return parts


Mixed = TypeAliasType("Mixed", Annotated[list[int | str], FailFast(), AfterValidator(_mixed)])
Prompts = TypeAliasType("Prompts", Annotated[list[str | TokenIds | Mixed], FailFast(), Field(max_length=MOST_PROMPTS)])


class Completion(Generation):
    """The body of POST /v1/completions."""

    prompt: Annotated[str | TokenIds | Prompts | Mixed, Field(union_mode="left_to_right")]
    logprobs: int | None = None
    n_probs: int | None = None  # llama.cpp's name of logprobs
    echo: bool = False
    best_of: int | None = Field(default=None, ge=1, le=MOST_ANSWERS)
    suffix: str = ""  # the text behind the gap that the answer fills; "" for none

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        return [*super().ignored(), *(["n_probs"] if self.logprobs is not None and self.n_probs is not None else ())]


class Embeddings(Body):
    """The body of POST /v1/embeddings."""

    model: str = ""
    input: Any  # checked by `embeddings`, whose error messages are shorter than those of a union
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    # llama.cpp's
    pooling: str | None = None
    embd_normalize: int | None = None


def name_memory(body: Conversation, user: Any, headers: Mapping[str, str], by: Collection[str]) -> bool:
    """Let a header or the API's own field say whose memory the chat uses, where the body says so itself nowhere.

    Args:
        body: its `memory` is set.
        user: the value of the API's field for whoever asks; None where it is not given.
        headers: of the request.
        by: which of the two the operator allows.

    Returns:
        False where `user` is given and has no effect.
    """
    session = _utf8(headers.get(SESSION, "")) or body.session
    if body.memory is None and "header" in by and headers.get(USER):
        body.memory = MemoryScope(user=_utf8(headers[USER]), session=session)
    elif body.memory is None and "user" in by and user and isinstance(user, str):
        body.memory = MemoryScope(user=user, session=session)
        return True
    return user is None


def _utf8(header: str) -> str:
    """Return a header's value, whose bytes are read as Latin-1, as the UTF-8 that clients send."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def names_of(kind: type[Body]) -> frozenset[str]:
    """Return the names of the fields that this kind of body declares."""
    return frozenset(kind.model_fields)
