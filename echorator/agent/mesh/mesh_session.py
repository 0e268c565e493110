"""Keeps this agent's stream to the controller: registers, reports its state, and carries out what the controller desires.

The stream may break at any time; it is reopened after an exponential backoff with jitter, and the models are served meanwhile. A report
is sent on every change of what calls this agent takes, and at least as often as the controller asks.
Fed by `registry` and `placed_models`; feeds `placed_models` with what the controller desires.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import grpc
from grpc import aio

from echorator import __version__, machine
from echorator.agent.loading.registry import Entry, Registry, State
from echorator.agent.mesh.callers import Callers
from echorator.agent.mesh.placed_models import LAME_DUCK_S, Failure, FindModel, Placed, PlacedModels
from echorator.backoff import Backoff
from echorator.errors import EchoratorError
from echorator.rpc import SESSION_PROTOCOL
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceStub
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.address import host_port
from echorator.serving.loops import kept_up
from echorator.settings import EngineSettings

_log = logging.getLogger(__name__)

RETRY = Backoff(first_s=0.1, longest_s=3.0, jitter=(0.5, 1.0))
GATHER_S = 0.01  # changes within this time are sent as one report
TAKEN_S = 5.0  # an id that is taken for longer belongs to a living agent, not to this agent's former process
REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)

_STATES = {
    State.LOADING: pb.AGENT_MODEL_STATE_LOADING,
    State.READY: pb.AGENT_MODEL_STATE_READY,
    State.DRAINING: pb.AGENT_MODEL_STATE_DRAINING,
    State.STALLED: pb.AGENT_MODEL_STATE_LOADING,  # takes no calls now, and may again
}


class RefusedError(EchoratorError):
    """The controller refuses this agent, and will as long as its settings are the same."""


@dataclass(frozen=True)
class MeshSettings:
    """The settings of an agent that joins a mesh."""

    controller: str  # HOST:PORT of the controller
    id: str  # name of this agent in the mesh, the same after a restart
    address: str  # HOST:PORT at which clients reach this agent
    zone: str = ""  # where this agent runs, the locality in xDS; "": none
    priority: int = 0  # 0..127; agents above 0 get calls while no agent of a lower number is ready
    memory: tuple[str, str] = ("", "")  # address and store of the memory that this agent's chats use
    for_model: str = ""  # the only model that this agent serves; "": any

    def __post_init__(self) -> None:
        """Check the addresses. Raises InvalidRequestError, naming the field."""
        for name in ("controller", "address"):
            host_port(getattr(self, name), name)


class MeshSession:
    """One agent's session with its controller: `start`, then `leave` before the server drains, then `close`."""

    def __init__(self, settings: MeshSettings, registry: Registry, defaults: EngineSettings, callers: Callers, find: FindModel) -> None:
        self._settings = settings
        self._registry = registry
        self._callers = callers
        self._instance = uuid.uuid4().hex
        self._changed = asyncio.Event()
        self.joined = asyncio.Event()
        self._draining = False
        self._left = asyncio.Event()
        self._revision = 0
        self._controller = ""
        self._rates: dict[str, tuple[float, float]] = {}
        self._models = PlacedModels(registry, defaults, find, self.changed)
        self._task: asyncio.Task[None] | None = None
        self.on_refused: Callable[[RefusedError], None] = lambda _: None

    def start(self) -> None:
        """Connect, and reconnect whenever the stream breaks."""
        self._task = asyncio.create_task(kept_up("session with the controller", self._run))

    def changed(self) -> None:
        """Send a report soon: the state of this agent is no longer what was last reported."""
        self._changed.set()

    async def leave(self, within_s: float) -> None:
        """Report that this agent drains, wait up to `within_s` until that was sent, and give clients LAME_DUCK_S to learn of it."""
        if self._draining:
            return
        self._draining = True
        self.changed()
        if self.joined.is_set():
            try:
                async with asyncio.timeout(within_s):
                    await self._left.wait()
                await asyncio.sleep(LAME_DUCK_S)
            except TimeoutError:
                _log.warning("the controller was not told that this agent leaves")

    async def close(self) -> None:
        """Cancel the stream and stop placing models."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._models.close()

    async def _run(self) -> None:
        failures, free_s = 0, time.monotonic()
        while True:
            began_s = time.monotonic()
            try:
                async with aio.insecure_channel(self._settings.controller, options=[("grpc.max_reconnect_backoff_ms", 2000)]) as channel:
                    await self._session(MeshServiceStub(channel))
            except aio.AioRpcError as error:
                taken = error.code() is grpc.StatusCode.ALREADY_EXISTS
                if not taken:
                    free_s = time.monotonic()
                if error.code() in REFUSED or (taken and time.monotonic() - free_s > TAKEN_S):
                    self.on_refused(RefusedError(f"the controller {self._settings.controller} refuses this agent: {error.details()}"))
                level = logging.WARNING if self.joined.is_set() else logging.INFO
                _log.log(level, "no session with the controller", extra={"code": error.code().name, "error": error.details()})
            self.joined.clear()
            failures = 1 if time.monotonic() - began_s > RETRY.longest_s else failures + 1
            await asyncio.sleep(RETRY.jittered_s(failures, random.random()))

    async def _session(self, stub: MeshServiceStub) -> None:
        interval_s = asyncio.get_running_loop().create_future()
        call = stub.AgentSession(self._messages(interval_s))
        try:
            async for message in call:
                kind = message.WhichOneof("message")
                if kind == "welcome" and not interval_s.done():
                    interval_s.set_result(message.welcome.report_interval_s)
                elif kind == "desired":
                    self._obey(message.desired)
        finally:
            call.cancel()
            if not interval_s.done():
                interval_s.set_result(0.0)  # ends `_messages`; gRPC would leave its task waiting for ever

    def _obey(self, desired: mesh_pb2.Desired) -> None:
        self._revision = desired.revision
        self._models.want(desired)
        if not self.joined.is_set():
            self.joined.set()
            _log.info("joined the mesh", extra={"controller": self._settings.controller, "agent": self._settings.id})

    async def _messages(self, welcomed: asyncio.Future[float]) -> AsyncIterator[mesh_pb2.AgentMessage]:
        yield mesh_pb2.AgentMessage(register=self._register())
        interval_s = await welcomed
        while interval_s:
            self._changed.clear()
            report = self.report()
            yield mesh_pb2.AgentMessage(report=report)
            if report.draining:
                self._left.set()
            try:
                async with asyncio.timeout(interval_s):
                    await self._changed.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                continue

    def _register(self) -> mesh_pb2.Register:
        s = self._settings
        memory = pb.MemoryService(address=s.memory[0], store=s.memory[1]) if s.memory[0] else None
        return mesh_pb2.Register(
            protocol=SESSION_PROTOCOL,
            id=s.id,
            instance=self._instance,
            address=s.address,
            version=__version__,
            zone=s.zone,
            priority=s.priority,
            memory_bytes=machine.memory_bytes(machine.ROOT),
            memory=memory,
            for_model=s.for_model,
        )

    def report(self) -> mesh_pb2.Report:
        """Return the present state of this agent and of all its models."""
        placed = self._models.placed()
        entries = {entry.name: entry for entry in self._registry.entries()}
        free_bytes = machine.memory_free_bytes(machine.ROOT)
        report = mesh_pb2.Report(memory_free_bytes=free_bytes, draining=self._draining, desired_revision=self._revision)
        for name, entry in entries.items():
            model = self._model(entry, placed.get(name))
            following = placed[name].next if name in placed else None
            # An agent that was started for one model does not report this: whoever started it sees to the model's files.
            if following is not None and following.failure is not None and not self._settings.for_model:
                model.next_generation = following.generation
                model.next_error.CopyFrom(_error_of(following.failure))
            report.models.append(model)
        for name, there in placed.items():
            if name not in entries:
                state = pb.AGENT_MODEL_STATE_FAILED if there.failure is not None else pb.AGENT_MODEL_STATE_LOADING
                report.models.append(_with_failure(pb.AgentModel(name=name, state=state, generation=there.generation), there))
        return report

    def _model(self, entry: Entry, placed: Placed | None) -> pb.AgentModel:
        state = pb.AGENT_MODEL_STATE_DRAINING if placed is not None and placed.leaving else _STATES[entry.state]
        model = pb.AgentModel(name=entry.name, state=state, generation=placed.generation if placed is not None else 0)
        served = entry.served
        if served is None:
            return model
        model.generates = served.info.generates
        model.size_bytes = served.info.size_bytes
        model.digest = served.digest_so_far()
        model.callers.update(self._callers.of(entry.name))
        if served.engine is None:
            model.slots, model.busy = served.slots, served.running
            return model
        stats, now_s = served.engine.stats(), time.monotonic()
        tokens, then_s = self._rates.get(entry.name, (stats["completion_tokens"], now_s))
        if now_s - then_s >= 1.0 or entry.name not in self._rates:
            self._rates[entry.name] = (stats["completion_tokens"], now_s)
        model.first_token_p95_s = served.first_tokens.p95_s()
        model.slots = served.slots
        model.busy, model.queued = int(stats["busy"]), int(stats["queued"])
        model.tokens_per_s = max(0.0, (stats["completion_tokens"] - tokens) / (now_s - then_s)) if now_s > then_s else 0.0
        return model


def _with_failure(model: pb.AgentModel, placed: Placed) -> pb.AgentModel:
    if placed.failure is not None:
        model.error.CopyFrom(_error_of(placed.failure))
    return model


def _error_of(failure: Failure) -> pb.MeshError:
    return pb.MeshError(kind=f"ERROR_CLASS_{failure.kind.name}", message=failure.message, attempts=failure.attempts)
