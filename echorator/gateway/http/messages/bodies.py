"""The bodies of POST /v1/messages and /v1/messages/count_tokens, and the blocks of their messages. Unknown fields are refused.

The headers `x-api-key`, `anthropic-version` and `anthropic-beta` have no effect. Fed by `api`; feeds `translation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, FailFast, Field
from typing_extensions import TypeAliasType

from echorator.gateway.http.bodies import MOST_PARTS, Body, Conversation, Texts, Tools, empty_stops
from echorator.serving.bounds import MOST_MESSAGES

Blocks = TypeAliasType("Blocks", Annotated[list[dict[str, Any]], FailFast(), Field(max_length=MOST_PARTS)])


def _none_of_it(value: Any) -> Any:
    if value not in ([], {}):
        raise ValueError("this is not served here; leave it out")
    return value


NotServed = Annotated[Any, BeforeValidator(_none_of_it)]


class ChatTurn(Body):
    """One message: a text, or blocks of content."""

    role: Literal["user", "assistant", "system"]
    content: str | Blocks


class Thinking(Body):
    """Whether the model thinks before its answer, and for how many tokens; adaptive leaves the number to the model."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Field(ge=0, le=1 << 20)] | None = None


class OutputFormat(Body):
    """The JSON schema of the answer, in `definition`, because `schema` is a method of pydantic's BaseModel."""

    type: Literal["json_schema"]
    definition: dict[str, Any] = Field(alias="schema")


class OutputConfig(Body):
    """The form of the answer, and how much is thought before it."""

    model_config = ConfigDict(extra="allow", strict=True)

    effort: str | None = None
    format: OutputFormat | None = None


class Metadata(Body):
    """What a client says about whoever asks; `user_id` may name the memory, where the operator allows that."""

    model_config = ConfigDict(extra="allow", strict=True)

    user_id: str | None = None


class PromptBody(Conversation):
    """What makes the prompt, for an answer or to be counted."""

    messages: Annotated[list[ChatTurn], FailFast(), Field(min_length=1, max_length=MOST_MESSAGES)]
    system: str | Blocks | None = None
    tools: Tools | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None  # an earlier place of output_config.format
    metadata: Metadata | None = None
    mcp_servers: NotServed = None
    container: NotServed = None
    cache_control: Any = None
    context_management: Any = None
    inference_geo: Any = None
    speed: Any = None
    betas: Any = None
    thread: Any = None  # a conversation that the server keeps, which is not served

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        found = [name for name in _IGNORED if getattr(self, name) is not None]
        for name in ("thinking", "output_config", "metadata"):
            part = getattr(self, name)
            if part is not None:
                found += [f"{name}.{field[:80]}" for field, value in (part.model_extra or {}).items() if value is not None]
        if self.output_format is not None and self.output_config is not None and self.output_config.format is not None:
            found.append("output_format")
        blocks = (f"messages.content.{name}" for turn in self.messages for name in _without_effect(turn.content))
        system = (f"system.{name}" for name in _without_effect(self.system or ""))
        tools = (f"tools.{name[:80]}" for tool in self.tools or () for name in tool if name not in TOOL_FIELDS)
        return [*found, *sorted({*blocks, *system, *tools})]


_IGNORED = ("cache_control", "context_management", "inference_geo", "speed", "betas")


class CountedBody(PromptBody):
    """The body of POST /v1/messages/count_tokens."""

    max_tokens: Any = None  # clients send the body of the answer to come

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        return super().ignored() + (["max_tokens"] if self.max_tokens is not None else [])


class MessageBody(PromptBody):
    """The body of POST /v1/messages."""

    max_tokens: Annotated[int, Field(ge=1)]
    stop_sequences: Texts | None = None

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        return [*super().ignored(), *empty_stops(self.stop_sequences, "stop_sequences")]


TOOL_FIELDS = frozenset(("type", "name", "description", "input_schema", "strict"))
_BLOCK_FIELDS = {
    "text": frozenset(("type", "text")),
    "tool_use": frozenset(("type", "id", "name", "input")),
    "tool_result": frozenset(("type", "tool_use_id", "content")),
    "thinking": frozenset(("type", "thinking", "signature")),
}


def _without_effect(content: str | Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the names of the fields of blocks that have no effect, and those of blocks that have none at all."""
    for block in content if not isinstance(content, str) else ():
        kind = block.get("type")
        if kind == "redacted_thinking":
            yield "redacted_thinking"
        elif isinstance(kind, str) and kind in _BLOCK_FIELDS:
            yield from (name[:80] for name, value in block.items() if name not in _BLOCK_FIELDS[kind] and value is not None)
        if kind == "tool_result" and isinstance(block.get("content"), list):
            yield from _without_effect(each for each in block["content"] if isinstance(each, dict))


class Block(Body):
    """The base of all blocks; `_without_effect` lists their further fields."""

    model_config = ConfigDict(extra="ignore", strict=True)


class TextBlock(Block):
    """A part of a message that is text."""

    text: str


class ToolUseBlock(Block):
    """A call of a tool by the model."""

    id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    input: dict[str, Any]


class ToolResultBlock(Block):
    """The result of a call."""

    tool_use_id: str
    content: str | Blocks = ""


class ThinkingBlock(Block):
    """A thought of the model."""

    thinking: str
