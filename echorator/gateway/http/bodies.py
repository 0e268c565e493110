"""Bodies of requests, as OpenAI's clients send them, with llama.cpp's further sampling parameters. Unknown fields are refused.

Ranges that the agent checks are not checked here: its messages name them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """Of any request."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(Body):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: str


class ChatMessage(Body):
    """One message of a conversation."""

    model_config = ConfigDict(extra="allow", strict=True)  # a template may read further fields, such as reasoning_content

    role: str
    content: str | list[TextPart] | None = None


class SchemaFormat(Body):
    """`schema` is a name of pydantic's, so the field is called otherwise."""

    name: str = ""
    description: str | None = None
    strict: bool | None = None
    definition: dict[str, Any] = Field(alias="schema", default_factory=dict)


class ResponseFormat(Body):
    """What the text is to be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None


class StreamOptions(Body):
    """Of a streamed answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class MemoryScope(Body):
    """Whose memory; see Scope in common.proto."""

    user: str
    session: str = ""
    tenant: str = ""
    agent: str = ""
    read_only: bool = False


class Generation(Body):
    """What chat and text completions share."""

    model: str = ""
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    max_tokens: int | None = None
    n: int | None = None
    user: str | None = None
    # llama.cpp's
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    grammar: str | None = None
    ignore_eos: bool = False
    # of this gateway
    priority: int = 0
    session: str = ""


class ChatCompletion(Generation):
    """POST /v1/chat/completions."""

    messages: list[ChatMessage]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    memory: MemoryScope | None = None
    # taken and without effect here
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None


class Completion(Generation):
    """POST /v1/completions."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: int | None = None
    echo: bool = False
    best_of: int | None = None
    suffix: str | None = None


class Embeddings(Body):
    """POST /v1/embeddings."""

    model: str = ""
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None
