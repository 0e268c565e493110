"""The bodies of requests as Ollama's clients send them. Pure; fed by `handlers`, feeds `translation`.

Ollama ignores fields that it does not know, and so do these bodies; the answer's header `x-echorator-ignored` lists them. Fields that would
change the answer and that are not served here, such as images, are refused unless they ask for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, FailFast, Field

from echorator.gateway.http.bodies import Body, Texts, empty_stops
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.validation import validated
from echorator.serving.bounds import MOST_MESSAGES

MOST_TOOLS = 1024
MOST_CALLS = 256  # of one message
_REFUSED = {
    "images": "images are not read here: the model takes text",
    "template": "template of a request is not taken here: the operator sets the model's template with --chat-template",
    "context": "context is not kept here: send the conversation to /api/chat",
}


class Loose(Body):
    """A base of objects whose unknown fields are kept apart, in `model_extra`."""

    model_config = ConfigDict(extra="allow", strict=True)


class Options(Loose):
    """The options of a generation that have an effect here; numbers have the agent's ranges."""

    num_predict: int | None = None  # tokens of the answer; -1 and -2: up to the end of the context
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    stop: str | Texts | None = None


class FunctionCall(Loose):
    """The function of a call, with its arguments as an object."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class ToolCall(Loose):
    """A call that a message of the assistant has."""

    function: FunctionCall
    id: str = ""


class Message(Loose):
    """One message of a conversation."""

    role: str
    content: str = ""
    thinking: str = ""
    tool_calls: Annotated[list[ToolCall], FailFast(), Field(max_length=MOST_CALLS, default_factory=list)]
    tool_name: str = ""
    tool_call_id: str = ""


class Function(Loose):
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


class Tool(Loose):
    """A tool, which can only be a function."""

    type: Literal["function"] = "function"
    function: Function


class Named(Loose):
    """A body that names a model; older clients say `name`."""

    model: str = ""
    name: str = ""


class Generation(Named):
    """The fields that chats and completions share."""

    stream: bool = True
    options: Options = Options()
    format: str | dict[str, Any] = ""
    think: bool | str | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    keep_alive: float | str | None = None  # 0 or "0" in a request without a prompt asks for the model to be unloaded


class Chat(Generation):
    """The body of POST /api/chat."""

    messages: Annotated[list[Message], FailFast(), Field(max_length=MOST_MESSAGES, default_factory=list)]
    tools: Annotated[list[Tool], FailFast(), Field(max_length=MOST_TOOLS, default_factory=list)]


class Generate(Generation):
    """The body of POST /api/generate."""

    prompt: str = ""
    suffix: str = ""  # the text behind the gap that the answer fills; "" for none
    system: str = ""
    raw: bool = False


class Embed(Named):
    """The body of POST /api/embed."""

    input: str | Texts = ""
    dimensions: int | None = None
    truncate: bool = True


class Embeddings(Named):
    """The body of POST /api/embeddings, the older form for one text."""

    prompt: str = ""


class Show(Named):
    """The body of POST /api/show."""


class Pull(Named):
    """The body of POST /api/pull."""

    stream: bool = True


B = TypeVar("B", bound=Named)


def read(kind: type[B], fields: Mapping[str, Any]) -> tuple[B, list[str]]:
    """Return the body of a request, and the names of the fields that have no effect.

    Raises:
        BodyError: a field has a wrong value, or asks for something that is not served; the message names it.
    """
    body = validated(kind, fields)
    ignored = [*_checked(body, ""), *(name for name in ("keep_alive", "truncate") if name in fields and name in kind.model_fields)]
    if isinstance(body, Generation):
        ignored += [*_checked(body.options, "options."), *empty_stops(body.options.stop, "options.stop")]
    if isinstance(body, Chat):
        for message in body.messages:
            ignored += _checked(message, "messages.")
    return body, sorted(set(ignored))


def _checked(part: Loose, where: str) -> list[str]:
    """Return the names of fields without effect. Raises BodyError for one that asks for something which is not served."""
    for name, value in (part.model_extra or {}).items():
        if value and _REFUSED.get(name):
            raise BodyError(f"{where}{name}: {_REFUSED[name]}", f"{where}{name}")
    return [f"{where}{name}" for name in part.model_extra or {} if name not in _REFUSED]
