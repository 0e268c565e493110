"""What was said in a dialogue, and how much of it still stands in the prompt. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from echorator.cli.dialogue.window import TOKENS_PER_BYTE, Prompt, weight


@dataclass(frozen=True)
class Exchange:
    """A message of the user and the answer to it, which may be cut short but is never empty."""

    user: str
    assistant: str

    @property
    def weight(self) -> int:
        """What stands for its tokens, see `window.weight`."""
        return weight(self.user) + weight(self.assistant)


def new_session() -> str:
    """Return a name for a session that no other dialogue has."""
    return uuid.uuid4().hex[:12]


@dataclass
class Transcript:
    """A dialogue. The oldest `left` exchanges are kept here but are not in the prompt any more."""

    session: str
    system: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    left: int = 0  # Invariant: 0 <= left <= len(exchanges)
    told: bool = False  # that turns have left

    def messages(self, text: str = "") -> Iterator[tuple[str, str]]:
        """Yield role and content of each message of a prompt that ends with `text` of the user."""
        if self.system:
            yield "system", self.system
        for exchange in self.exchanges[self.left :]:
            yield "user", exchange.user
            yield "assistant", exchange.assistant
        if text:
            yield "user", text

    def weight(self, text: str = "") -> int:
        """Return what stands for the tokens of that prompt, see `window.weight`."""
        return sum(weight(content) for _, content in self.messages(text))

    def prompt(self, text: str, rate: float = TOKENS_PER_BYTE, memory_tokens: float = 0) -> Prompt:
        """Return the parts of the next prompt in tokens, at `rate` tokens per byte."""
        fixed = (weight(self.system) if self.system else 0) * rate + memory_tokens
        return Prompt(fixed, [e.weight * rate for e in self.exchanges[self.left :]], weight(text) * rate)

    def leave(self, count: int) -> None:
        """Take the oldest `count` exchanges out of the prompt."""
        self.left = min(self.left + count, len(self.exchanges))

    def take_last(self) -> Exchange | None:
        """Remove the last exchange and return it; None if there is none."""
        if not self.exchanges:
            return None
        last = self.exchanges.pop()
        self.left = min(self.left, len(self.exchanges))
        return last
