"""Runs the agents of `echorator up`, each in a process of its own or in this process. The local cluster starts and ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.mesh.mesh_session import MeshSettings, RefusedError
from echorator.agent.server import AgentServer
from echorator.cluster.resources import AgentSpec
from echorator.host.agent_logs import place_of, prune
from echorator.host.children import dying_with_parent, echorator_itself
from echorator.host.connection import channel_to
from echorator.host.model_store import puller_of
from echorator.host.process_log import ProcessLog
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from echorator.telemetry.agent_metrics import EngineReading
from echorator.telemetry.log_lines import LISTENING_ON, METRICS_ON, log_line, said

_log = logging.getLogger(__name__)

METRICS_S = 1.0  # time for an agent to answer for its metrics
LAST_WORDS_S = 2.0  # time to read the last output of an agent that has ended
OnChange = Callable[[], None]


@dataclass(frozen=True)
class AgentPlace:
    """The settings that all agents share. `memory` is the address of their CognitionService, "" for none."""

    controller: str
    host: str
    memory: str
    logs: Path
    grace_s: float
    models: Path | None  # folder of the model files; None: this user's
    telemetry: tuple[str, ...]  # options of `echorator serve` about logs and traces


class AgentRun(ABC):
    """One run of one agent. `_main` runs on the event loop; the cluster's thread calls the other methods."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self.name = name
        self.ready = False
        self.ended = False
        self.error = ""
        self.metrics_url = ""  # where the metrics of an agent in a process of its own are read, once that is known
        self._loop = loop
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._killed = asyncio.Event()
        asyncio.run_coroutine_threadsafe(self._guarded(), loop)

    async def _guarded(self) -> None:
        try:
            await self._main()
        except Exception as error:  # noqa: BLE001  the cluster must learn of any error that ended the run
            self.error = str(error) or type(error).__name__
        self.ready = False
        self.ended = True
        self._on_change()

    @abstractmethod
    async def _main(self) -> None:
        """Run the agent from its start to its end."""

    def engines(self) -> list[EngineReading]:
        """Return the counters of the engines that run in this process."""
        return []

    def _now_ready(self) -> None:
        self.ready = True
        self._on_change()

    def stop(self) -> None:
        """Make the agent leave the mesh, finish its running calls, and end."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    def kill(self) -> None:
        """End the agent without waiting for its running calls."""
        self._loop.call_soon_threadsafe(self._killed.set)
        self.stop()


class AgentProcess(AgentRun):
    """A run of `echorator serve` as a child process, which dies with this process, however that ends."""

    def __init__(self, name: str, spec: AgentSpec, place: AgentPlace, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self._spec = spec
        self._place = place
        self._log_path = place_of(place.logs, spec.model, name)
        super().__init__(name, loop, on_change)

    def _command(self) -> tuple[str, ...]:
        place = self._place
        options = ["--controller", place.controller, "--agent-id", self.name, "--for-model", self._spec.model]
        options += ["--host", place.host, "--port", "0", "--grace", str(place.grace_s)]
        if place.models is not None:
            options += ["--models", str(place.models)]
        if place.memory and self._spec.cognition:
            options += ["--memory-server", place.memory]
        options += ["--metrics-port", "0", *place.telemetry]
        return dying_with_parent(*echorator_itself("serve", *options), by=signal.SIGKILL)

    async def _main(self) -> None:
        log = ProcessLog(self._log_path)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends its agents in order
            )
            assert process.stdout is not None
            assert process.stderr is not None
            log.note(log_line("agent started", agent=self.name, model=self._spec.model, pid=process.pid))
            copying = asyncio.create_task(log.copy(process.stderr))
            signals = [asyncio.create_task(self._pass_on(process, *pair)) for pair in self._signals()]
            async for line in process.stdout:
                told = said(line)
                if told.startswith(METRICS_ON):
                    self.metrics_url = told.removeprefix(METRICS_ON)
                if told.startswith(LISTENING_ON):
                    self._now_ready()
            code = await process.wait()
            await asyncio.wait((copying,), timeout=LAST_WORDS_S)
            for task in (copying, *signals):
                task.cancel()
            log.note(log_line("agent ended", agent=self.name, model=self._spec.model, pid=process.pid, code=code))
        finally:
            log.close()
        if not self._stopping.is_set():
            last = log.tail.strip().splitlines()
            self.error = f"the agent ended with {code}: {last[-1] if last else 'it said nothing'} ({self._log_path})"
            _log.warning("an agent ended by itself", extra={"agent": self.name, "model": self._spec.model, "code": code})

    def _signals(self) -> tuple[tuple[asyncio.Event, signal.Signals], ...]:
        return ((self._stopping, signal.SIGTERM), (self._killed, signal.SIGKILL))

    async def _pass_on(self, process: asyncio.subprocess.Process, event: asyncio.Event, number: signal.Signals) -> None:
        await event.wait()
        if process.returncode is None:
            process.send_signal(number)


class AgentInside(AgentRun):
    """A run of an agent on this process's event loop: it costs no second Python, but is not isolated from the rest."""

    def __init__(self, name: str, spec: AgentSpec, place: AgentPlace, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self._spec = spec
        self._place = place
        self._agent: AgentServer | None = None
        super().__init__(name, loop, on_change)

    def engines(self) -> list[EngineReading]:
        """Return the counters of this agent's engines."""
        return self._agent.engines() if self._agent is not None else []

    async def _main(self) -> None:
        place = self._place
        agent = AgentServer(ServerSettings(place.host, 0, place.grace_s), EngineSettings(embedded_model()), puller_of(place.models))
        self._agent = agent
        memory = place.memory if self._spec.cognition else ""
        async with AsyncExitStack() as stack:
            if memory:
                agent.memory.use(CognitionServiceStub(await stack.enter_async_context(channel_to(memory))))
            stack.push_async_callback(agent.close)
            await agent.start()
            session = agent.join(
                MeshSettings(place.controller, self.name, agent.address, memory=(memory, memory), for_model=self._spec.model)
            )
            refused: asyncio.Future[RefusedError] = self._loop.create_future()
            session.on_refused = lambda error: None if refused.done() else refused.set_result(error)
            agent.serve()
            ready = asyncio.create_task(self._ready_after(session.joined))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait((refused, stopping), return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if refused.done():
                raise refused.result()
            draining, killed = asyncio.create_task(agent.drain(place.grace_s)), asyncio.create_task(self._killed.wait())
            await asyncio.wait((draining, killed), return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, killed):
                task.cancel()

    async def _ready_after(self, joined: asyncio.Event) -> None:
        await joined.wait()
        self._now_ready()


class Agents:
    """The `AgentRuns` of the local cluster. Make it on the event loop, and call `use` before the first start."""

    place: AgentPlace

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._runs: dict[str, AgentRun] = {}  # the latest run of each agent

    def use(self, place: AgentPlace) -> None:
        """Set what all agents share, before the first start."""
        self.place = place

    def start(self, name: str, spec: AgentSpec, on_change: OnChange) -> AgentRun:
        """Start a run of an agent as its spec says, in a process or in this one; see `AgentRuns.start`."""
        self._runs = {known: run for known, run in self._runs.items() if not run.ended}
        prune(self.place.logs, {name, *self._runs})
        kind = AgentProcess if spec.isolation == "Process" else AgentInside
        run = self._runs[name] = kind(name, spec, self.place, self._loop, on_change)
        return run

    def engines(self) -> list[EngineReading]:
        """Return the counters of the engines of the agents that run in this process."""
        return [reading for run in list(self._runs.values()) if not run.ended for reading in run.engines()]

    async def metrics(self) -> dict[str, str]:
        """Return the metrics of the agents in processes of their own, by name; those that do not answer at once are left out."""
        urls = {name: run.metrics_url for name, run in list(self._runs.items()) if run.metrics_url and not run.ended}
        texts = await asyncio.gather(*(asyncio.to_thread(_read, url) for url in urls.values()))
        return {name: text for name, text in zip(urls, texts, strict=True) if text}


def _read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=METRICS_S) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
