"""The operator's process: it leads or stands by, keeps its caches current, has workers reconcile, and reports its own state."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aiohttp

from echorator.errors import EchoratorError
from echorator.kube.api.client import AbsentError, ApiError, Client, UnreachableError
from echorator.kube.api.election import Election, ElectionSettings
from echorator.kube.api.events import Events
from echorator.kube.api.resources import GRPC_ROUTE, POD, Kind, Name, Object, name_of
from echorator.kube.api.work_queue import WorkQueue
from echorator.kube.installation import STORE_PORT, Install
from echorator.kube.models.autoscaling import CUSTOM_METRICS, GPU_METRIC, ignored
from echorator.kube.models.memory_health import MemoryHealth
from echorator.kube.models.observation import Download
from echorator.kube.models.reconciler import Reconciler
from echorator.kube.models.world import World
from echorator.mesh_client.link import MeshLink
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import SpecError, check
from echorator.telemetry import operator_metrics as metrics

_log = logging.getLogger(__name__)

CONTROLLER = "model"
PROBE_S = 2.0
IMAGE_VOLUMES_SINCE = (1, 36)


@dataclass(frozen=True)
class OperatorSettings:
    """The settings of one replica of the operator."""

    install: Install  # the installation that the Models become part of
    identity: str  # tells this replica from the others, in the lease and in events
    watched: str = ""  # namespace whose Models are reconciled; "": all
    workers: int = 8  # Models that are reconciled at the same time
    election: ElectionSettings = field(default_factory=ElectionSettings)  # times of the leader election
    lease: str = "echorator-operator"  # name of the election's Lease in the installation's namespace
    controller_through: str = ""  # the controller's address for this process, if it is not the one for pods
    resync_s: float = 600.0  # all Models are reconciled again after this time, even without a change


class Operator:
    """A replica of the operator. Call `run` until it is cancelled; all of its calls use one client."""

    def __init__(self, client: Client, settings: OperatorSettings) -> None:
        self._client = client
        self._settings = settings
        metrics.begin(CONTROLLER, settings.lease)
        client.on_request = lambda method, status, host: metrics.requests.labels(str(status or "<error>"), method, host).inc()
        self.election = Election(client, settings.install.namespace, settings.lease, settings.identity, settings.election)
        self._queue = WorkQueue(CONTROLLER)
        self._world: World | None = None
        self._heard: dict[str, tuple[object, ...]] = {}  # by served name: the last state of the mesh that led to a reconcile
        self._reconciler: Reconciler | None = None
        self.synced = False

    async def run(self) -> None:
        """Lead whenever that is possible, and start afresh when the cluster has got a feature that it lacked before."""
        while True:
            await self.election.run(self._lead)

    def trouble(self) -> str:
        """Return why this replica is not ready; "" if it is. A replica that stands by is ready."""
        if not self.election.leading or self.synced:
            return ""
        return self._world.trouble() if self._world is not None else "what this cluster can do is not known yet"

    async def _lead(self) -> None:
        install = await self._known_install()
        loop = asyncio.get_running_loop()
        self._queue = WorkQueue(CONTROLLER)
        self._world = world = World(self._client, install, self._settings.watched, self._queue.add)

        def heard(name: str) -> None:
            if self._reconciler is not None:  # before that nothing is missed: all Models are reconciled at the start
                self._mesh_changed(world, link, self._reconciler, name)

        def told(name: str) -> None:
            loop.call_soon_threadsafe(heard, name)

        link = await asyncio.to_thread(MeshLink, self._settings.controller_through or install.controller, told)
        memories = MemoryHealth(lambda: self._enqueue(world, ""))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_S)) as session:

            async def downloading(pods: Sequence[Object]) -> Download:
                return await _download(session, pods)

            events = Events(self._client, self._settings.identity)
            reconciler = Reconciler(self._client, world, link, install, events, memories.ready, downloading)
            tasks = [asyncio.create_task(world.run()), asyncio.create_task(memories.run())]
            try:
                await world.synced()
                self._reconciler = reconciler
                self.synced = True
                tasks += [asyncio.create_task(self._work(reconciler)) for _ in range(self._settings.workers)]
                tasks.append(asyncio.create_task(self._resync(world, install)))
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # raises the error of the task that ended; only the resync ends without one
            finally:
                self.synced, self._reconciler = False, None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.to_thread(link.close)

    async def _known_install(self) -> Install:
        """Return the installation with the features of this cluster; unreachable API servers are asked again."""
        while True:
            try:
                version = await self._client.call("GET", "/version")
                groups = {group["name"]: group["versions"] for group in (await self._client.call("GET", "/apis"))["groups"]}
                grpc_routes = GRPC_ROUTE.group in groups and await self._serves(GRPC_ROUTE)
            except UnreachableError as error:
                _log.warning("no answer", extra={"error": str(error)})
                await asyncio.sleep(1.0)
                continue
            number = (int(version["major"]), int(version["minor"].rstrip("+")))
            return replace(
                self._settings.install,
                image_volumes=number >= IMAGE_VOLUMES_SINCE,
                grpc_routes=grpc_routes,
                gpu_metrics=CUSTOM_METRICS in groups and await self._says_gpu_metrics(groups[CUSTOM_METRICS]),
            )

    async def _serves(self, kind: Kind) -> bool:
        """Return whether the API server has this kind in this version; a group alone may have other versions only."""
        try:
            found = await self._client.call("GET", f"/apis/{kind.api_version}")
        except AbsentError:
            return False
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def _says_gpu_metrics(self, versions: Sequence[Object]) -> bool:
        """Return whether an adapter serves GPU metrics of pods; there may be one for other metrics, or one that is down."""
        for version in versions:
            with suppress(ApiError):
                found = await self._client.call("GET", f"/apis/{version['groupVersion']}")
                if any(resource["name"] == f"{POD.plural}/{GPU_METRIC}" for resource in found["resources"]):
                    return True
        return False

    def _mesh_changed(self, world: World, link: MeshLink, reconciler: Reconciler, served: str) -> None:
        """Queue the Models that a change in the mesh concerns.

        Mere changes of load queue a Model only if its recommended number of replicas changes.
        """
        model = link.find(served) if served else None
        if model is None:
            self._heard.pop(served, None)
        else:
            status = model.status
            if status.busy or status.queued:
                reconciler.saw_busy(served)
            recommended = reconciler.recommended(served)
            for key, (_, falls_s) in recommended.items():
                if falls_s:
                    self._queue.add_after(key, falls_s)
            told = (
                model.generation,
                status.observed_generation,
                status.ready,
                status.updated,
                status.digest,
                str(status.last_error),
                tuple(replicas for replicas, _ in recommended.values()),
            )
            if self._heard.get(served) == told:
                return
            self._heard[served] = told
        self._enqueue(world, served)

    def _enqueue(self, world: World, served: str) -> None:
        """Queue the Models that serve a name in the mesh; all Models for ""."""
        for model in world.models.indexed(served) if served else list(world.models.all()):
            self._queue.add(name_of(model))

    # Workers

    async def _work(self, reconciler: Reconciler) -> None:
        while True:
            key = await self._queue.get()
            metrics.active_workers.labels(CONTROLLER).inc()
            begun = time.perf_counter()
            result = "success"
            try:
                result = await self._reconcile(reconciler, key)
            finally:
                metrics.reconciles.labels(CONTROLLER, result).inc()
                metrics.reconcile_s.labels(CONTROLLER).observe(time.perf_counter() - begun)
                metrics.active_workers.labels(CONTROLLER).dec()
                self._queue.done(key)

    async def _reconcile(self, reconciler: Reconciler, key: Name) -> str:
        """Reconcile one Model and return the result as controller-runtime names it."""
        try:
            again_s = await reconciler.reconcile(key, self._queue.failures(key))
        except EchoratorError as error:
            metrics.reconcile_errors.labels(CONTROLLER).inc()
            after_s = self._queue.retry(key, error.after_s if isinstance(error, ApiError) else 0.0)
            level = logging.INFO if error.retryable else logging.WARNING
            extra = {"model": "/".join(key), "error": str(error), "after_s": round(after_s, 3)}
            _log.log(level, "not reconciled", extra=extra)
            return "error"
        except Exception:  # noqa: BLE001  an unexpected error of one Model must not end the others
            metrics.reconcile_errors.labels(CONTROLLER).inc()
            metrics.reconcile_panics.labels(CONTROLLER).inc()
            _log.exception("not reconciled", extra={"model": "/".join(key)})
            self._queue.retry(key)
            return "error"
        self._queue.forget(key)
        if again_s:
            self._queue.add_after(key, again_s)
            return "requeue_after"
        return "success"

    async def _resync(self, world: World, install: Install) -> None:
        """Queue all Models every `resync_s`, and update the queue's metrics every second.

        Returns once the cluster has a feature that a Model wants and `install` lacks: the Gateway API, or metrics of GPUs.
        """
        last = time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            together_s, longest_s = self._queue.unfinished_s()
            metrics.unfinished_s.labels(CONTROLLER, CONTROLLER).set(together_s)
            metrics.longest_running_s.labels(CONTROLLER, CONTROLLER).set(longest_s)
            if time.monotonic() - last >= self._settings.resync_s:
                last = time.monotonic()
                if _lacking(world, install) and await self._known_install() != install:
                    _log.info("the cluster has more than before")
                    return
                self._enqueue(world, "")


async def _download(session: aiohttp.ClientSession, pods: Sequence[Object]) -> Download:
    """Return the progress of the first pod that answers."""
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            continue
        with suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            host = f"[{address}]" if ":" in address else address
            async with session.get(f"http://{host}:{STORE_PORT}/progress") as response:
                said = await response.json()
                return Download(int(said["done_bytes"]), int(said["total_bytes"]))
    return Download()


def _lacking(world: World, install: Install) -> bool:
    """Return whether a Model wants a feature that the cluster did not have at the start."""
    for model in world.models.all():
        spec = model["spec"]
        if not install.grpc_routes and (spec.get("expose") or {}).get("type") == GRPC_ROUTE.name:
            return True
        if spec.get("autoscaling"):
            with suppress(SpecError):  # an invalid spec lacks nothing that is known
                if ignored(check(KubeModelSpec, spec), install):
                    return True
    return False
