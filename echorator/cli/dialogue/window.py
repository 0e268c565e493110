"""Decides which turns of a dialogue leave the prompt once it does not fit into the model's context. Pure.

An engine takes from its prefix cache what a prompt shares with the one before it. Were one turn to leave at each step, every prompt would
differ from the last one right behind the system message, and nothing but that would be shared. So many turns leave at once: down to
`KEPT` of the context. After that each turn only appends, until the context is full again.

Tokens are estimated from bytes, at the rate that the server measured for the dialogue's own last prompt; `talk` gives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

KEPT = 0.5  # share of the context that the prompt may have after turns have left
ANSWER_SHARE = 0.25  # share of the context that is kept free for the answer, where it has no smaller bound
TOKENS_PER_BYTE = 1 / 3  # before anything was measured; most tokenizers need fewer
MESSAGE_BYTES = 16  # what a chat template puts around a message, in bytes of text
MOST_MESSAGES = 4096  # of one request, as ChatRequest has it


@dataclass(frozen=True)
class Prompt:
    """The parts of the next prompt in tokens, each at least 0. `exchanges`: the question and answer of each turn, the oldest first."""

    fixed: float  # the system message and the memories, which never leave
    exchanges: Sequence[float]
    incoming: float  # the new message

    @property
    def tokens(self) -> float:
        """Tokens of the whole prompt."""
        return self.fixed + self.incoming + sum(self.exchanges)


def weight(text: str) -> int:
    """Return the bytes that stand for a message: those of its text, and those for what the template adds."""
    return len(text.encode("utf-8", "replace")) + MESSAGE_BYTES


def answer_room(context_tokens: int, max_tokens: int | None) -> int:
    """Return the tokens of the context that are kept free for the answer; `max_tokens` is the bound of the answer, None for none."""
    room = int(context_tokens * ANSWER_SHARE)
    return room if max_tokens is None else min(room, max_tokens)


def leaving(prompt: Prompt, context_tokens: int, answer_tokens: int, *, refused: bool = False) -> int:
    """Return how many of the oldest exchanges leave.

    0 where the prompt fits and was not refused. Else so many, at least one, that at most `KEPT` of the context and of the most messages is
    left, or all of them.

    Args:
        prompt: the next prompt.
        context_tokens: the longest request of the model, prompt and answer together; 0 if it is not known, where nothing leaves for it.
        answer_tokens: what is kept free for the answer, at most `ANSWER_SHARE` of the context.
        refused: the server found the prompt too long, whatever was estimated.
    """
    full = bool(context_tokens) and prompt.tokens + answer_tokens > context_tokens
    many = 2 * len(prompt.exchanges) + 2 > MOST_MESSAGES
    most_tokens = (context_tokens or prompt.tokens) * KEPT if full or refused else math.inf
    most_exchanges = MOST_MESSAGES / 2 * KEPT if many else math.inf
    left, tokens = 0, prompt.tokens
    for size in prompt.exchanges:
        if tokens <= most_tokens and len(prompt.exchanges) - left <= most_exchanges and (left or not refused):
            break
        left, tokens = left + 1, tokens - size
    return left
