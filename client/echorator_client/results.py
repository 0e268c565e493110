"""What calls return: plain frozen records, apart from protobuf."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from echorator_client.errors import ToolError


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model called; `arguments_json` is a JSON object as text."""

    id: str
    name: str
    arguments_json: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name. Raises ToolError where the end of the answer cut them short."""
        try:
            found = json.loads(self.arguments_json or "{}")
        except ValueError:
            raise ToolError(f"the arguments of {self.name} are no whole JSON: raise max_tokens") from None
        if not isinstance(found, dict):
            raise ToolError(f"the arguments of {self.name} are no JSON object")
        return found


@dataclass(frozen=True)
class Message:
    """A message of a conversation, as `chat` takes it and an answer gives it."""

    role: str
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True)
class Usage:
    """What a request took: numbers of tokens, seconds, tokens per second."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    time_to_first_token_s: float = 0.0
    tokens_per_s: float = 0.0


@dataclass(frozen=True)
class MemoryUse:
    """What a chat did with a memory: ids of the memories. `error` says why the turn was not remembered; "" if it was."""

    recalled: tuple[int, ...] = ()
    learned: tuple[int, ...] = ()
    forgotten: tuple[int, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Piece:
    """The next part of a streamed answer: `text` of the answer, `reasoning` of the thought before it."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True)
class Answer:
    """A whole answer. `finish` is "stop", "length" or "tool_calls"; `messages` is the conversation with the answer at its end."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    memory: MemoryUse = field(default_factory=MemoryUse)
    messages: tuple[Message | dict[str, Any], ...] = ()

    @property
    def message(self) -> Message:
        """The answer as a message, to go on from."""
        return Message("assistant", self.text, self.reasoning, self.tool_calls)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Model:
    """A model of the server. `state` is "loading", "ready", "draining" or "stalled"; sizes are in bytes and tokens."""

    name: str
    description: str
    state: str
    parameters: int
    size_bytes: int
    context_tokens: int
    embedding_length: int
    generates: bool
    ranks: bool


@dataclass(frozen=True)
class Memory:
    """What is remembered. Times are seconds since 1970; `valid_to_s` is 0 while it holds."""

    id: int
    text: str
    kind: str
    speaker: str
    session: str
    said_at_s: float
    valid_to_s: float
    importance: float
    pinned: bool
    key: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Recalled:
    """A memory that was recalled. `confidence` is the probability, 0..1, that it is relevant; `score` orders one recall only."""

    memory: Memory
    score: float
    confidence: float

    @property
    def text(self) -> str:
        """What is remembered."""
        return self.memory.text
