"""What an answer is made of, part by part as it comes. Made by `answer_parser`."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
        self._made: list[tuple[Delta, list[str]]] = []  # each with the parts of its text, which are joined when it is taken
        self.calls = 0

    def text(self, text: str) -> None:
        """Add a part of the text."""
        self._add(Text(""), text)

    def thought(self, text: str) -> None:
        """Add a part of the thought."""
        self._add(Thought(""), text)

    def call(self, name: str) -> None:
        """Begin a call."""
        self._made.append((Call(self.calls, name), []))
        self.calls += 1

    def arguments(self, text: str) -> None:
        """Add a part of the arguments of the last call."""
        self._add(Arguments(self.calls - 1, ""), text)

    def _add(self, empty: Delta, text: str) -> None:
        if not text:
            return
        if not self._made or self._made[-1][0] != empty:
            self._made.append((empty, []))
        self._made[-1][1].append(text)

    def taken(self) -> list[Delta]:
        """Return the deltas, and forget them."""
        made, self._made = self._made, []
        return [delta if isinstance(delta, Call) else replace(delta, text="".join(parts)) for delta, parts in made]


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
