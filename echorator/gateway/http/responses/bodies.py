"""The bodies of POST /v1/responses, and the items of its input. Unknown fields are refused. Fed by `api`; feeds `translation`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, FailFast, Field
from typing_extensions import TypeAliasType

from echorator.gateway.http.bodies import MOST_PARTS, Body, Conversation, SchemaFormat, Texts, Tools
from echorator.serving.bounds import MOST_MESSAGES

Items = TypeAliasType("Items", Annotated[list[dict[str, Any]], FailFast(), Field(max_length=MOST_MESSAGES)])
Parts = TypeAliasType("Parts", Annotated[list[dict[str, Any]], FailFast(), Field(max_length=MOST_PARTS)])


def _not_served(_value: Any) -> Any:
    raise ValueError("this is not served here; leave it out")


NotServed = Annotated[Any, BeforeValidator(_not_served)]


class TextFormat(SchemaFormat):
    """The format of the generated text, with the schema of a `json_schema` beside its name."""

    type: Literal["text", "json_object", "json_schema"]


class TextOptions(Body):
    """How text is generated; `verbosity` has no effect."""

    format: TextFormat | None = None
    verbosity: Any = None


class ReasoningOptions(Body):
    """How much is thought. Thoughts are given whole, so that a summary has no effect, and neither have further fields."""

    model_config = ConfigDict(extra="allow", strict=True)

    effort: str | None = None


class ResponseStreamOptions(Body):
    """The options of a stream, without effect."""

    include_obfuscation: bool = False


class ResponseBody(Conversation):
    """The body of POST /v1/responses."""

    input: str | Items
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool = True
    stream_options: ResponseStreamOptions | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    top_logprobs: int | None = None
    include: Texts | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None  # given back with the response
    user: Any = None
    truncation: Literal["disabled"] = "disabled"
    background: Literal[False] = False
    max_tool_calls: Any = None
    conversation: NotServed = None
    prompt: NotServed = None

    @property
    def logprobs(self) -> int | None:
        """The number of the most likely tokens of each position that are asked for; None where no logprobs are."""
        return self.top_logprobs if self.top_logprobs is not None else 0 if LOGPROBS in (self.include or ()) else None

    def ignored(self) -> list[str]:
        """Return the names of fields that were accepted but have no effect."""
        found = [f"include.{name[:80]}" for name in self.include or () if name != LOGPROBS]
        if self.max_tool_calls is not None:
            found.append("max_tool_calls")
        if self.stream_options is not None and self.stream_options.include_obfuscation:
            found.append("stream_options.include_obfuscation")
        if self.text is not None and self.text.verbosity is not None:
            found.append("text.verbosity")
        if self.reasoning is not None:
            found += [f"reasoning.{name[:80]}" for name, value in (self.reasoning.model_extra or {}).items() if value is not None]
        return found


NOT_COUNTED = ("stream", "stream_options", "store", "max_output_tokens", "top_logprobs", "include", "metadata")
"""Fields that have no effect where only the tokens of a prompt are counted."""
LOGPROBS = "message.output_text.logprobs"  # what `include` names to have them


class Item(Body):
    """The base of the items of an input; ids and states of items that were once an output have no meaning here."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Part(Item):
    """A text in a message, in the output of a call, or in a thought."""

    type: Literal["input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text"]
    text: str = ""
    refusal: str = ""


class MessageItem(Item):
    """A message of any role."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | Parts


class CallItem(Item):
    """A call of a tool by the model."""

    call_id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    arguments: str


class CallOutputItem(Item):
    """The result of a call."""

    call_id: str
    output: str | Parts


class ReasoningItem(Item):
    """A thought of the model; `summary` counts where it has no content."""

    content: Parts | None = None
    summary: Parts | None = None
