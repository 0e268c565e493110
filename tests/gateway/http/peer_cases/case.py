"""What one request of llama-server's own tests asks for, and what must be true of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_client import HttpAnswer

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The status, the header fields and the body of an answer: its JSON, or the JSON of each event of a stream."""

    status: int
    headers: dict[str, str]
    body: Any
    events: list[Any] = field(default_factory=list)
    done: bool = False  # the stream ends with OpenAI's mark

    @classmethod
    def of(cls, answer: HttpAnswer) -> Answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            lines = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
            events = [json.loads(line) for line in lines if line != "[DONE]"]
            return cls(answer.status, answer.headers, None, events, lines[-1:] == ["[DONE]"])
        try:
            return cls(answer.status, answer.headers, json.loads(answer.body))
        except ValueError:
            return cls(answer.status, answer.headers, answer.body.decode())

    @property
    def message(self) -> Any:
        """Return the first choice's message."""
        return self.body["choices"][0]["message"]

    @property
    def text(self) -> str:
        """Return the text of the first choice of a chat, or of all its deltas."""
        if self.events:
            return "".join(e["choices"][0]["delta"].get("content") or "" for e in self.events if e["choices"])
        return str(self.message["content"])


def anything(_: Answer) -> bool:
    return True


def refused(answer: Answer) -> bool:
    """Return whether the answer is an error in OpenAI's form."""
    return set(answer.body) == {"error"} and bool(answer.body["error"]["message"])


@dataclass(frozen=True)
class Case:
    """A request and what llama-server's test asserts of the answer.

    `alone`: the server of the test has one model, which the request need not name. `further`: the request is none of the 174 that were
    listed when these cases were first tried; those are the ones that are counted.
    """

    name: str
    path: str
    body: Body | None
    holds: Callable[[Answer], bool] = anything
    status: int = 200
    method: str = "POST"
    alone: bool = False
    further: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unserved:
    """A case that is answered in another way here, and why."""

    name: str
    path: str
    body: Body | None
    status: int
    reason: str
    method: str = "POST"
