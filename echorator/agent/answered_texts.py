"""Remembers the tokens that answers were made of, so that they are the same when the answers come back in later prompts.

A model may spell a text in other tokens than the tokenizer does. The next prompt of a conversation has the same text, but the prefix cache
knows tokens, so of an answer that is tokenized anew nothing behind the first other token can be taken from the cache. Here a whole prompt
with its answer is known by a digest of its text, within its cache scope; no text is kept. Fed by `service`, read by `chat_prompt`.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from echorator._native.engine import Event
from echorator.prompting.control_tokens import ControlTokens

MOST_ANSWERS = 256  # of one model
MOST_TOKENS = 1 << 20  # of all of them, with their prompts; four bytes each


class _Digest:
    """A digest of a text that is read in parts."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def read(self, text: str) -> bytes:
        """Read on, and return the digest of what has been read."""
        self._hash.update(text.encode("utf-8", "surrogatepass"))
        return self._hash.digest()


class AnsweredTexts:
    """The tokens of the latest prompts with their answers, of one model; those that were used longest ago are dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, bytes], array[int]] = OrderedDict()  # by scope, length in characters and digest
        self._tokens = 0  # Invariant: of all entries together

    def add(self, scope: int, text: str, tokens: Sequence[int]) -> None:
        """Remember the tokens of a text."""
        key = (scope, len(text), _Digest().read(text))
        self._tokens += len(tokens) - len(self._kept.pop(key, ()))
        self._kept[key] = array("i", tokens)
        while len(self._kept) > MOST_ANSWERS or self._tokens > MOST_TOKENS:
            _, dropped = self._kept.popitem(last=False)
            self._tokens -= len(dropped)

    def longest(self, scope: int, text: str) -> tuple[int, Sequence[int]]:
        """Return the length of the longest remembered text that `text` begins with and is longer than, and its tokens; 0 for none."""
        found: tuple[int, Sequence[int]] = (0, ())
        digest, at = _Digest(), 0
        for length in sorted({length for of, length, _ in self._kept if of == scope and length < len(text)}):
            key = (scope, length, digest.read(text[at:length]))
            at = length
            if key in self._kept:
                self._kept.move_to_end(key)
                found = (length, self._kept[key])
        return found

    def forget(self, scope: int) -> None:
        """Forget what belongs to a cache scope."""
        for key in [key for key in self._kept if key[0] == scope]:
            self._tokens -= len(self._kept.pop(key))


@dataclass(frozen=True)
class Earlier:
    """What one request may take of earlier answers: those of its cache scope."""

    texts: AnsweredTexts
    scope: int
    most_tokens: int  # a prompt of more does not fit into the context

    def begins(self, text: str) -> tuple[int, Sequence[int]]:
        """Return how many characters at the beginning of a prompt are remembered, and their tokens."""
        return self.texts.longest(self.scope, text)


@dataclass
class Heard:
    """One answer while it comes, to be remembered where its tokens spell its text, and the tokenizer would read the same markers in it."""

    earlier: Earlier
    prompt: str
    prompt_tokens: Sequence[int]
    control: ControlTokens
    token_bytes: Callable[[int], bytes]
    _texts: list[str] = field(default_factory=list)
    _tokens: list[int] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take the next event of the answer."""
        self._texts.append(event.text)
        self._tokens += event.tokens
        if event.finish in ("stop", "length") and not event.stop:
            tokens = self._tokens[:-1] if self._tokens[-1:] == [event.end_token] else self._tokens
            text = "".join(self._texts)
            if text and self._spell(tokens, text):
                self.earlier.texts.add(self.earlier.scope, self.prompt + text, [*self.prompt_tokens, *tokens])

    def _spell(self, tokens: Sequence[int], text: str) -> bool:
        return b"".join(map(self.token_bytes, tokens)) == text.encode() and self.control.ids_in(text) == self.control.among(tokens)
