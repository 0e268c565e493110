"""One loaded model: its native weights and engine, its chat template, its embedders, and the pump of its events.

The pump reads the engine's event descriptor: once per step it drains the engine and gives every stream its
events. Fed by `service` with requests, feeds it with streams; all methods run on the event loop of the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from echorator._native.engine import Engine, Grammar, Model, Watch
from echorator.agent.answered_texts import AnsweredTexts, Earlier, Heard
from echorator.agent.answering import Answers, ChatForm
from echorator.agent.chat_prompt import ChatPrompts, Prompt, Vocabulary
from echorator.agent.grammars import Grammars
from echorator.agent.loading.chosen_template import ChosenTemplate, chosen
from echorator.agent.loading.load_thread import on_own_thread
from echorator.agent.loading.model_defaults import ModelDefaults
from echorator.agent.loading.request_templates import RequestTemplates
from echorator.agent.pairs import Pairs
from echorator.agent.plain_texts import PlainTexts
from echorator.agent.recent_times import RecentTimes
from echorator.agent.requests import Limits
from echorator.agent.stream import Stream
from echorator.engine.digest import file_digest, identity
from echorator.engine.embed_queue import EmbedQueue
from echorator.engine.weights_file import opened
from echorator.errors import ContextOverflowError, DrainingError, InvalidRequestError, ModelFileError, ResourceError
from echorator.prompting.control_tokens import ControlTokens
from echorator.prompting.dialects.declared import dialect_of
from echorator.prompting.dialects.dialect import Dialect
from echorator.prompting.model_template import ModelTemplate
from echorator.prompting.named_templates import source_of
from echorator.prompting.schema_grammars import SchemaGrammars
from echorator.prompting.text_tokenizer import TextTokenizer
from echorator.settings import EngineSettings, Sampling, check_template

if TYPE_CHECKING:
    from echorator.engine.embed_queue import Vectors

_log = logging.getLogger(__name__)

ENCODER_SLOTS = 8  # of a model that only embeds, as balancers see it
STALL_S = 600.0  # a load that reads nothing for this long is given up
NICE_OF_REQUESTS = 10  # of requests' chat templates: a tenth of the processor time that others get where they need it
CANCEL_S = 10.0  # time for cancelled requests to end: each ends within one step, and no step is longer


class ServedModel:
    """A loaded model that answers requests. `load` makes it; `close` frees it."""

    def __init__(
        self,
        name: str,
        settings: EngineSettings,
        defaults: ModelDefaults,
        model: Model,
        engine: Engine | None,
        tokenizer: TextTokenizer,
    ) -> None:
        """Keep the parts of a loaded model; `engine` is None for a model that only embeds."""
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
        self._file = identity(settings.path)
        self._embed_queues = {"": EmbedQueue(model, settings, "", self._file)}
        self.schemas = SchemaGrammars(settings.child_timeout_s)
        self._tokenizer = tokenizer
        self.texts = PlainTexts(model, self._tokenize_fitting)
        self.pairs = Pairs(model, self.texts)
        self.template: ChosenTemplate | None = None  # None: the model only embeds
        self._template: ModelTemplate | None = None
        self._form: ChatForm | None = None  # None: the model only embeds
        self._request_templates = RequestTemplates(partial(self._opened, nice=NICE_OF_REQUESTS), settings.child_timeout_s)
        self._token_bytes: dict[int, bytes] = {}
        self._grammars = Grammars(model)
        self._answered = AnsweredTexts()
        self._control = ControlTokens(model.special_tokens())
        self._digest = on_own_thread(f"digest of {name}", partial(file_digest, settings.path))
        if engine is not None:
            special = (token.text for token in model.special_tokens())
            self.template = chosen(settings.chat_template, defaults.template, self.info.chat_template, special)
            if self.template.warning:
                _log.warning(self.template.warning, extra={"model": name})
            if not defaults.stop:
                self.defaults = replace(defaults, stop=self.template.stop)
            self._template, self._form = self._opened(self.template.jinja, self.template.go)
            self._template.start()
            self._drain = engine.drain
            self._loop.add_reader(engine.event_fd, self._pump)

    @classmethod
    async def load(
        cls,
        name: str,
        settings: EngineSettings,
        defaults: ModelDefaults,
        on_progress: Callable[[float], None],
        stopping: threading.Event,
    ) -> ServedModel:
        """Load and start a model; `on_progress` is called on the event loop with 0..1. Once `stopping` is set, the load gives up.

        Raises:
            ModelFileError, ResourceError: the model cannot be loaded, or nothing of its file was read for STALL_S.
            DrainingError: `stopping` was set.
        """
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()

        def seen(fraction: float) -> None:
            moved.set()
            on_progress(fraction)

        def progress(fraction: float) -> bool:
            with suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(seen, fraction)
            return not stopping.is_set()

        def build() -> tuple[Model, Engine | None, TextTokenizer]:
            os.close(opened(settings.path))  # checks the file's kind again: it may have been swapped since it was vetted
            try:
                model = Model(settings, progress)
            except ModelFileError:
                if stopping.is_set():
                    raise DrainingError("the server is shutting down and loads nothing more") from None
                os.close(opened(settings.path))  # raises ResourceError where the load failed for want of a descriptor
                raise
            return model, Engine(model, settings) if model.info.generates else None, TextTokenizer(model, settings)

        building = on_own_thread(f"load of {name}", build)
        building.add_done_callback(lambda _: moved.set())
        while not building.done():
            moved.clear()
            try:
                async with asyncio.timeout(STALL_S):
                    await moved.wait()
            except TimeoutError:
                stopping.set()
                raise ResourceError(f"{settings.path}: nothing of it was read for {STALL_S:g} s; see whether its disk answers") from None
        model, engine, tokenizer = building.result()
        return cls(name, settings, defaults, model, engine, tokenizer)

    @property
    def file_changed_at_s(self) -> float:
        """Return when the model's file was last changed, in seconds since 1970."""
        return self._file[2] / 1e9

    @property
    def template_source(self) -> str:
        """Return the source of the chat template; "" for a model that only embeds."""
        return self._template.source if self._template is not None else ""

    @property
    def context_tokens(self) -> int:
        """Return the context length of one request in tokens; 0 for an encoder."""
        return self.engine.context_tokens if self.engine is not None else 0

    @property
    def slots(self) -> int:
        """Return how many calls are computed at the same time; an encoder has no slots and is reported with `ENCODER_SLOTS`."""
        return self.engine.slots if self.engine is not None else ENCODER_SLOTS

    @property
    def running(self) -> int:
        """Return the number of calls that generate or embed now, queued ones included."""
        return len(self._streams) + self._embedding

    def _pump(self) -> None:
        streams = self._streams
        for event in self._drain():
            stream = streams.get(event[0])
            if stream is not None:
                stream.push(event)

    def start(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        limits: Limits,
        deadline_s: float,
        scope: int = 0,
        grammar: Grammar | None = None,
        watch: Watch | None = None,
        adapter: str = "",
    ) -> Stream:
        """Queue a generation; its cached prefix is shared within `scope` and `adapter`. The caller must `end` the stream whatever happens.

        Raises:
            InvalidRequestError, ContextOverflowError, QueueFullError, DrainingError: as the engine says.
        """
        if self.engine is None:
            raise InvalidRequestError(f"{self.name} is an encoder ({self.info.architecture}) and only embeds")
        try:
            request = self.engine.submit(
                prompt,
                sampling,
                max_tokens=limits.max_tokens,
                stop=limits.stop,
                ignore_eos=limits.ignore_eos,
                priority=limits.priority,
                deadline_s=deadline_s,
                logprobs=limits.logprobs,
                prompt_logprobs=limits.prompt_logprobs,
                use_cache=limits.use_cache,
                scope=scope,
                grammar=grammar,
                watch=watch,
                adapter=adapter,
            )
        except ContextOverflowError as error:
            raise ContextOverflowError(str(error), len(prompt), self.context_tokens) from error
        stream = self._streams[request] = Stream(request, self._loop, limits.report_progress)
        self._idle.clear()
        return stream

    def end(self, stream: Stream) -> None:
        """Release a stream whose reader is done: a request that still runs is cancelled at once."""
        self._streams.pop(stream.request, None)
        if not stream.finished and self.engine is not None:
            self.engine.cancel(stream.request)
        self._leave()

    def _leave(self) -> None:
        if not self._streams and not self._embedding:
            self._idle.set()

    @property
    def longest_embedding(self) -> int:
        """Return the number of tokens of the longest input that may be embedded."""
        return self._embed_queues[""].longest

    async def embed(
        self, inputs: Sequence[Sequence[int]], pooling: str, normalize: bool, dimensions: int, adapter: str = ""
    ) -> tuple[Vectors, str]:
        """Return (n, dimensions) float32 vectors in the inputs' order, and the pooling that was used. Raises as `EmbedQueue.embed`."""
        if self.closing.is_set():
            raise DrainingError(f"{self.name} is being unloaded; try another server")
        queue = self._embed_queue(pooling)
        self._embedding += 1
        self._idle.clear()
        try:
            return await queue.embed(inputs, normalize, dimensions, adapter), queue.pooling
        finally:
            self._embedding -= 1
            self._leave()

    def _embed_queue(self, pooling: str) -> EmbedQueue:
        """Return the queue of a pooling: calls that name the model's own pooling share the queue of those that name none."""
        own = self._embed_queues[""]
        if pooling == own.pooling:
            return own
        if pooling not in self._embed_queues:
            self._embed_queues[pooling] = EmbedQueue(self.model, self.settings, pooling, self._file)
        return self._embed_queues[pooling]

    async def tokenize(
        self, text: str, add_special: bool, parse_special: bool, most_tokens: int = 0, called: str = "the text"
    ) -> list[int]:
        """Return the token ids of a text. Arguments and errors are those of `TextTokenizer.tokenize`."""
        return await self._tokenizer.tokenize(text, add_special, parse_special, most_tokens, called)

    async def _tokenize_fitting(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        return await self.tokenize(text, add_special, parse_special, self.context_tokens or self.longest_embedding)

    async def detokenize(self, tokens: Sequence[int], special: bool) -> str:
        """Return the text of token ids. Raises as `TextTokenizer.detokenize`."""
        return await self._tokenizer.detokenize(tokens, special)

    @asynccontextmanager
    async def chat_form(self, template: str = "") -> AsyncIterator[ChatForm]:
        """Lend what writes prompts and reads answers, by a request's own template, or by the model's for "".

        Raises:
            InvalidRequestError: the model only embeds, requests may not bring templates, or this is none.
            TemplateError, QueueFullError: as `RequestTemplates.lent` says.
        """
        if self._form is None:
            raise InvalidRequestError(f"{self.name} is an encoder ({self.info.architecture}) and only embeds")
        if not template:
            yield self._form
            return
        if not self.settings.request_templates:
            raise InvalidRequestError(
                "chat_template: requests may not bring a chat template of their own; whoever runs the model allows it with "
                "--request-templates or spec.engine.requestTemplates"
            )
        check_template(template, "chat_template")
        async with self._request_templates.lent(source_of(template)) as form:
            yield form

    def reads_control_tokens(self, asked: bool | None) -> bool:
        """Return whether control tokens in messages are read as such; None leaves that to the settings."""
        return self.settings.control_tokens_in_messages if asked is None else asked

    def _opened(self, jinja: str, go: str = "", nice: int = 0) -> tuple[ModelTemplate, ChatForm]:
        template = ModelTemplate(jinja, go, self.info.bos, self.info.eos, self.settings.child_timeout_s, nice)
        special = self.model.special_tokens()

        async def tokenize(text: str, add_special: bool, parse_special: bool) -> list[int]:
            return await self.tokenize(text, add_special, parse_special, self.context_tokens, "the prompt")

        async def find() -> Dialect:
            await prompts.probe.plain()  # after it the template's source is known
            return await dialect_of(template.source, template.render, prompts.probe)

        async def marker(text: str) -> list[int]:
            return await self.tokenize(text, False, True)

        spaced = self.model.metadata().get("tokenizer.ggml.model") in ("llama", "t5")
        vocabulary = Vocabulary(self._control, self.info.bos, self.info.add_bos, self.info.add_eos, spaced)
        prompts = ChatPrompts(template.render, tokenize, lambda: template.source, vocabulary)
        return template, ChatForm(prompts, Answers(special, find, self.schemas.calls_of, self._grammars.compiled, marker))

    async def grammar(self, text: str) -> Grammar | None:
        """Return the compiled grammar of a GBNF text; None for an empty text. Raises as `Grammars.compiled`."""
        return await self._grammars.compiled(text) if text else None

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of one token, which may be a part of a character; a control token is spelled out."""
        raw = self._token_bytes.get(token)
        if raw is None:
            raw = self._token_bytes[token] = self.model.token_bytes(token, True)
        return raw

    def earlier(self, scope: int) -> Earlier:
        """Return what a request of a cache scope may take of earlier answers."""
        return Earlier(self._answered, scope, self.context_tokens)

    def heard(self, earlier: Earlier, prompt: Prompt) -> Heard | None:
        """Return what remembers the answer to a prompt; None where messages spell out control tokens that are plain text."""
        return Heard(earlier, prompt.text, prompt.tokens, self._control, self.token_bytes) if prompt.plain else None

    def forget_scope(self, scope: int) -> None:
        """Drop all cached prefixes of a cache scope, and what is remembered of its answers."""
        self._answered.forget(scope)
        if self.engine is not None:
            self.engine.forget_scope(scope)

    def digest_so_far(self) -> str:
        """Return the file's digest, or "" while it is being computed."""
        return self._digest.result() if self._digest.done() else ""

    async def digest(self) -> str:
        """Wait for the file's digest and return it."""
        return await asyncio.shield(self._digest)

    def stop_admission(self) -> None:
        """Refuse new requests with DrainingError from now on; running ones go on."""
        self.closing.set()
        if self.engine is not None:
            self.engine.stop_admission()

    async def drained(self, grace_s: float) -> bool:
        """Wait at most `grace_s` for the running calls. Return whether none is left."""
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cancel_all(self) -> int:
        """Cancel every generation; each stream gets a "cancelled" event. Return how many there were."""
        if self.engine is None:
            return 0
        running = [s.request for s in self._streams.values() if not s.finished]
        for request in running:
            self.engine.cancel(request)
        return len(running)

    async def close(self) -> None:
        """Cancel what runs and free the context; the weights are freed with their last reference."""
        self.stop_admission()
        self.cancel_all()
        if not await self.drained(CANCEL_S):
            _log.warning("requests outlived their cancellation", extra={"model": self.name, "requests": self.running})
        self._grammars.close()
        children = (self._template, self._request_templates, self._tokenizer, self.schemas)
        await asyncio.gather(*(part.close() for part in (*children, *self._embed_queues.values()) if part is not None))
        if self.engine is not None:
            self._loop.remove_reader(self.engine.event_fd)
            await self._loop.run_in_executor(None, self.engine.close)
