"""Keeps the chat templates that requests bring along, each compiled in a child process of its own.

A template of a request is as untrusted as one of a model's file. Its process outlives the request, since clients send the same template
again; few are kept. Fed by `served_model`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from echorator.agent.answering import ChatForm
from echorator.errors import QueueFullError
from echorator.prompting.model_template import ModelTemplate

KEPT = 4  # templates that no request uses now
MOST = 16  # templates in all, each with up to two processes
RETRY_AFTER_S = 1.0


@dataclass
class _Kept:
    template: ModelTemplate
    form: ChatForm
    users: int = 0  # requests that render it now


class RequestTemplates:
    """The templates of requests for one model. All methods run on one event loop."""

    def __init__(self, open_template: Callable[[str], tuple[ModelTemplate, ChatForm]]) -> None:
        """Create an empty collection; `open_template` makes the parts of a source."""
        self._open = open_template
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # by source, the least recently used first

    @asynccontextmanager
    async def lent(self, source: str) -> AsyncIterator[ChatForm]:
        """Lend the form of a template. Raises QueueFullError where requests use `MOST` other ones."""
        if source not in self._kept:
            await self._make_room(MOST - 1)
        if source not in self._kept:  # another request may have opened it meanwhile
            if len(self._kept) >= MOST:
                raise QueueFullError(f"requests use {MOST} chat templates of their own already; try again later", RETRY_AFTER_S)
            self._kept[source] = _Kept(*self._open(source))
        kept = self._kept[source]
        self._kept.move_to_end(source)
        kept.users += 1
        try:
            yield kept.form
        finally:
            kept.users -= 1
            await self._make_room(KEPT)

    async def _make_room(self, most: int) -> None:
        """Close unused templates, the least recently used first, until `most` are left or all others are used."""
        for source in [source for source, kept in self._kept.items() if not kept.users][: max(0, len(self._kept) - most)]:
            await self._kept.pop(source).template.close()

    async def close(self) -> None:
        """Close all templates, also those in use."""
        while self._kept:
            await self._kept.popitem()[1].template.close()
