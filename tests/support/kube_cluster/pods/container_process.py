"""One container of a pod as a process: started, probed, restarted, stopped, and what its status says of that."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.support.kube_cluster.api_client import ApiError, Json
from tests.support.kube_cluster.pods.child_process import ChildProcess
from tests.support.kube_cluster.pods.environment import Launch, NoProgram, PodEnvironment
from tests.support.kube_cluster.pods.probes import Probe, http_ok
from tests.support.kube_cluster.pods.volumes import NotYet
from tests.support.kube_cluster.service_names import container_port

Kind = Literal["init", "sidecar", "main"]

_FIRST_BACKOFF_S, _LAST_BACKOFF_S, _STEADY_S = 0.2, 2.0, 10.0
_RETRY_S = 0.3
_MESSAGE_BYTES, _MESSAGE_LINES = 2048, 80
_SIGTERM, _SIGKILL = 15, 9
_START_ERROR = 128


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ContainerProcess:
    """`run` goes on until the container is not to be restarted, or until `stop`; `changed` is called when its status did."""

    def __init__(
        self,
        pod: Json,
        spec: Json,
        kind: Kind,
        address: str,
        environment: PodEnvironment,
        logs: Path,
        pool: ThreadPoolExecutor,
        changed: Callable[[], None],
    ) -> None:
        self.name: str = spec["name"]
        self.kind = kind
        self.restarts = 0
        self.ready = self.started = False
        self.exit_code: int | None = None
        self.child: ChildProcess | None = None
        self.up = asyncio.Event()  # it started, as its startup probe says where it has one, at least once
        self._spec = spec
        self._pod = pod
        self._address = address
        self._environment = environment
        self._logs = logs
        self._pool = pool
        self._changed = changed
        self._state: Json = {"waiting": {"reason": "ContainerCreating" if kind == "init" else "PodInitializing"}}
        self._last_state: Json = {}
        self._stopping = asyncio.Event()
        self._beside: set[ChildProcess] = set()
        self._launch: Launch

    def log(self, restart: int) -> Path:
        return self._logs / f"{self.name}.{restart}.log"

    @property
    def running(self) -> bool:
        return "running" in self._state

    @property
    def has_run(self) -> bool:
        return self.running or self.exit_code is not None

    def status(self) -> Json:
        image = str(self._spec.get("image", ""))
        status: Json = {
            "name": self.name,
            "image": image,
            "imageID": f"process://{image}",
            "state": self._state,
            "lastState": self._last_state,
            "restartCount": self.restarts,
            "ready": self.ready,
            "started": self.started,
        }
        if self.has_run:
            status["containerID"] = self._id()
        return status

    def _id(self) -> str:
        return f"process://{self._pod['metadata']['uid']}/{self.name}/{self.restarts}"

    def children(self) -> list[ChildProcess]:
        return [child for child in (self.child, *self._beside) if child is not None and child.running]

    def waiting(self, reason: str, message: str = "") -> None:
        self._state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self._changed()

    async def run(self) -> int:
        """The last exit code; -1 where it never ran."""
        backoff_s = _FIRST_BACKOFF_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            terminated = await self._run_once()
            if terminated is None:
                continue
            self._state = {"terminated": terminated}
            code = int(terminated["exitCode"])
            self.exit_code = code
            # An init container that has done its work is ready.
            self.ready, self.started = self.kind == "init" and code == 0, False
            self._changed()
            if self._stopping.is_set() or not self._restarts_after(code):
                break
            if time.monotonic() - began_s > _STEADY_S:
                backoff_s = _FIRST_BACKOFF_S
            self._last_state = self._state
            self.waiting("CrashLoopBackOff", f"back-off {backoff_s:g}s restarting failed container={self.name}")
            await self._pause(backoff_s)
            backoff_s = min(2 * backoff_s, _LAST_BACKOFF_S)
            if self._stopping.is_set():
                self._state, self._last_state = self._last_state, {}
                self._changed()
            else:
                self.restarts += 1
        return -1 if self.exit_code is None else self.exit_code

    def _restarts_after(self, code: int) -> bool:
        policy = "Always" if self.kind == "sidecar" else self._pod["spec"].get("restartPolicy", "Always")
        if policy == "Always" and self.kind != "init":
            return True
        return policy != "Never" and code != 0

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _run_once(self) -> Json | None:
        """How it ended; None where it could not start yet."""
        try:
            self._launch = await self._environment.launch(self._spec)
            if self._stopping.is_set():
                return None
            self.child = ChildProcess(self._launch, self.log(self.restarts))
        except (NotYet, ApiError) as absent:
            self.waiting("CreateContainerConfigError", str(absent))
            await self._pause(_RETRY_S)
            return None
        except (NoProgram, OSError) as error:
            return {"exitCode": _START_ERROR, "reason": "StartError", "message": str(error), "containerID": self._id()}
        began = now()
        self._state = {"running": {"startedAt": began}}
        self._changed()
        probing = asyncio.create_task(self._probe())
        try:
            code = await self.child.ended()
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
        reason = "Completed" if code == 0 else "Error"
        ended: Json = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now(), "containerID": self._id()}
        message = self._message(code)
        return {**ended, "message": message} if message else ended

    def _message(self, code: int) -> str:
        path = self._environment.termination_message(self._spec)
        if path.exists() and path.stat().st_size:
            message = path.read_bytes()[-2 * _MESSAGE_BYTES :].decode("utf-8", "replace")
            path.unlink()
            return message
        if code == 0 or self._spec.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return ""
        tail = self.log(self.restarts).read_bytes()[-_MESSAGE_BYTES:].decode("utf-8", "replace")
        return "\n".join(tail.splitlines()[-_MESSAGE_LINES:])

    def _probe_of(self, kind: str) -> Probe | None:
        spec = self._spec.get(kind)
        return None if spec is None else Probe(spec, self._pod["spec"], self._address, self._beside_it, self._pool)

    async def _probe(self) -> None:
        startup, readiness, liveness = (self._probe_of(kind) for kind in ("startupProbe", "readinessProbe", "livenessProbe"))
        if startup is not None:
            await asyncio.sleep(startup.delay_s)
            passed, failed = (
                asyncio.create_task(startup.until(True, startup.successes)),
                asyncio.create_task(asyncio.sleep(startup.patience * startup.period_s)),
            )
            try:
                await asyncio.wait((passed, failed), return_when=asyncio.FIRST_COMPLETED)
                if not passed.done():
                    await self._end(self._grace_of(startup), "startup probe failed")
                    return
                passed.result()
            finally:
                passed.cancel()
                failed.cancel()
        self.started, self.ready = True, readiness is None
        self.up.set()
        self._changed()
        async with asyncio.TaskGroup() as group:
            if readiness is not None:
                group.create_task(self._watch_readiness(readiness))
            if liveness is not None:
                group.create_task(self._watch_liveness(liveness))

    async def _watch_readiness(self, probe: Probe) -> None:
        await asyncio.sleep(probe.delay_s)
        while True:
            await probe.until(not self.ready, probe.failures if self.ready else probe.successes)
            self.ready = not self.ready
            self._changed()
            await asyncio.sleep(probe.period_s)

    async def _watch_liveness(self, probe: Probe) -> None:
        """Until it passed once it may fail as long as its spec says, for the start is not faster here; then as often."""
        await asyncio.sleep(probe.delay_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(probe.patience * probe.period_s):
                await probe.until(True, 1)
                await asyncio.sleep(probe.period_s)
        await probe.until(False, probe.failures)
        await self._end(self._grace_of(probe), "liveness probe failed")

    def _grace_of(self, probe: Probe) -> float:
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30) if probe.grace_s is None else probe.grace_s)

    async def _beside_it(self, command: list[str], timeout_s: float) -> bool:
        """A command of a probe or hook, in the container's environment."""
        try:
            launch = await self._environment.beside(self._launch, command)
            child = ChildProcess(launch, self._logs / f"{self.name}.exec")
        except (NoProgram, OSError):
            return False
        self._beside.add(child)
        try:
            async with asyncio.timeout(timeout_s):
                return await child.ended() == 0
        except TimeoutError:
            return False
        finally:
            child.kill()
            self._beside.discard(child)

    async def stop(self, grace_s: float) -> None:
        """For good: its hook, SIGTERM, and SIGKILL after `grace_s`."""
        self._stopping.set()
        await self._end(grace_s, "stopped")

    async def _end(self, grace_s: float, why: str) -> None:
        child = self.child
        if child is None or not child.running:
            return
        with (self._logs / f"{self.name}.events").open("a") as events:
            events.write(f"{now()} {why}\n")
        deadline_s = time.monotonic() + grace_s
        try:
            async with asyncio.timeout(grace_s):
                await self._before_stop(deadline_s)
                child.signal(_SIGTERM)
                await child.ended()
        except TimeoutError:
            child.signal(_SIGKILL)
            await child.ended()

    async def _before_stop(self, deadline_s: float) -> None:
        hook = self._spec.get("lifecycle", {}).get("preStop", {})
        left_s = max(deadline_s - time.monotonic(), 0.01)
        if "exec" in hook:
            await self._beside_it(hook["exec"]["command"], left_s)
        elif "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
        elif "httpGet" in hook:
            action = hook["httpGet"]
            host, port = action.get("host") or self._address, container_port(self._pod["spec"], action["port"])
            await asyncio.get_running_loop().run_in_executor(self._pool, http_ok, action, host, port, left_s)
