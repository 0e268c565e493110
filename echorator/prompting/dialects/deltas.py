"""What an answer is made of, part by part as it comes. Made by `answer_parser`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The next part of what the model says."""

    text: str


@dataclass(frozen=True)
class Thought:
    """The next part of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call begins; `index` counts the calls of the answer from 0."""

    index: int
    name: str


@dataclass(frozen=True)
class Arguments:
    """The next part of a call's arguments. All parts are a JSON object; the end of the answer may cut it short."""

    index: int
    text: str


Delta = Text | Thought | Call | Arguments


class Deltas:
    """The deltas that wait to be taken. Neighbours of one kind are joined."""

    def __init__(self) -> None:
        self._made: list[Delta] = []
        self.calls = 0

    def text(self, text: str) -> None:
        """Add a part of the text."""
        if text and self._made and isinstance(last := self._made[-1], Text):
            self._made[-1] = Text(last.text + text)
        elif text:
            self._made.append(Text(text))

    def thought(self, text: str) -> None:
        """Add a part of the thought."""
        if text and self._made and isinstance(last := self._made[-1], Thought):
            self._made[-1] = Thought(last.text + text)
        elif text:
            self._made.append(Thought(text))

    def call(self, name: str) -> None:
        """Begin a call."""
        self._made.append(Call(self.calls, name))
        self.calls += 1

    def arguments(self, text: str) -> None:
        """Add a part of the arguments of the last call."""
        if text and self._made and isinstance(last := self._made[-1], Arguments):
            self._made[-1] = Arguments(last.index, last.text + text)
        elif text:
            self._made.append(Arguments(self.calls - 1, text))

    def taken(self) -> list[Delta]:
        """Return the deltas, and forget them."""
        made, self._made = self._made, []
        return made


def joined(deltas: list[Delta]) -> list[Delta]:
    """Join neighbours of one kind, as if the answer had come at once."""
    made = Deltas()
    for delta in deltas:
        match delta:
            case Text(text):
                made.text(text)
            case Thought(text):
                made.thought(text)
            case Call(_, name):
                made.call(name)
            case Arguments(_, text):
                made.arguments(text)
    return made.taken()
