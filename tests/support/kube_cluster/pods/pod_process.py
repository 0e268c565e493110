"""One pod as processes: its volumes, its containers in their order, its status, its end."""

from __future__ import annotations

import asyncio
import shutil
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.kube_cluster.api_client import STRATEGIC, ApiClient, ApiError, Json
from tests.support.kube_cluster.pods.container_process import ContainerProcess, Kind, now
from tests.support.kube_cluster.pods.environment import PodEnvironment
from tests.support.kube_cluster.pods.fields import HOST_IP
from tests.support.kube_cluster.pods.texts import Resolve
from tests.support.kube_cluster.pods.volumes import NoImage, NotYet, PodVolumes
from tests.support.kube_cluster.service_names import condition

_RETRY_S = 0.3
_FORCED_S = 2.0
_DEFAULT_GRACE_S = 30.0


@dataclass(frozen=True)
class Node:
    """What all pods of the node share."""

    api: ApiClient
    folder: Path
    pool: ThreadPoolExecutor
    resolve: Resolve
    failures: list[str] = field(default_factory=list)

    @property
    def images(self) -> Path:
        return self.folder / "images"


class PodProcess:
    """`run` returns when all is over: the pod was deleted, or it vanished, and none of its processes is left."""

    def __init__(self, node: Node, pod: Json, address: str) -> None:
        metadata = pod["metadata"]
        self.uid: str = metadata["uid"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.address = address
        self._node = node
        self._pod = pod
        self._folder = node.folder / "pods" / self.uid
        self._path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        logs = self._folder / "logs"
        logs.mkdir(parents=True)
        self._volumes = PodVolumes(node.api, pod, self._folder / "volumes", node.images, address)
        self._environment = PodEnvironment(node.api, pod, self._folder, address, self._volumes, node.resolve)

        def container(spec: Json, kind: Kind) -> ContainerProcess:
            return ContainerProcess(pod, spec, kind, address, self._environment, logs, node.pool, self._changed)

        spec = pod["spec"]
        self._inits = [
            container(item, "sidecar" if item.get("restartPolicy") == "Always" else "init") for item in spec.get("initContainers", ())
        ]
        self._mains = [container(item, "main") for item in spec["containers"]]
        self._started_at = now()
        self._placed = self._initialized = self._over = False
        self._trouble = ""
        self._conditions: dict[str, Json] = {}
        self._news = asyncio.Event()
        self._deletion = asyncio.Event()
        self.vanished = self.ended = False

    @property
    def containers(self) -> list[ContainerProcess]:
        return [*self._mains, *self._inits]

    def update(self, pod: Json) -> None:
        self._pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._deletion.set()

    def vanish(self) -> None:
        self.vanished = True
        self._deletion.set()

    def kill(self) -> None:
        """At once, when the node goes."""
        for container in self.containers:
            for child in container.children():
                child.kill()

    async def run(self) -> None:
        publishing = asyncio.create_task(self._publish_news())
        living = asyncio.create_task(self._live())
        deletion = asyncio.create_task(self._deletion.wait())
        try:
            await asyncio.wait((living, deletion), return_when=asyncio.FIRST_COMPLETED)
            if living.done() and living.exception() is not None:
                self._trouble = "".join(traceback.format_exception(living.exception()))
                self._node.failures.append(self._trouble)
                self._finish()
            await self._deletion.wait()
            await self._stop()
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            self._finish()
            if not self.vanished:
                await publishing
                body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
                await self._node.api.delete(self._path, body)
        finally:
            for task in (publishing, living, deletion):
                task.cancel()
            await asyncio.gather(publishing, living, deletion, return_exceptions=True)
            self.ended = True
        for name in ("volumes", "home", "data", "tmp"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    async def _live(self) -> None:
        await self._place()
        async with asyncio.TaskGroup() as group:
            for container in self._inits:
                if container.kind == "sidecar":
                    group.create_task(container.run())
                    await container.up.wait()
                elif await container.run() != 0:
                    await self._stop_sidecars(self._grace_s())
                    self._finish()
                    return
            self._initialized = True
            self._changed()
            await asyncio.gather(*(container.run() for container in self._mains))
            await self._stop_sidecars(self._grace_s())
            self._finish()

    async def _place(self) -> None:
        """Its volumes, as soon as all are there."""
        while True:
            try:
                self._environment.volumes = await self._volumes.place()
            except (NotYet, ApiError) as absent:
                reason = "ImagePullBackOff" if isinstance(absent, NoImage) else "ContainerCreating"
                for container in self.containers:
                    container.waiting(reason, str(absent))
                await asyncio.sleep(_RETRY_S)
            else:
                break
        for container in self._inits + self._mains:
            container.waiting("PodInitializing" if self._inits else "ContainerCreating")
        self._placed = True

    def _grace_s(self) -> float:
        if self.vanished:
            return _FORCED_S
        grace_s = self._pod["metadata"].get("deletionGracePeriodSeconds")
        if grace_s is None:
            grace_s = self._pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S)
        return float(grace_s)

    async def _stop(self) -> None:
        """The containers together, then the sidecars in reverse."""
        deadline_s = time.monotonic() + self._grace_s()
        ordinary = [container for container in self.containers if container.kind != "sidecar"]
        await asyncio.gather(*(container.stop(self._grace_s()) for container in ordinary))
        await self._stop_sidecars(deadline_s - time.monotonic())

    async def _stop_sidecars(self, left_s: float) -> None:
        deadline_s = time.monotonic() + left_s
        for container in reversed(self._inits):
            if container.kind == "sidecar":
                await container.stop(max(deadline_s - time.monotonic(), _FORCED_S))

    def _finish(self) -> None:
        self._over = True
        self._changed()

    def _changed(self) -> None:
        self._news.set()

    async def _publish_news(self) -> None:
        """Until the pod is to be deleted and its last status is out."""
        self._changed()
        while True:
            await self._news.wait()
            self._news.clear()
            last = self._over and self._deletion.is_set()
            try:
                patch = {"metadata": {"uid": self.uid}, "status": self._status()}
                await self._node.api.call("PATCH", f"{self._path}/status", patch, STRATEGIC)
            except ApiError as error:
                if error.status not in (404, 409):
                    self._node.failures.append(f"status of {self.namespace}/{self.name}: {error}")
            if last:
                return

    def _phase(self) -> str:
        if self._over:
            done = not self._trouble and all(item.exit_code == 0 for item in self._mains)
            return "Succeeded" if done else "Failed"
        return "Running" if self._initialized and any(item.has_run for item in self._mains) else "Pending"

    def _status(self) -> Json:
        phase = self._phase()
        initialized = self._initialized or (not self._inits and self._placed)
        needed = [*self._mains, *(item for item in self._inits if item.kind == "sidecar")]
        ready = not self._over and initialized and all(item.ready for item in needed)
        gates = [item["conditionType"] for item in self._pod["spec"].get("readinessGates", ())]
        self._condition("PodReadyToStartContainers", self._placed and not self._over, "")
        self._condition("Initialized", initialized, "ContainersNotInitialized")
        reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
        self._condition("ContainersReady", ready, reason)
        self._condition("Ready", ready and all(condition(self._pod, gate) for gate in gates), reason)
        status: Json = {
            "observedGeneration": self._pod["metadata"].get("generation", 0),
            "phase": phase,
            "conditions": list(self._conditions.values()),
            "hostIP": HOST_IP,
            "hostIPs": [{"ip": HOST_IP}],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": self._started_at,
            "containerStatuses": [container.status() for container in self._mains],
        }
        if self._inits:
            status["initContainerStatuses"] = [container.status() for container in self._inits]
        if self._trouble:
            status |= {"reason": "KubeletError", "message": self._trouble}
        return status

    def _condition(self, kind: str, holds: bool, reason: str) -> None:
        status = "True" if holds else "False"
        before = self._conditions.get(kind)
        since = before["lastTransitionTime"] if before is not None and before["status"] == status else now()
        entry = {"type": kind, "status": status, "lastTransitionTime": since}
        self._conditions[kind] = {**entry, "reason": None if holds else reason or None}
