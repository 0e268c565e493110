"""One Model at a time: look, ask the pure functions what is to be, write what differs, and say how it stands.

Level-based: a pass reads what the informers have and writes only what is not so yet; the same pass again writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from echorator.errors import EchoratorError, ErrorClass, InvalidRequestError, class_of
from echorator.kube.applying import Applying, NotOursError
from echorator.kube.autoscaling import Autoscaling
from echorator.kube.children import Wanted, memory_of, name_of_workload, own_memory_name, wanted_of
from echorator.kube.client import Client, ForbiddenError
from echorator.kube.events import Events
from echorator.kube.install import Install
from echorator.kube.observation import Around, Download, observed
from echorator.kube.pods import claim_of
from echorator.kube.resources import (
    AUTOSCALER,
    FINALIZER,
    GRPC_ROUTE,
    MODEL,
    NETWORK_POLICY,
    SERVICE,
    STATEFUL_SET,
    Name,
    Object,
    asked_name,
    name_of,
)
from echorator.kube.source import Source, Way, source_of
from echorator.kube.telling import Telling
from echorator.kube.world import World
from echorator.model.conditions import Failure, Observed
from echorator.model.kube_spec import KubeModelSpec
from echorator.model.mesh_spec import mesh_spec
from echorator.model.phase import Phase
from echorator.model.plan import plan
from echorator.model.schema import check
from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

DEREGISTER_S = 60.0  # a controller that does not answer keeps no Model from going for longer
PULLING_S = 1.0  # between two looks at a download
LASTING = 15  # failures in a row, after which a person is called; with the queue's waits they take about three minutes
AGAIN_S = 0.001  # at what was changed here
LOOK_S = 3.0  # at one that has not said yet how large it is


class Link(Protocol):
    """The controller of the mesh; see MeshLink. Its calls wait, on a thread."""

    synced: bool

    def find(self, name: str) -> pb.MeshModel | None: ...
    def apply(self, spec: pb.ModelSpec) -> pb.MeshModel: ...
    def delete(self, name: str) -> None: ...


Downloading = Callable[[Sequence[Object]], Awaitable[Download]]


class Reconciler:
    """`reconcile`; from several tasks, never two for one Model."""

    def __init__(
        self,
        client: Client,
        world: World,
        link: Link,
        install: Install,
        events: Events,
        memory_ready: Callable[[str], bool],
        downloading: Downloading,
    ) -> None:
        """`memory_ready` of an address; `downloading` asks the pods of a store how far they are."""
        self._client = client
        self._world = world
        self._link = link
        self._install = install
        self._events = events
        self._applying = Applying(client, world, events)
        self._telling = Telling(client, world, events)
        self._memory_ready = memory_ready
        self._downloading = downloading
        self._told: dict[str, pb.MeshModel] = {}  # as the controller had it when it last was as the Model wants it, by served name
        self._specs: dict[str, tuple[int, KubeModelSpec, Source]] = {}  # with their generation, by the uid of the Model
        self._wanted: dict[str, tuple[tuple[object, ...], Wanted]] = {}  # with what they depend on
        self._busy: dict[str, float] = {}  # when it last had something to do, by served name
        self._autoscaling = Autoscaling(install)

    async def reconcile(self, key: Name, failures: int = 0) -> float:
        """Seconds after which to look again, 0: when something changes. `failures`: how often in a row it did not go well.

        Raises:
            EchoratorError: it is to be tried again; how it stands has been told.
        """
        model = self._world.models.get(*key)
        if model is None:
            return 0.0
        if "deletionTimestamp" in model["metadata"]:
            await self._end(model)
            return 0.0
        failure, error = None, None
        source: Source | None = None
        spec: KubeModelSpec | None = None
        try:
            spec, source = self._read(model)
            model = await self._ready_to_end(model)
            self._unrivalled(model)
            model, spec = await self._woken(model, spec)
            await self._carry_out(model, spec, source)
        except EchoratorError as raised:
            failure, error = Failure(_class_of(raised), str(raised), failures >= LASTING), raised
        if spec is None or source is None:
            assert failure is not None
            await self._telling.tell(model, Observed(looked_at=False, failure=failure), None)
            return 0.0  # only another spec helps, and that is told
        if not self._link.synced and (model.get("status") or {}).get("phase") not in (None, Phase.PENDING.value) and error is None:
            return 0.0  # the controller is away: what was said last stands until it is back, which is heard of
        around = self._look(model, spec, source, failure)
        if around.store_pods and not ((around.store or {}).get("status") or {}).get("readyReplicas"):
            around = replace(around, download=await self._downloading(around.store_pods))
        seen = observed(model, spec, around)
        await self._telling.tell(model, seen, around)
        if error is not None:
            raise error
        if not seen.fetched:
            return PULLING_S if seen.image_bytes else LOOK_S
        return await self._by_load(model, spec, around)

    # What is to be

    async def _carry_out(self, model: Object, spec: KubeModelSpec, source: Source) -> None:
        if spec.expose.type == GRPC_ROUTE.name and not self._install.grpc_routes:
            raise InvalidRequestError(
                f"spec.expose.type {GRPC_ROUTE} needs the Gateway API, and this cluster has no {GRPC_ROUTE} of {GRPC_ROUTE.api_version}; "
                "install its standard channel, or choose another type"
            )
        around = self._look(model, spec, source, None)
        todo = plan(spec, observed(model, spec, around))
        wanted = self._wanted_of(model, spec, source)
        if wanted.store:
            hindrance = await self._applying.apply(wanted.store)
            if hindrance is not None:
                raise hindrance
        if todo.replicas is None and around.workload is not None:
            return  # what serves goes on, with its own store, until the files of what is to take its place are here
        await self._prune_stores(model, source)
        if todo.replicas is None:
            return
        hindrance = await self._applying.apply((*wanted.serving, *wanted.workload), model)
        if hindrance is None:
            await self._applying.prune(model, wanted)  # before, what is there serves instead of what could not be made
        if todo.register:
            await self._register(model, spec, source)
        if hindrance is not None:
            raise hindrance

    async def _register(self, model: Object, spec: KubeModelSpec, source: Source) -> None:
        served = asked_name(model)
        wanted = mesh_spec(served, source.image, spec)
        known = self._link.find(served)
        if known is None or known.spec != wanted:
            known = await asyncio.to_thread(self._link.apply, wanted)
        self._told[served] = known

    async def _prune_stores(self, model: Object, source: Source) -> None:
        """Stores that it used before its image changed, where nobody else does."""
        for store in self._world.stores_of(model):
            name = store["metadata"]["name"]
            if name == source.store or self._using(model["metadata"]["namespace"], name) or "deletionTimestamp" in store["metadata"]:
                continue
            for kind in (STATEFUL_SET, SERVICE, NETWORK_POLICY):
                await self._client.delete(kind, model["metadata"]["namespace"], name)

    def _sharers(self, model: Object, source: Source) -> list[Object]:
        if not source.store:
            return []
        others = self._using(model["metadata"]["namespace"], source.store)
        return [*(other for other in others if other["metadata"]["uid"] != model["metadata"]["uid"]), model]

    def _using(self, namespace: str, store: str) -> list[Object]:
        """Models that want it, by their specs."""
        return [
            model
            for model in self._world.models.all()
            if model["metadata"]["namespace"] == namespace
            and "deletionTimestamp" not in model["metadata"]
            and self._store_of(model) == store
        ]

    def _store_of(self, model: Object) -> str:
        """The store that a Model wants; "" for none."""
        try:
            return self._read(model)[1].store
        except EchoratorError:
            return ""

    def _read(self, model: Object) -> tuple[KubeModelSpec, Source]:
        """Its spec and where its file comes from; once for each generation. Raises SpecError, SourceError, InvalidRequestError."""
        uid, generation = model["metadata"]["uid"], model["metadata"]["generation"]
        known = self._specs.get(uid)
        if known is None or known[0] != generation:
            spec = check(KubeModelSpec, model["spec"])
            known = self._specs[uid] = (generation, spec, source_of(spec, self._install))
        return known[1], known[2]

    def _wanted_of(self, model: Object, spec: KubeModelSpec, source: Source) -> Wanted:
        """What is to be there; once for each generation, company and recommendation."""
        uid, sharers = model["metadata"]["uid"], self._sharers(model, source)
        recommended, _ = self._recommended(model, spec)
        inputs = (model["metadata"]["generation"], recommended, *(other["metadata"]["uid"] for other in sharers))
        known = self._wanted.get(uid)
        if known is None or known[0] != inputs:
            known = self._wanted[uid] = (inputs, wanted_of(model, spec, source, self._install, sharers, recommended))
        return known[1]

    def _recommended(self, model: Object, spec: KubeModelSpec) -> tuple[int, float]:
        """Replicas by the mesh's signals, see `Autoscaling`."""
        namespace, name = name_of(model)
        hpa = self._world.children[AUTOSCALER].get(namespace, name_of_workload(name))
        return self._autoscaling.recommended(model, spec, self._link.find(asked_name(model)), hpa)

    def recommended(self, served: str) -> dict[Name, tuple[int, float]]:
        """What the mesh's signals ask for now, and when it may be less: of the Models of that name."""
        found = {}
        for model in self._world.models.indexed(served):
            with suppress(EchoratorError):  # one that cannot be read does not scale
                found[name_of(model)] = self._recommended(model, self._read(model)[0])
        return found

    def _unrivalled(self, model: Object) -> None:
        """Raises NotOursError where another Model serves the name."""
        for other in self._world.models.indexed(asked_name(model)):
            metadata = other["metadata"]
            if _precedence(other) < _precedence(model):
                raise NotOursError(
                    f"the Model {metadata['namespace']}/{metadata['name']} serves {asked_name(model)!r} already; "
                    "give this one another spec.servedName"
                )

    async def _woken(self, model: Object, spec: KubeModelSpec) -> tuple[Object, KubeModelSpec]:
        """With the replicas that somebody asked the controller for: a gateway that holds requests for a model at zero."""
        served = asked_name(model)
        known, told = self._link.find(served), self._told.get(served)
        if known is None or told is None or known.generation <= told.generation:
            return model, spec
        if known.spec.replicas == told.spec.replicas or spec.replicas != told.spec.replicas:
            return model, spec  # in the second case it was changed here too, and here is the place to change it
        return await self._scaled(model, spec, known.spec.replicas)

    async def _scaled(self, model: Object, spec: KubeModelSpec, replicas: int) -> tuple[Object, KubeModelSpec]:
        metadata = {"resourceVersion": model["metadata"]["resourceVersion"]}
        model = await self._client.merge(MODEL, *name_of(model), {"metadata": metadata, "spec": {"replicas": replicas}})
        self._world.models.note(model)
        return model, spec.model_copy(update={"replicas": replicas})

    async def _by_load(self, model: Object, spec: KubeModelSpec, around: Around) -> float:
        """To zero, where that is allowed and nobody asked for long enough, else as the mesh's signals say. Returns when to look again."""
        served = asked_name(model)
        if said := self._autoscaling.news(model, spec):
            await self._events.tell(model, "SignalIgnored", said, warning=True)
        if spec.autoscaling is None or spec.autoscaling.min_replicas > 0 or spec.replicas == 0 or around.mesh is None:
            self._busy.pop(served, None)
            return await self._followed(model, spec)
        if around.mesh.status.busy or around.mesh.status.queued or served not in self._busy:
            self.saw_busy(served)
        left_s = self._busy[served] + spec.autoscaling.cooldown_seconds - time.monotonic()
        if left_s > 0:
            return min(left_s, await self._followed(model, spec) or left_s)
        await self._events.tell(model, "ScaledToZero", f"nobody asked for {spec.autoscaling.cooldown_seconds} s")
        await self._scaled(model, spec, 0)
        return AGAIN_S

    async def _followed(self, model: Object, spec: KubeModelSpec) -> float:
        """With the replicas that the mesh's signals ask for, where no HPA sees to that. Returns when to look again."""
        replicas, falls_s = self._recommended(model, spec)
        if spec.replicas in (0, replicas) or not replicas or self._autoscaling.by_hpa(spec):
            return falls_s
        latest = self._world.models.get(*name_of(model))  # its status was written since
        if latest is None or latest["metadata"]["generation"] != model["metadata"]["generation"]:
            return falls_s  # somebody changed its spec, so it is looked at again
        await self._scaled(latest, spec, replicas)
        await self._events.tell(model, "Scaled", f"from {spec.replicas} to {replicas} replicas, by the signals of the mesh")
        return AGAIN_S

    def saw_busy(self, served: str) -> None:
        """Somebody asked a model of that name just now."""
        self._busy[served] = time.monotonic()

    # The end

    async def _ready_to_end(self, model: Object) -> Object:
        """With the finalizer that has it taken out of the mesh."""
        metadata = model["metadata"]
        if FINALIZER in metadata.get("finalizers", ()):
            return model
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": [*metadata.get("finalizers", ()), FINALIZER]}}
        model = await self._client.merge(MODEL, *name_of(model), patch)
        self._world.models.note(model)
        return model

    async def _end(self, model: Object) -> None:
        """Out of the mesh first, so that no call is sent there any more; what it owned is collected by the cluster."""
        metadata = model["metadata"]
        if FINALIZER not in metadata.get("finalizers", ()):
            return
        if (model.get("status") or {}).get("phase") != Phase.TERMINATING.value:
            status = {**(model.get("status") or {}), "phase": Phase.TERMINATING.value}
            model = await self._telling.write(model, status)
        served = asked_name(model)
        if not self._rival(model, served):
            try:
                await asyncio.to_thread(self._link.delete, served)
            except EchoratorError as error:
                if _age_s(metadata["deletionTimestamp"]) < DEREGISTER_S:
                    raise
                await self._events.tell(model, "NotDeregistered", str(error), warning=True)
        self._told.pop(served, None)
        self._busy.pop(served, None)
        self._specs.pop(metadata["uid"], None)
        self._wanted.pop(metadata["uid"], None)
        self._autoscaling.forget(metadata["uid"])
        rest = [name for name in model["metadata"]["finalizers"] if name != FINALIZER]
        version = model["metadata"]["resourceVersion"]
        await self._client.merge(MODEL, *name_of(model), {"metadata": {"resourceVersion": version, "finalizers": rest}})

    def _rival(self, model: Object, served: str) -> bool:
        """Another Model has that name in the mesh."""
        return any(other["metadata"]["uid"] != model["metadata"]["uid"] for other in self._world.models.indexed(served))

    # How it stands

    def _look(self, model: Object, spec: KubeModelSpec, source: Source, failure: Failure | None) -> Around:
        namespace, name = name_of(model)
        stores = self._world.store_pods(namespace, source.store) if source.store else ()
        store = self._world.children[STATEFUL_SET].get(namespace, source.store) if source.store else None
        claim = {Way.STORE: claim_of(spec, source), Way.CLAIM: source.claim}.get(source.way, "")
        storage_class = spec.storage.class_name or ""
        absent = storage_class if storage_class and self._world.storage_classes.get("", storage_class) is None else ""
        found = self._world.claims.get(namespace, claim) if claim else None
        return Around(
            source=source,
            workload=self._world.workload_of(model, name_of_workload(name)),
            pods=self._world.agents_of(model),
            store=store,
            store_pods=stores,
            claim=found,
            binds_later=self._world.binds_later(found),
            storage_class_absent=absent if source.way is Way.STORE else "",
            mesh=self._link.find(asked_name(model)),
            memory_ready=self._remembers(model, spec),
            failure=failure,
        )

    def _remembers(self, model: Object, spec: KubeModelSpec) -> bool | None:
        """Whether the memory that it uses serves; None where it uses none."""
        if spec.cognition.enabled and spec.cognition.store:
            own = self._world.workload_of(model, own_memory_name(model))
            return int(((own or {}).get("status") or {}).get("readyReplicas") or 0) > 0
        memory = memory_of(model, spec, self._install)
        return self._memory_ready(memory) if memory else None


def _precedence(model: Object) -> tuple[bool, str, str]:
    """Among Models of one name: who serves already, then the older; times are of a second, so that many are equal."""
    conditions = (model.get("status") or {}).get("conditions", ())
    serves = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    started = (model.get("status") or {}).get("phase") not in (None, Phase.PENDING.value, Phase.FAILED.value)
    return not (serves or started), model["metadata"]["creationTimestamp"], model["metadata"]["uid"]


def _class_of(error: EchoratorError) -> ErrorClass:
    """What is told of an error here; a missing right or somebody else's object is for a person to mend."""
    return ErrorClass.CONFIGURATION if isinstance(error, (ForbiddenError, NotOursError)) else class_of(error)


def _age_s(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
