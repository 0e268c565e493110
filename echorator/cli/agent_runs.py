"""Runs the agents of `echorator up`: each a process of its own, or all in this one. The local cluster starts and ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from echorator.agent.embedded import embedded_model
from echorator.agent.mesh_session import MeshSettings, RefusedError
from echorator.agent.server import AgentServer
from echorator.cli.children import dying_with_parent, echorator_itself
from echorator.cli.client import channel_to
from echorator.cli.model_store import puller_of
from echorator.cluster.resources import AgentSpec
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings

_log = logging.getLogger(__name__)

TAIL_BYTES = 2000  # of an agent's log, for why it ended
OnChange = Callable[[], None]


@dataclass(frozen=True)
class AgentPlace:
    """What all agents share. `memory` is "" where there is none."""

    controller: str
    host: str
    memory: str
    logs: Path
    grace_s: float
    models: Path | None  # where model files are kept; None: where this user's are


class AgentRun(ABC):
    """One start of one agent; `_main` runs on the event loop, the rest is called from the cluster's thread."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self.name = name
        self.ready = False
        self.ended = False
        self.error = ""
        self._loop = loop
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._killed = asyncio.Event()
        asyncio.run_coroutine_threadsafe(self._guarded(), loop)

    async def _guarded(self) -> None:
        try:
            await self._main()
        except Exception as error:  # noqa: BLE001  whatever it was, the cluster must learn that this run is over
            self.error = str(error) or type(error).__name__
        self.ready = False
        self.ended = True
        self._on_change()

    @abstractmethod
    async def _main(self) -> None:
        """From its start to its end."""

    def _now_ready(self) -> None:
        self.ready = True
        self._on_change()

    def stop(self) -> None:
        """Leave the mesh, let running calls end, end."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    def kill(self) -> None:
        """End now."""
        self._loop.call_soon_threadsafe(self._killed.set)
        self.stop()


class AgentProcess(AgentRun):
    """`echorator serve` as a child that does not outlive this process, however that ends."""

    def __init__(self, name: str, spec: AgentSpec, place: AgentPlace, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self._spec = spec
        self._place = place
        self._log = place.logs / f"{name}.log"
        super().__init__(name, loop, on_change)

    def _command(self) -> tuple[str, ...]:
        place = self._place
        options = ["--controller", place.controller, "--agent-id", self.name, "--for-model", self._spec.model]
        options += ["--host", place.host, "--port", "0", "--grace", str(place.grace_s)]
        if place.models is not None:
            options += ["--models", str(place.models)]
        if place.memory and self._spec.cognition:
            options += ["--memory-server", place.memory]
        return dying_with_parent(*echorator_itself("serve", *options), by=signal.SIGKILL)

    async def _main(self) -> None:
        self._place.logs.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which ends its agents in order
            )
        signals = [asyncio.create_task(self._pass_on(process, *pair)) for pair in self._signals()]
        assert process.stdout is not None
        async for line in process.stdout:
            if line.startswith(b"listening on "):
                self._now_ready()
        code = await process.wait()
        for task in signals:
            task.cancel()
        if self._stopping.is_set():
            self._log.unlink(missing_ok=True)
        else:
            self.error = f"the agent ended with {code}: {self._last_words()}"

    def _signals(self) -> tuple[tuple[asyncio.Event, signal.Signals], ...]:
        return ((self._stopping, signal.SIGTERM), (self._killed, signal.SIGKILL))

    async def _pass_on(self, process: asyncio.subprocess.Process, event: asyncio.Event, number: signal.Signals) -> None:
        await event.wait()
        if process.returncode is None:
            process.send_signal(number)

    def _last_words(self) -> str:
        tail = self._log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").strip()
        return f"{tail.splitlines()[-1]} ({self._log})" if tail else f"it said nothing ({self._log})"


class AgentInside(AgentRun):
    """An agent on this process's own event loop: no second Python, and no wall between it and the rest."""

    def __init__(self, name: str, spec: AgentSpec, place: AgentPlace, loop: asyncio.AbstractEventLoop, on_change: OnChange) -> None:
        self._spec = spec
        self._place = place
        super().__init__(name, loop, on_change)

    async def _main(self) -> None:
        place = self._place
        agent = AgentServer(ServerSettings(place.host, 0, place.grace_s), EngineSettings(embedded_model()), puller_of(place.models))
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
    """`AgentRuns` of the local cluster. Made on the event loop."""

    place: AgentPlace

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def use(self, place: AgentPlace) -> None:
        """Before the first start. Logs of an earlier process are removed."""
        self.place = place
        for log in place.logs.glob("*.log"):
            log.unlink(missing_ok=True)

    def start(self, name: str, spec: AgentSpec, on_change: OnChange) -> AgentRun:
        """See `AgentRuns`."""
        return (AgentProcess if spec.isolation == "Process" else AgentInside)(name, spec, self.place, self._loop, on_change)
