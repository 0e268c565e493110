"""Turns texts of clients into tokens that hold none of the model's control tokens, whatever the texts spell out.

Feeds what puts control tokens around such texts itself: `pairs` of a reranker, and the gaps of `infilling`. `chat_prompt` does the same for
conversations, whose control tokens a template writes as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property

from echorator._native.engine import Model
from echorator.agent.chat_prompt import Tokenize
from echorator.errors import InvalidRequestError
from echorator.prompting.control_tokens import ControlTokens


class PlainTexts:
    """The reader of plain texts for one model."""

    def __init__(self, model: Model, tokenize: Tokenize) -> None:
        """Keep the model; `tokenize` bounds the length of a text and raises where it is too long."""
        self._model = model
        self._tokenize = tokenize

    @cached_property
    def _control(self) -> ControlTokens:
        return ControlTokens(self._model.special_tokens())

    async def control(self) -> ControlTokens:
        """Return the model's control tokens, whose patterns are compiled on a thread the first time."""
        if not self._control.compiled:
            await asyncio.to_thread(self._control.compile)
        return self._control

    async def biases_of(self, biases: Mapping[str, float]) -> dict[int, float]:
        """Return what the biases of texts add to the logit of each token. Raises InvalidRequestError for an empty text."""
        made: dict[int, float] = {}
        for text, bias in biases.items():
            if not text:
                raise InvalidRequestError("logit_bias_texts: a text is empty, and has no tokens")
            for token in set(await self._tokenize(text, False, False)):
                made[token] = made.get(token, 0.0) + bias
        return made

    async def tokens_of(self, text: str) -> list[int]:
        """Return the token ids of a text, without begin and end tokens. Raises as the tokenizer."""
        tokens: list[int] = []
        for part in (await self.control()).unread(text):
            tokens += await self._tokenize(part, False, False)
        return tokens
