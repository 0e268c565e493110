"""Embeds the inputs of concurrent calls in batches, here called steps; each takes one input of each call in turn, until it is full.

So a call of two thousand texts delays a call of a single text by one batch, not by its whole work. A batch has at most `ubatch_tokens`:
attention computes all pairs of a batch's tokens, so larger batches cost more. A longer input is computed alone; one that the
context has no room for, in a larger context that is made on demand and freed when no call waits, since the buffers of
a context grow with its longest input. Fed by the agent's `embedding` and the memory's `embedders.gguf`; runs the native embedder on a
thread of its own, so that the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echorator import machine
from echorator._native.engine import Embedder, Model, most_embed_tokens
from echorator.engine.digest import Identity, identity
from echorator.engine.memory_needs import check_embed_room, embed_needs
from echorator.errors import ContextOverflowError, DrainingError, EngineError, InvalidRequestError, QueueFullError, ResourceError
from echorator.settings import EngineSettings

if TYPE_CHECKING:  # 20 MB that a server which only generates does not need
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]
    Signs = npt.NDArray[np.uint64]

STEP_INPUTS = 64  # the number of sequences in a context of the native embedder
MOST_WAITING_TOKENS = 4 << 20  # tokens of all waiting calls together
_CLOSING = "the model is being unloaded"


@dataclass(eq=False)
class _Call:
    """One call of `embed` or `read`.

    Invariant: the first `taken` inputs have been computed into `out` or are in the batch that is computed now.
    """

    inputs: Sequence[Sequence[int]]
    normalize: bool
    out: Vectors  # (inputs, dimensions)
    result: asyncio.Future[Vectors]
    signs: list[Signs]  # of each input that was computed; only where the queue is per token
    adapter: str = ""
    taken: int = 0
    computed: int = 0


class EmbedQueue:
    """The queue of one model and one pooling; its embedder is made on the first call."""

    def __init__(self, model: Model, settings: EngineSettings, pooling: str, file: Identity, per_token: bool = False) -> None:
        """Keep the model. `pooling` "" is the model's own, or else the mean; `file` identifies the file as it was loaded.

        `per_token` lets `read` return what the model makes of each token too.
        """
        self.longest = most_embed_tokens(settings, model.info)
        self._model = model
        self._settings = settings
        self._pooling = pooling
        self._file = file
        self._per_token = per_token
        self._embedder: Embedder | None = None
        self._larger: Embedder | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._calls: deque[_Call] = deque()
        self._waiting_tokens = 0
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pooling(self) -> str:
        """Return the pooling in use, mean, cls or last; before the first call, the pooling that was asked for."""
        return self._embedder.pooling if self._embedder is not None else self._pooling

    async def embed(self, inputs: Sequence[Sequence[int]], normalize: bool, dimensions: int = 0, adapter: str = "") -> Vectors:
        """Return (n, `dimensions`) float32: the first values of each vector (0: all), scaled to length 1 if `normalize`.

        `adapter` is the name of the adapter that is applied beside those without a name; "": only these.

        Raises:
            ContextOverflowError, InvalidRequestError: an input is too long or empty; other calls are not affected.
            QueueFullError: `queue_limit` calls wait, or calls with MOST_WAITING_TOKENS tokens.
            ResourceError: there is no memory for an input of such a length.
        """
        return (await self._computed(inputs, normalize, dimensions, adapter)).out

    async def read(self, inputs: Sequence[Sequence[int]]) -> tuple[Vectors, list[Signs]]:
        """Return normalised vectors, and the signs of the tokens of each input, as `Embedder.read` does. Raises as `embed` does."""
        call = await self._computed(inputs, True, 0)
        return call.out, call.signs

    async def _computed(self, inputs: Sequence[Sequence[int]], normalize: bool, dimensions: int, adapter: str = "") -> _Call:
        """Queue the inputs and return their call when all are computed."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise DrainingError(_CLOSING)
        self._check(inputs)
        if self._embedder is None:
            await self._create(loop)
        if self._closed or self._embedder is None:
            raise DrainingError(_CLOSING)
        size = sum(map(len, inputs))
        if len(self._calls) >= self._settings.queue_limit:
            raise QueueFullError(f"{len(self._calls)} calls wait to be embedded, the limit is {self._settings.queue_limit}")
        if self._calls and self._waiting_tokens + size > MOST_WAITING_TOKENS:
            raise QueueFullError(f"{self._waiting_tokens} tokens wait to be embedded, {size} more would exceed {MOST_WAITING_TOKENS}")
        import numpy as np

        out = np.zeros((len(inputs), dimensions or self._embedder.length), np.float32)
        call = _Call(inputs, normalize, out, loop.create_future(), [], adapter=adapter)
        if not inputs:
            return call
        self._calls.append(call)
        self._waiting_tokens += size
        if self._worker is None:
            self._worker = loop.create_task(self._work(loop))
        await call.result
        return call

    async def close(self) -> None:
        """Let the running batch end, fail the waiting calls and free the contexts."""
        self._closed = True
        for call in self._calls:
            if not call.result.done():
                call.result.set_exception(DrainingError(_CLOSING))
        if self._worker is not None:
            await self._worker
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._free)
        self._thread.shutdown(wait=False)

    async def _create(self, loop: asyncio.AbstractEventLoop) -> None:
        def create() -> None:
            if self._embedder is None:
                self._embedder = Embedder(self._model, self._settings, self._pooling, 0, self._per_token)

        await loop.run_in_executor(self._thread, create)

    def _free(self) -> None:
        self._free_larger()
        if self._embedder is not None:
            self._embedder.close()
            self._embedder = None

    def _free_larger(self) -> None:
        if self._larger is not None:
            self._larger.close()
            self._larger = None

    def _check(self, inputs: Sequence[Sequence[int]]) -> None:
        for i, tokens in enumerate(inputs):
            if not tokens:
                raise InvalidRequestError(f"inputs[{i}] has no tokens")
            check_length(len(tokens), self.longest, f"inputs[{i}]")

    def _next_step(self, room: int) -> list[tuple[_Call, int]]:
        """Return the next batch as (call, index of its input): inputs of at most `room` tokens together, or one longer input alone.

        All have the adapter of the call that is first. Calls with another one keep their order and are first in the next batch.
        """
        step: list[tuple[_Call, int]] = []
        others: list[_Call] = []
        tokens = 0
        while self._calls and len(step) < STEP_INPUTS:
            call = self._calls[0]
            if call.result.done():  # the client has gone, or the call failed
                self._calls.popleft()
                self._waiting_tokens -= sum(map(len, call.inputs[call.taken :]))
                continue
            if step and call.adapter != step[0][0].adapter:
                others.append(self._calls.popleft())
                continue
            size = len(call.inputs[call.taken])
            if step and tokens + size > room:
                break
            step.append((call, call.taken))
            tokens += size
            call.taken += 1
            self._waiting_tokens -= size
            self._calls.popleft()
            if call.taken < len(call.inputs):
                self._calls.append(call)
        self._calls.extendleft(reversed(others))
        return step

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._embedder is not None and (step := self._next_step(min(self._settings.ubatch_tokens, self._embedder.max_tokens))):
                computed = loop.run_in_executor(self._thread, self._compute, step)
                await asyncio.wait((computed,))
                error = computed.exception()
                for call, _ in step:
                    call.computed += 1
                    if call.result.done():
                        continue
                    if error is not None:
                        call.result.set_exception(error)
                    elif call.computed == len(call.inputs):
                        call.result.set_result(call.out)
                if not self._calls and self._larger is not None:
                    await loop.run_in_executor(self._thread, self._free_larger)
        finally:
            self._worker = None

    def _compute(self, step: Sequence[tuple[_Call, int]]) -> None:
        """Compute a batch on the thread and write its vectors into the calls' `out`."""
        import numpy as np

        inputs = [call.inputs[i] for call, i in step]
        embedder = self._embedder_for(max(map(len, inputs)))
        vectors, signs = embedder.read(inputs) if self._per_token else (embedder.embed(inputs, False, step[0][0].adapter), [])
        for (call, _), rows in zip(step, signs, strict=False):
            call.signs.append(rows)
        for (call, i), vector in zip(step, vectors, strict=True):
            cut = vector[: call.out.shape[1]]
            length = float(np.linalg.norm(cut.astype(np.float64))) if call.normalize else 0.0
            call.out[i] = cut / length if length > 0 else cut

    def _embedder_for(self, tokens: int) -> Embedder:
        """Return an embedder for inputs of `tokens`, made if needed. Raises ResourceError where memory does not suffice."""
        if self._embedder is None:
            raise EngineError("the embedder was freed under a running step")
        if tokens <= self._embedder.max_tokens:
            return self._embedder
        if self._larger is None or self._larger.max_tokens < tokens:
            self._free_larger()
            room = min(self.longest, 1 << (tokens - 1).bit_length())
            if self._settings.memory_check:
                self._check_memory(room)
            self._larger = Embedder(self._model, self._settings, self._embedder.pooling, room, self._per_token)
        return self._larger

    def _check_memory(self, tokens: int) -> None:
        if identity(self._settings.path) != self._file:
            raise ResourceError(f"{self._settings.path} has changed since it was loaded; load the model again to embed {tokens} tokens")
        free_bytes, reserve_bytes = machine.memory_room(machine.ROOT)
        check_embed_room(tokens, embed_needs(self._settings, tokens), max(0, free_bytes - reserve_bytes))


def check_length(tokens: int, longest: int, called: str) -> None:
    """Check an input's length. Raises ContextOverflowError, with both numbers."""
    if tokens > longest:
        said = f"{called} has {tokens} tokens and the model embeds at most {longest}; split or shorten it"
        raise ContextOverflowError(said, tokens, longest)
