"""`echorator.v1.ModelService` on grpc.aio: requests are read by `requests`, models come from `registry`, `replies` writes answers.

This is the only module of the agent that chooses gRPC status codes. A streaming handler writes to its context; when the
client goes away or the deadline passes, gRPC cancels the handler's task, and the task's `finally` cancels the request in the
engine before anything else runs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc

from echorator._native.engine import Event
from echorator.agent import embedding, infilling, replies, requests, reranking, token_lists
from echorator.agent.answered_texts import Earlier, Heard
from echorator.agent.answering import AnswerReader, ChatForm, Thinking, thinking_of
from echorator.agent.chat_prompt import Opening, Prompt
from echorator.agent.loading.embedded import is_foreign, with_embedded_threads
from echorator.agent.loading.model_defaults import defaults_of
from echorator.agent.loading.pulls import Pulls
from echorator.agent.loading.registry import ModelExistsError, ModelNotReadyError, Registry
from echorator.agent.loading.served_model import ServedModel
from echorator.agent.memory import ChatMemory, MemoryFailedError, MemoryUnavailableError, Turn, cache_scope_of
from echorator.agent.mesh.callers import Callers
from echorator.agent.mesh.load_report import LoadReport
from echorator.agent.stream import Prefill, Stream
from echorator.agent.tools import Offer, offer_of
from echorator.errors import (
    DrainingError,
    EchoratorError,
    EngineError,
    InvalidRequestError,
    ModelNotFoundError,
    QueueFullError,
    ResourceError,
)
from echorator.model_files.http import AbsentError, DeniedError, NetworkError
from echorator.model_files.puller import Image
from echorator.model_files.store import NotPulledError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceServicer
from echorator.serving import headers
from echorator.serving.caller import caller_of
from echorator.serving.calls import Calls, Codes, Context, DeadlineError, deadline_of, metadata_of, rpc
from echorator.serving.life import current
from echorator.serving.prefix_scope import SHARED, scope_of
from echorator.settings import EngineSettings, Sampling
from echorator.telemetry import agent_metrics as metrics
from echorator.telemetry import tracing

_log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["ModelService"].full_name


class PlacedByMeshError(EchoratorError):
    """The agent serves one model of a mesh, and only the mesh may change what is loaded."""


_CODES: Codes = (
    (AbsentError, grpc.StatusCode.NOT_FOUND),
    (DeniedError, grpc.StatusCode.PERMISSION_DENIED),
    (NetworkError, grpc.StatusCode.UNAVAILABLE),
    (NotPulledError, grpc.StatusCode.FAILED_PRECONDITION),
    (PlacedByMeshError, grpc.StatusCode.FAILED_PRECONDITION),
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
    (ModelExistsError, grpc.StatusCode.ALREADY_EXISTS),
    (ModelNotReadyError, grpc.StatusCode.UNAVAILABLE),
    (DrainingError, grpc.StatusCode.UNAVAILABLE),
    (QueueFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (ResourceError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DeadlineError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (MemoryUnavailableError, grpc.StatusCode.UNAVAILABLE),
    (MemoryFailedError, grpc.StatusCode.FAILED_PRECONDITION),
    (EngineError, grpc.StatusCode.INTERNAL),
)


class ModelService(Calls, ModelServiceServicer):
    """The handlers of `echorator.v1.ModelService` on one registry of models."""

    services = (NAME,)
    codes = _CODES

    def __init__(self, registry: Registry, defaults: EngineSettings, memory: ChatMemory, pulls: Pulls) -> None:
        """Keep the agent's parts. `defaults` holds the engine options for LoadModel; its path is not used."""
        super().__init__()
        self._pulls = pulls
        self.memory = memory
        self._erasures: dict[int, int] = {}  # the memory's count of erasures at the last chat of each cache scope
        self.registry = registry
        self.defaults = defaults
        self.callers = Callers()
        self.prefix_scope = SHARED  # one of `prefix_scope.SCOPES`, for calls whose gateway names no scope
        self.for_model = ""  # the model of a mesh that alone is served here; then only the controller loads
        self._loads: dict[str, LoadReport] = {}

    def _adapted(self, name: str) -> tuple[ServedModel, str]:
        """Return the loaded model of a name and the adapter in it, and note the model for the call's log line. Raises as `Registry.get`."""
        served, adapter = self.registry.adapted(name)
        if (life := current()) is not None:
            life.model = served.name
        return served, adapter

    def _served(self, name: str) -> ServedModel:
        return self._adapted(name)[0]

    @rpc
    async def Generate(self, request: pb.GenerateRequest, context: Context) -> None:
        """Stream the completion of a prompt."""
        served, adapter = self._adapted(request.model)
        deadline_s = deadline_of(context)
        limits = served.defaults.limits(requests.limits_of(request.limits))
        sampling = await self._sampling(request.sampling, served)
        grammar = await served.grammar(sampling.grammar)
        tokens = await infilling.prompt_tokens(served, request)
        with self._counted(served, context):
            scope = cache_scope_of(self._scope(context))
            stream = served.start(tokens, sampling, limits, deadline_s, scope, grammar, adapter=adapter)
            await self._stream(served, stream, context, pb.GenerateResponse)

    @rpc
    async def Chat(self, request: pb.ChatRequest, context: Context) -> None:
        """Stream the assistant's answer to a conversation, with recalled memories where the request names a memory scope."""
        served, adapter = self._adapted(request.model)
        deadline_s = deadline_of(context)
        limits = served.defaults.limits(requests.limits_of(request.limits))
        sampling = await self._sampling(request.sampling, served)
        offer, thinking = offer_of(request), thinking_of(request.reasoning)
        messages = served.defaults.messages(requests.messages_of(request))
        opening = requests.opening_of(request, messages)
        turn = (
            await self.memory.recall(request.memory, messages, served.name, served.context_tokens) if request.HasField("memory") else None
        )
        if turn is not None:
            messages = turn.messages
            self._drop_erased(turn)
            if opening.continues:
                turn.answer.append(messages[-1]["content"])  # so that the memory learns the whole answer
        scope = turn.cache_scope if turn is not None else cache_scope_of(self._scope(context))
        earlier = served.earlier(scope) if limits.use_cache else None
        async with served.chat_form(request.chat_template) as form:
            prompt = await self._prompt(request, served, form, messages, opening, offer, thinking, earlier)
            plan = await form.answers.plan(offer, thinking, prompt.text, sampling.grammar)
        heard = served.heard(earlier, prompt) if earlier is not None else None
        with self._counted(served, context):
            limits = limits if plan.stops else replace(limits, stop=())
            stream = served.start(prompt.tokens, sampling, limits, deadline_s, scope, plan.grammar, plan.watch, adapter)
            await self._stream(served, stream, context, pb.ChatResponse, turn, plan.reader, heard)

    @rpc
    async def ApplyTemplate(self, request: pb.ChatRequest, _context: Context) -> pb.ApplyTemplateResponse:
        """Return the prompt of a conversation, as text and as tokens."""
        served = self._served(request.model)
        if request.HasField("memory"):
            raise InvalidRequestError("memory: no memories are recalled for ApplyTemplate; CognitionService.BuildContext recalls them")
        messages = served.defaults.messages(requests.messages_of(request))
        async with served.chat_form(request.chat_template) as form:
            opening, offer, thinking = requests.opening_of(request, messages), offer_of(request), thinking_of(request.reasoning)
            prompt = await self._prompt(request, served, form, messages, opening, offer, thinking)
        return pb.ApplyTemplateResponse(prompt=prompt.text, tokens=prompt.tokens)

    async def _prompt(
        self,
        request: pb.ChatRequest,
        served: ServedModel,
        form: ChatForm,
        messages: list[dict[str, Any]],
        opening: Opening,
        offer: Offer,
        thinking: Thinking,
        earlier: Earlier | None = None,
    ) -> Prompt:
        arguments, _ = requests.template_arguments_of(request)
        shown = await form.answers.conversation(messages, arguments, offer, thinking)
        control = request.control_tokens_in_messages if request.HasField("control_tokens_in_messages") else None
        return await form.prompts.prompt(*shown, opening, served.reads_control_tokens(control), earlier)

    @contextmanager
    def _counted(self, served: ServedModel, context: Context) -> Iterator[None]:
        """Count a call that takes a slot for its gateway, and send the agent's load to the client in the trailers."""
        with self.callers.counted(served.name, metadata_of(context, headers.GATEWAY)):
            yield
        load = self._loads.setdefault(served.name, LoadReport())
        context.set_trailing_metadata((load.trailer(served.running, served.slots),))

    def _scope(self, context: Context) -> str:
        """Return who shares prefixes with this call: as its gateway says, else as this agent's setting says."""
        said = metadata_of(context, headers.SCOPE)
        if said or self.prefix_scope == SHARED:
            return said
        return scope_of(self.prefix_scope, caller_of(context.peer()), metadata_of(context, headers.SESSION))

    def _drop_erased(self, turn: Turn) -> None:
        """Drop the tenant's cached prefixes if memories of the tenant were erased since its last chat here, for they may hold them."""
        if self._erasures.get(turn.cache_scope, turn.erasures) != turn.erasures:
            self.registry.forget_scope(turn.cache_scope)
        self._erasures[turn.cache_scope] = turn.erasures

    async def _sampling(self, message: pb.Sampling, served: ServedModel) -> Sampling:
        text = ""
        if message.WhichOneof("shape") == "json_schema":
            text = await served.schemas.grammar_of(requests.schema_of(message))
        biases = await served.texts.biases_of(message.logit_bias_texts)
        return requests.sampling_of(message, served.info.vocabulary, served.defaults.sampling, text, biases)

    async def _stream(
        self,
        served: ServedModel,
        stream: Stream,
        context: Context,
        reply: type[pb.ChatResponse] | type[pb.GenerateResponse],
        turn: Turn | None = None,
        reader: AnswerReader | None = None,
        heard: Heard | None = None,
    ) -> None:
        write = context.write
        begun_s, began = time.monotonic(), False
        following = Prefill(served.engine, stream, reply, write).next if stream.reports and served.engine is not None else stream.next
        try:
            while True:
                event = await following()
                if heard is not None:
                    heard.add(event)
                if event.tokens and not began:
                    began = True
                    served.first_tokens.add(time.monotonic() - begun_s)
                logprobs = replies.logprobs_of(event.logprobs, served.token_bytes) if event.logprobs else ()
                of_prompt = replies.logprobs_of(event.prompt_logprobs, served.token_bytes) if event.prompt_logprobs else ()
                message = reply(text=event.text, tokens=event.tokens, logprobs=logprobs, prompt_logprobs=of_prompt)
                if reader is not None and isinstance(message, pb.ChatResponse) and not reader.read(message, event):
                    continue
                if turn is not None:
                    turn.answer.append(message.text)
                if not event.finish:
                    await write(message)
                    continue
                if event.finish in ("stop", "length"):
                    finish = replies.finish_of(event)
                    if reader is not None and reader.called and event.finish == "stop":
                        finish.reason = pb.FINISH_REASON_TOOL_CALLS
                    _measure(served.name, event, finish.usage)
                    if turn is not None:
                        finish.usage.memory.CopyFrom(await turn.learn(cut=event.finish == "length"))
                    message.finish.CopyFrom(finish)
                    await write(message)
                    return
                if event.finish == "deadline":
                    raise DeadlineError(f"the deadline passed after {event.completion_tokens} tokens")
                if event.finish == "cancelled":
                    raise DrainingError(f"the server stopped after {event.completion_tokens} tokens; try another one")
                if event.finish == "refused":
                    raise InvalidRequestError(event.message)
                raise EngineError(event.message or "the engine lost the request")
        finally:
            served.end(stream)
            if turn is not None:
                turn.leave()

    @rpc
    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Return one vector for each input, in the inputs' order."""
        served, adapter = self._adapted(request.model)
        with self._counted(served, context):
            return await embedding.embed(served, request, adapter)

    @rpc
    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """Return the documents, the most relevant to the query first."""
        served, adapter = self._adapted(request.model)
        with self._counted(served, context):
            return await reranking.rerank(served, request, adapter)

    @rpc
    async def Tokenize(self, request: pb.TokenizeRequest, _context: Context) -> pb.TokenizeResponse:
        """Return the token ids of a text."""
        served = self._served(request.model)
        tokens = await served.tokenize(request.text, request.add_special, request.parse_special)
        return await token_lists.reply_of(tokens, served.token_bytes if request.pieces else None)

    @rpc
    async def Detokenize(self, request: pb.DetokenizeRequest, _context: Context) -> pb.DetokenizeResponse:
        """Return the text of token ids."""
        served = self._served(request.model)
        tokens = await token_lists.ids_of(request, served.info.vocabulary)
        return pb.DetokenizeResponse(text=await served.detokenize(tokens, request.special))

    @rpc
    async def ListModels(self, _request: pb.ListModelsRequest, _context: Context) -> pb.ListModelsResponse:
        """List every model, also those being loaded or unloaded."""
        entries = self.registry.entries()
        return pb.ListModelsResponse(models=[replies.model_of(e, e.served.digest_so_far() if e.served else "") for e in entries])

    @rpc
    async def GetModel(self, request: pb.GetModelRequest, _context: Context) -> pb.Model:
        """Return one model, with its digest."""
        entry, _ = self.registry.asked(request.model)
        return replies.model_of(entry, await entry.served.digest() if entry.served else "")

    @rpc
    async def PullModel(self, request: pb.PullModelRequest, context: Context) -> None:
        """Pull a model into this machine's store; the last message carries the file."""
        self._check_free()
        async for step in self._pulls.pull(request.source):
            await context.write(replies.pull_of(step))

    @rpc
    async def LoadModel(self, request: pb.LoadModelRequest, context: Context) -> None:
        """Load a file of this machine, or a model that can be pulled; the last message carries the model."""
        self._check_free()
        sources, settings = requests.sources_of(request.path, request.options), requests.engine_settings_of(request.options, self.defaults)
        images: list[Image] = []
        for source in sources:
            async for step in self._pulls.have(source):
                if isinstance(step, Image):
                    images.append(step)
                elif step.total_bytes:
                    await context.write(pb.LoadModelResponse(stage="pulling", progress=step.done_bytes / step.total_bytes))
        settings, defaults = requests.with_files(settings, *images), defaults_of(images[0])
        name = requests.model_name_of(request.name, requests.stem_of(request.path))
        latest: list[pb.LoadModelResponse] = []
        changed = asyncio.Event()

        def report(stage: str, fraction: float) -> None:
            latest[:] = [pb.LoadModelResponse(stage=stage, progress=fraction)]
            changed.set()

        settings = with_embedded_threads(settings)
        load = asyncio.create_task(self.registry.load(name, settings, report, defaults, checked=is_foreign(settings)))
        load.add_done_callback(lambda _: changed.set())
        try:
            while not load.done():
                await changed.wait()
                changed.clear()
                if latest:
                    await context.write(latest.pop())
            served = await load
        finally:
            load.cancel()  # cancels the wait for the load only; the load itself goes on in the registry
        digest = await served.digest()
        model = replies.model_of(self.registry.entry(name), digest)
        await context.write(pb.LoadModelResponse(stage="ready", progress=1.0, model=model))

    @rpc
    async def UnloadModel(self, request: pb.UnloadModelRequest, _context: Context) -> pb.UnloadModelResponse:
        """Drain a model for the grace period, free it, and return how many requests were cancelled."""
        self._check_free()
        cancelled = await self.registry.unload(request.model, requests.grace_of(request))
        return pb.UnloadModelResponse(cancelled_requests=cancelled)

    def _check_free(self) -> None:
        """Check that this agent may be told what to load. Raises PlacedByMeshError where it serves one model for a mesh."""
        if self.for_model:
            raise PlacedByMeshError(
                f"this agent serves {self.for_model!r} for a mesh and loads what that says; change the Model instead, "
                "with `kubectl edit echomodel` or `echorator mesh apply`"
            )

    @rpc
    async def ListSlots(self, request: pb.ListSlotsRequest, _context: Context) -> pb.ListSlotsResponse:
        """Return what each slot does now."""
        engine = self._served(request.model).engine
        return replies.slots_of(engine.slots_state(), engine.slots) if engine is not None else pb.ListSlotsResponse()

    @rpc
    async def WatchStats(self, request: pb.WatchStatsRequest, context: Context) -> None:
        """Stream counters at once and then at every interval, until the model or the server goes."""
        interval_s = requests.interval_of(request)
        served = self._served(request.model)
        if served.engine is None:
            raise InvalidRequestError(f"{served.name} only embeds and has no slots to watch")
        tokens, read_s = 0.0, 0.0
        while not served.closing.is_set():
            values, now_s = served.engine.stats(), time.monotonic()
            rate = (values["completion_tokens"] - tokens) / (now_s - read_s) if read_s else 0.0
            tokens, read_s = values["completion_tokens"], now_s
            await context.write(replies.stats_of(served.name, served.engine.slots, values, rate))
            try:
                async with asyncio.timeout(interval_s):
                    await served.closing.wait()
            except TimeoutError:
                continue
        raise DrainingError(f"{served.name} is being unloaded")


def _measure(model: str, event: Event, usage: pb.Usage) -> None:
    """Record a request that ended well in the metrics, and as spans of its trace."""
    metrics.queue_wait.labels(model).observe(usage.queue_s)
    metrics.first_token.labels(model).observe(usage.time_to_first_token_s)
    if usage.tokens_per_s:
        metrics.inter_token.labels(model).observe(1.0 / usage.tokens_per_s)
    epoch_s = time.time() - time.monotonic()
    admitted_s, first_s = event.admitted_s or event.finished_s, event.first_token_s or event.finished_s
    tokens: dict[str, str | int | float | bool]
    tokens = {"gen_ai__request__model": model, "gen_ai__usage__input_tokens": usage.prompt_tokens, "cached_tokens": usage.cached_tokens}
    tracing.child("engine.queue", epoch_s + event.submitted_s, epoch_s + admitted_s)
    tracing.child("engine.prefill", epoch_s + admitted_s, epoch_s + first_s, **tokens)
    tracing.child("engine.decode", epoch_s + first_s, epoch_s + event.finished_s, gen_ai__usage__output_tokens=usage.completion_tokens)
