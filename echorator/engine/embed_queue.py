"""Embeds in batches across concurrent calls: one worker takes all that waits while the last batch was computed.

Fed by the agent's `served_model` and the memory's `gguf_embedder`; runs the native embedder on a thread of its own, so that
the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from echorator._native.engine import Embedder, Model
from echorator.errors import ContextOverflowError, DrainingError, EngineError, InvalidRequestError, QueueFullError
from echorator.settings import EngineSettings

if TYPE_CHECKING:  # 20 MB that a server which only generates does not need
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

_CLOSING = "the model is being unloaded"


class _Waiting(NamedTuple):
    inputs: Sequence[Sequence[int]]
    normalize: bool
    result: asyncio.Future[Vectors]


class EmbedQueue:
    """The embedder of one model and one pooling, made on the first call."""

    def __init__(self, model: Model, settings: EngineSettings, pooling: str) -> None:
        self._model = model
        self._settings = settings
        self._pooling = pooling
        self._embedder: Embedder | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._waiting: deque[_Waiting] = deque()
        self._waiting_inputs = 0
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def embed(self, inputs: Sequence[Sequence[int]], normalize: bool) -> Vectors:
        """(n, length) float32, in order.

        Raises:
            ContextOverflowError, InvalidRequestError: an input is too long or empty; no other call is touched.
            QueueFullError: more inputs wait than `queue_limit`.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise DrainingError(_CLOSING)
        if self._embedder is None:
            await self._create(loop)
        self._check(inputs)
        if self._waiting and self._waiting_inputs + len(inputs) > self._settings.queue_limit:
            raise QueueFullError(f"{self._waiting_inputs} inputs wait to be embedded, the limit is {self._settings.queue_limit}")
        waiting = _Waiting(inputs, normalize, loop.create_future())
        self._waiting.append(waiting)
        self._waiting_inputs += len(inputs)
        if self._worker is None:
            self._worker = loop.create_task(self._work(loop))
        return await waiting.result

    async def close(self) -> None:
        """Let the running batch end, refuse what waits, free the context."""
        self._closed = True
        while self._waiting:
            waiting = self._take()
            if not waiting.result.done():
                waiting.result.set_exception(DrainingError(_CLOSING))
        if self._worker is not None:
            await self._worker
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._free)
        self._thread.shutdown(wait=False)

    async def _create(self, loop: asyncio.AbstractEventLoop) -> None:
        def create() -> None:
            if self._embedder is None:
                self._embedder = Embedder(self._model, self._settings, self._pooling)

        await loop.run_in_executor(self._thread, create)

    def _free(self) -> None:
        if self._embedder is not None:
            self._embedder.close()
            self._embedder = None

    def _check(self, inputs: Sequence[Sequence[int]]) -> None:
        embedder = self._embedder
        if embedder is None:
            raise DrainingError(_CLOSING)
        for i, tokens in enumerate(inputs):
            if not tokens:
                raise InvalidRequestError(f"inputs[{i}] has no tokens")
            if len(tokens) > embedder.max_tokens:
                raise ContextOverflowError(
                    f"inputs[{i}] has {len(tokens)} tokens and the model embeds at most {embedder.max_tokens}; split or shorten it"
                )

    def _take(self) -> _Waiting:
        waiting = self._waiting.popleft()
        self._waiting_inputs -= len(waiting.inputs)
        return waiting

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._waiting and (not batch or self._waiting[0].normalize == batch[0].normalize):
            waiting = self._take()
            if not waiting.result.done():
                batch.append(waiting)
        return batch

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while batch := self._next_batch():
                await self._compute(loop, batch)
        finally:
            self._worker = None

    async def _compute(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting]) -> None:
        embedder = self._embedder
        if embedder is None:
            raise EngineError("the embedder was freed under a running batch")
        inputs = [tokens for waiting in batch for tokens in waiting.inputs]
        computed = loop.run_in_executor(self._thread, embedder.embed, inputs, batch[0].normalize)
        await asyncio.wait((computed,))
        if (error := computed.exception()) is not None:
            for waiting in batch:
                if not waiting.result.done():
                    waiting.result.set_exception(error)
            return
        vectors = computed.result()
        start = 0
        for waiting in batch:
            end = start + len(waiting.inputs)
            if not waiting.result.done():
                waiting.result.set_result(vectors[start:end])
            start = end
