"""`echorator.v1.ModelService` on grpc.aio: messages to `requests`, models from `registry`, events to `replies`.

The only place of the agent that chooses gRPC status codes. A handler of a stream writes to its context; when the
client goes away or the deadline passes, gRPC cancels the handler's task, and its `finally` cancels the request in the
engine before anything else runs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from echorator._native.engine import Event
from echorator.agent import replies, requests
from echorator.agent.callers import Callers
from echorator.agent.load_report import LoadReport
from echorator.agent.memory import ChatMemory, MemoryUnavailableError, Turn
from echorator.agent.mesh_session import ENCODER_SLOTS
from echorator.agent.model_defaults import defaults_of
from echorator.agent.pulls import Pulls
from echorator.agent.registry import ModelExistsError, ModelNotReadyError, Registry
from echorator.agent.served_model import ServedModel
from echorator.agent.stream import Stream
from echorator.errors import (
    DrainingError,
    EchoratorError,
    EngineError,
    InvalidRequestError,
    ModelNotFoundError,
    QueueFullError,
    ResourceError,
)
from echorator.images.http import AbsentError, DeniedError, NetworkError
from echorator.images.puller import Image
from echorator.images.store import NotPulledError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceServicer
from echorator.serving import headers
from echorator.serving.calls import Calls, Codes, Context, DeadlineError, deadline_of, metadata_of, rpc
from echorator.settings import EngineSettings, Sampling
from echorator.telemetry import agent_metrics as metrics
from echorator.telemetry import tracing

_log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["ModelService"].full_name


class PlacedByMeshError(EchoratorError):
    """What this agent serves is for its mesh to say."""


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
    (EngineError, grpc.StatusCode.INTERNAL),
)


class ModelService(Calls, ModelServiceServicer):
    """The handlers."""

    codes = _CODES

    def __init__(self, registry: Registry, defaults: EngineSettings, memory: ChatMemory, pulls: Pulls) -> None:
        """`defaults` holds the engine options for LoadModel; its path is not used."""
        super().__init__()
        self._pulls = pulls
        self.memory = memory
        self._erasures: dict[int, int] = {}  # by cache scope, as of its last chat
        self.registry = registry
        self.defaults = defaults
        self.callers = Callers()
        self.for_model = ""  # of a mesh, whose controller alone loads here
        self._loads: dict[str, LoadReport] = {}

    @rpc
    async def Generate(self, request: pb.GenerateRequest, context: Context) -> None:
        """Complete a prompt."""
        served = self.registry.get(request.model)
        deadline_s = deadline_of(context)
        limits = served.defaults.limits(requests.limits_of(request.limits))
        sampling = await self._sampling(request.sampling, served)
        prompt = requests.prompt_of(request, served.info.vocabulary)
        tokens = await served.tokenize(prompt, True, True) if isinstance(prompt, str) else prompt
        with self._counted(served, context):
            await self._stream(served, served.start(tokens, sampling, limits, deadline_s), context, pb.GenerateResponse)

    @rpc
    async def Chat(self, request: pb.ChatRequest, context: Context) -> None:
        """Answer a conversation."""
        served = self.registry.get(request.model)
        deadline_s = deadline_of(context)
        limits = served.defaults.limits(requests.limits_of(request.limits))
        sampling = await self._sampling(request.sampling, served)
        messages = served.defaults.messages(requests.messages_of(request))
        turn = (
            await self.memory.recall(request.memory, messages, served.name, served.context_tokens) if request.HasField("memory") else None
        )
        if turn is not None:
            messages = turn.messages
            self._drop_erased(turn)
        tokens = await served.chat_prompt(messages, requests.dict_of(request.template_arguments))
        with self._counted(served, context):
            stream = served.start(tokens, sampling, limits, deadline_s, turn.cache_scope if turn else 0)
            await self._stream(served, stream, context, pb.ChatResponse, turn)

    @contextmanager
    def _counted(self, served: ServedModel, context: Context) -> Iterator[None]:
        """A call that takes a slot: the gateways hear whose it is, its client how loaded this agent is."""
        with self.callers.counted(served.name, metadata_of(context, headers.GATEWAY)):
            yield
        load = self._loads.setdefault(served.name, LoadReport())
        slots = served.engine.slots if served.engine is not None else ENCODER_SLOTS
        context.set_trailing_metadata((load.trailer(served.running, slots),))

    def _drop_erased(self, turn: Turn) -> None:
        """Memories of the tenant were erased since its last chat here: cells that were computed with them go too."""
        if self._erasures.get(turn.cache_scope, turn.erasures) != turn.erasures:
            self.registry.forget_scope(turn.cache_scope)
        self._erasures[turn.cache_scope] = turn.erasures

    async def _sampling(self, message: pb.Sampling, served: ServedModel) -> Sampling:
        if message.WhichOneof("shape") is None:
            return requests.sampling_of(message, served.info.vocabulary, served.defaults.sampling)
        sampling = await asyncio.to_thread(requests.sampling_of, message, served.info.vocabulary, served.defaults.sampling)
        await served.check_grammar(sampling.grammar)
        return sampling

    async def _stream(
        self,
        served: ServedModel,
        stream: Stream,
        context: Context,
        reply: type[pb.GenerateResponse] | type[pb.ChatResponse],
        turn: Turn | None = None,
    ) -> None:
        write = context.write
        begun_s, began = time.monotonic(), False
        try:
            while True:
                event = await stream.next()
                if event.tokens and not began:
                    began = True
                    served.first_tokens.add(time.monotonic() - begun_s)
                if turn is not None:
                    turn.answer.append(event.text)
                logprobs = replies.logprobs_of(event.logprobs, served.token_text) if event.logprobs else ()
                if not event.finish:
                    await write(reply(text=event.text, tokens=event.tokens, logprobs=logprobs))
                    continue
                if event.finish in ("stop", "length"):
                    finish = replies.finish_of(event)
                    _measure(served.name, event, finish.usage)
                    if turn is not None:
                        finish.usage.memory.CopyFrom(await turn.learn(cut=event.finish == "length"))
                    await write(reply(text=event.text, tokens=event.tokens, logprobs=logprobs, finish=finish))
                    return
                if event.finish == "deadline":
                    raise DeadlineError(f"the deadline passed after {event.completion_tokens} tokens")
                if event.finish == "cancelled":
                    raise DrainingError(f"the server stopped after {event.completion_tokens} tokens; try another one")
                raise EngineError(event.message or "the engine lost the request")
        finally:
            served.end(stream)
            if turn is not None:
                turn.leave()

    @rpc
    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """One vector for each input."""
        served = self.registry.get(request.model)
        pooling = requests.pooling_of(request)
        inputs = [await served.tokenize(text, True, False) for text in requests.embed_inputs_of(request)]
        normalize = request.normalize if request.HasField("normalize") else True
        with self._counted(served, context):
            vectors = await served.embed(inputs, pooling, normalize)
        return pb.EmbedResponse(
            embeddings=[pb.Embedding(values=vector) for vector in vectors.tolist()],
            prompt_tokens=sum(len(tokens) for tokens in inputs),
        )

    @rpc
    async def Tokenize(self, request: pb.TokenizeRequest, _context: Context) -> pb.TokenizeResponse:
        """Text to token ids."""
        served = self.registry.get(request.model)
        return pb.TokenizeResponse(tokens=await served.tokenize(request.text, request.add_special, request.parse_special))

    @rpc
    async def Detokenize(self, request: pb.DetokenizeRequest, _context: Context) -> pb.DetokenizeResponse:
        """Token ids to text."""
        served = self.registry.get(request.model)
        tokens = list(request.tokens)
        requests.check_tokens(tokens, served.info.vocabulary, "tokens")
        return pb.DetokenizeResponse(text=await served.detokenize(tokens, request.special))

    @rpc
    async def ListModels(self, _request: pb.ListModelsRequest, _context: Context) -> pb.ListModelsResponse:
        """Every name, those being loaded or unloaded too."""
        entries = self.registry.entries()
        return pb.ListModelsResponse(models=[replies.model_of(e, e.served.digest_so_far() if e.served else "") for e in entries])

    @rpc
    async def GetModel(self, request: pb.GetModelRequest, _context: Context) -> pb.Model:
        """One model, with its digest."""
        entry = self.registry.entry(request.model)
        return replies.model_of(entry, await entry.served.digest() if entry.served else "")

    @rpc
    async def PullModel(self, request: pb.PullModelRequest, context: Context) -> None:
        """Into this machine's store; the last message carries the file."""
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

        load = asyncio.create_task(self.registry.load(name, settings, report, defaults))
        load.add_done_callback(lambda _: changed.set())
        try:
            while not load.done():
                await changed.wait()
                changed.clear()
                if latest:
                    await context.write(latest.pop())
            served = await load
        finally:
            load.cancel()  # the wait for it; the load itself goes on in the registry
        digest = await served.digest()
        model = replies.model_of(self.registry.entry(name), digest)
        await context.write(pb.LoadModelResponse(stage="ready", progress=1.0, model=model))

    @rpc
    async def UnloadModel(self, request: pb.UnloadModelRequest, _context: Context) -> pb.UnloadModelResponse:
        """Drain, then free."""
        self._check_free()
        cancelled = await self.registry.unload(request.model, requests.grace_of(request))
        return pb.UnloadModelResponse(cancelled_requests=cancelled)

    def _check_free(self) -> None:
        """Raises PlacedByMeshError where whoever reaches this agent has no say in what it loads."""
        if self.for_model:
            raise PlacedByMeshError(
                f"this agent serves {self.for_model!r} for a mesh and loads what that says; change the Model instead, "
                "with `kubectl edit echomodel` or `echorator mesh apply`"
            )

    @rpc
    async def ListSlots(self, request: pb.ListSlotsRequest, _context: Context) -> pb.ListSlotsResponse:
        """What each slot does now."""
        engine = self.registry.get(request.model).engine
        return replies.slots_of(engine.slots_state(), engine.slots) if engine is not None else pb.ListSlotsResponse()

    @rpc
    async def WatchStats(self, request: pb.WatchStatsRequest, context: Context) -> None:
        """Counters at once and then at every interval, until the model or the server goes."""
        interval_s = requests.interval_of(request)
        served = self.registry.get(request.model)
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
    """A request that ended well, in metrics and as spans of its trace."""
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
