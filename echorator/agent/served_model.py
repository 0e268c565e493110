"""One loaded model: the native weights and engine, the chat template, the embedders, and the pump.

The pump is a reader of the engine's event descriptor: once a step it drains the engine and gives every stream its
event. Fed by `service` with requests, feeds it with streams; all methods run on the event loop of the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from echorator._native.engine import Engine, Model
from echorator.agent.model_defaults import ModelDefaults
from echorator.agent.recent_times import RecentTimes
from echorator.agent.requests import Limits
from echorator.agent.stream import Stream
from echorator.engine.chat_template import ChatTemplate
from echorator.engine.digest import file_digest
from echorator.engine.embed_queue import EmbedQueue
from echorator.engine.go_template import GoTemplate
from echorator.errors import DrainingError, InvalidRequestError, TemplateError
from echorator.settings import EngineSettings, Sampling

if TYPE_CHECKING:
    from echorator.engine.embed_queue import Vectors

_log = logging.getLogger(__name__)

INLINE_BYTES = 16_384  # longer texts are tokenized on a thread
KNOWN_GRAMMARS = 64  # grammars that need no second check
CANCEL_S = 10.0  # a cancelled request ends within one step; longer than any step


class ServedModel:
    """A model that answers. Made by `load`; `close` frees it."""

    def __init__(self, name: str, settings: EngineSettings, defaults: ModelDefaults, model: Model, engine: Engine | None) -> None:
        """`engine` is None for a model that only embeds."""
        self.defaults = defaults
        self.name = name
        self.settings = settings
        self.model = model
        self.engine = engine
        self.info = model.info
        self.first_tokens = RecentTimes()
        self.closing = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, Stream] = {}
        self._embedding = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._embed_queues: dict[str, EmbedQueue] = {}
        self._template: ChatTemplate | GoTemplate | None = defaults.template
        self._template_error: str = "the model has no chat template; use Generate with a whole prompt"
        self._token_texts: dict[int, str] = {}
        self._good_grammars: set[str] = set()
        self._digest = self._loop.run_in_executor(None, file_digest, settings.path)
        if self._template is None and self.info.chat_template:
            try:
                self._template = ChatTemplate(self.info.chat_template, self.info.bos, self.info.eos)
            except TemplateError as error:
                self._template_error = str(error)
        if engine is not None:
            self._drain = engine.drain
            self._loop.add_reader(engine.event_fd, self._pump)

    @classmethod
    async def load(cls, name: str, settings: EngineSettings, defaults: ModelDefaults, on_progress: Callable[[float], None]) -> ServedModel:
        """Load and start; `on_progress` is called on the event loop with 0..1. Raises ModelFileError, ResourceError."""
        loop = asyncio.get_running_loop()

        def progress(fraction: float) -> None:
            loop.call_soon_threadsafe(on_progress, fraction)

        def build() -> tuple[Model, Engine | None]:
            model = Model(settings, progress)
            return model, Engine(model, settings) if model.info.generates else None

        model, engine = await loop.run_in_executor(None, build)
        return cls(name, settings, defaults, model, engine)

    @property
    def context_tokens(self) -> int:
        """Of one request; 0 for an encoder."""
        return self.engine.context_tokens if self.engine is not None else 0

    @property
    def running(self) -> int:
        """Calls that generate or embed now, queued ones included."""
        return len(self._streams) + self._embedding

    def _pump(self) -> None:
        streams = self._streams
        for event in self._drain():
            stream = streams.get(event[0])
            if stream is not None:
                stream.push(event)

    def start(self, prompt: Sequence[int], sampling: Sampling, limits: Limits, deadline_s: float, scope: int = 0) -> Stream:
        """Queue a generation; its cached prefix is shared within `scope`. The caller must `end` the stream whatever happens.

        Raises:
            InvalidRequestError, ContextOverflowError, QueueFullError, DrainingError: as the engine says.
        """
        if self.engine is None:
            raise InvalidRequestError(f"{self.name} is an encoder ({self.info.architecture}) and only embeds")
        request = self.engine.submit(
            prompt,
            sampling,
            max_tokens=limits.max_tokens,
            stop=limits.stop,
            ignore_eos=limits.ignore_eos,
            priority=limits.priority,
            deadline_s=deadline_s,
            logprobs=limits.logprobs,
            use_cache=limits.use_cache,
            scope=scope,
        )
        stream = self._streams[request] = Stream(request, self._loop)
        self._idle.clear()
        return stream

    def end(self, stream: Stream) -> None:
        """The reader is done with it: a request that still runs is cancelled at once."""
        self._streams.pop(stream.request, None)
        if not stream.finished and self.engine is not None:
            self.engine.cancel(stream.request)
        self._leave()

    def _leave(self) -> None:
        if not self._streams and not self._embedding:
            self._idle.set()

    async def embed(self, inputs: Sequence[Sequence[int]], pooling: str, normalize: bool) -> Vectors:
        """(n, length) float32, in order. Raises as `EmbedQueue.embed`."""
        if self.closing.is_set():
            raise DrainingError(f"{self.name} is being unloaded; try another server")
        queue = self._embed_queues.get(pooling)
        if queue is None:
            queue = self._embed_queues[pooling] = EmbedQueue(self.model, self.settings, pooling)
        self._embedding += 1
        self._idle.clear()
        try:
            return await queue.embed(inputs, normalize)
        finally:
            self._embedding -= 1
            self._leave()

    async def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids; long texts are done on a thread."""
        if len(text) <= INLINE_BYTES:
            return self.model.tokenize(text, add_special, parse_special)
        return await self._loop.run_in_executor(None, self.model.tokenize, text, add_special, parse_special)

    async def detokenize(self, tokens: Sequence[int], special: bool) -> str:
        """Text; long lists are done on a thread."""
        if len(tokens) <= INLINE_BYTES:
            return self.model.detokenize(tokens, special)
        return await self._loop.run_in_executor(None, self.model.detokenize, tokens, special)

    async def chat_prompt(self, messages: list[dict[str, Any]], arguments: Mapping[str, Any]) -> list[int]:
        """Tokens of the rendered conversation. Raises TemplateError, InvalidRequestError."""
        if self._template is None:
            raise InvalidRequestError(self._template_error)
        template = self._template
        if sum(len(m["content"]) for m in messages) <= INLINE_BYTES:
            text = template.render(messages, arguments)
        else:
            text = await self._loop.run_in_executor(None, template.render, messages, arguments)
        if not text:
            raise TemplateError("the chat template of the model made an empty prompt of these messages")
        twice = bool(self.info.bos) and text.startswith(self.info.bos)
        return await self.tokenize(text, add_special=not twice, parse_special=True)

    async def check_grammar(self, grammar: str) -> None:
        """Raises InvalidRequestError when llama.cpp cannot parse it, or it is too large or too deep to try."""
        if grammar and grammar not in self._good_grammars:
            await self._loop.run_in_executor(None, self.model.check_grammar, grammar)
            if len(self._good_grammars) >= KNOWN_GRAMMARS:
                self._good_grammars.clear()
            self._good_grammars.add(grammar)

    def token_text(self, token: int) -> str:
        """Text of one token, U+FFFD for bytes that are a part of a character."""
        text = self._token_texts.get(token)
        if text is None:
            text = self._token_texts[token] = self.model.token_bytes(token, True).decode("utf-8", "replace")
        return text

    def forget_scope(self, scope: int) -> None:
        """Drop what the prefix cache has of it."""
        if self.engine is not None:
            self.engine.forget_scope(scope)

    def digest_so_far(self) -> str:
        """The file's digest, or "" while it is being computed."""
        return self._digest.result() if self._digest.done() else ""

    async def digest(self) -> str:
        """The file's digest, waiting for it."""
        return await asyncio.shield(self._digest)

    def stop_admission(self) -> None:
        """From now on new requests raise DrainingError; running ones go on."""
        self.closing.set()
        if self.engine is not None:
            self.engine.stop_admission()

    async def drained(self, grace_s: float) -> bool:
        """Wait at most `grace_s` for the running calls. True when none is left."""
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cancel_all(self) -> int:
        """Cancel every generation; their streams get a "cancelled" event. Returns how many."""
        if self.engine is None:
            return 0
        running = [s.request for s in self._streams.values() if not s.finished]
        for request in running:
            self.engine.cancel(request)
        return len(running)

    async def close(self) -> None:
        """Cancel what runs and free the context; the weights go with the last reference."""
        self.stop_admission()
        self.cancel_all()
        if not await self.drained(CANCEL_S):
            _log.warning("requests outlived their cancellation", extra={"model": self.name, "requests": self.running})
        await asyncio.gather(*(queue.close() for queue in self._embed_queues.values()))
        if self.engine is not None:
            self._loop.remove_reader(self.engine.event_fd)
            await self._loop.run_in_executor(None, self.engine.close)
