"""Observes one Model: reads the informers, the controller of the mesh and the memories, and derives the state from them.

Nothing is written here, and nothing blocks but the question to a store how far its download is. Fed by `world`; `source`, `children`
and `observation` judge what was read; feeds `reconciler`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from echorator.errors import EchoratorError, ErrorClass, InvalidRequestError
from echorator.kube.api.client import ForbiddenError
from echorator.kube.api.resources import AUTOSCALER, FINALIZER, GRPC_ROUTE, Name, Object, asked_name, name_of, name_of_workload
from echorator.kube.installation import Install
from echorator.kube.models.autoscaling import Autoscaling
from echorator.kube.models.children import Wanted, wanted_of
from echorator.kube.models.observation import Around, Download, observed
from echorator.kube.models.seen import NotOursError, Seen
from echorator.kube.models.source import Source, source_of
from echorator.kube.models.world import World
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.lifecycle import Asked, Link, Registration, failed
from echorator.model_resource.mesh_spec import mesh_spec
from echorator.model_resource.phase import Phase
from echorator.model_resource.schema import check

DEREGISTER_S = 60.0  # the longest time for which a controller that does not answer delays a deletion

Downloading = Callable[[Sequence[Object]], Awaitable[Download]]


@dataclass(frozen=True)
class _Read:
    """The parsed spec of one generation of a Model. Invariant: equal for one generation, as long as the installation is the same."""

    generation: int
    spec: KubeModelSpec
    source: Source


class Surroundings:
    """The observer of Models; `look` observes one of them."""

    def __init__(
        self,
        world: World,
        link: Link,
        install: Install,
        autoscaling: Autoscaling,
        memory_ready: Callable[[str], bool],
        downloading: Downloading,
    ) -> None:
        """Keep the parts; `memory_ready` tells whether an address serves a memory, `downloading` how far a store is, as its pods report."""
        self._world = world
        self._link = link
        self._install = install
        self._autoscaling = autoscaling
        self._memory_ready = memory_ready
        self._downloading = downloading
        self._specs: dict[str, _Read] = {}  # by the uid of the Model
        self._wanted: dict[str, tuple[tuple[object, ...], Wanted]] = {}  # (what they depend on, wanted objects) by the uid of the Model

    async def look(self, model: Object, failures: int, error: EchoratorError | None = None) -> Seen:
        """Return what is observed of a Model.

        Args:
            model: the Model as it is now.
            failures: how many passes in a row failed before this one.
            error: what kept the actions of this pass from being performed.
        """
        if "deletionTimestamp" in model["metadata"]:
            return self._leaving(model)
        try:
            read = self._read(model)
        except EchoratorError as unreadable:
            found = Observed(looked_at=False, failure=_failure(unreadable, failures))
            return Seen(model, Asked(0), found, hindrance=unreadable)
        spec, source, served = read.spec, read.source, asked_name(model)
        recommended = self._recommended(model, spec)
        wanted = self._wanted_of(model, spec, source, recommended[0])
        around = self._world.around(model, source, spec.storage.class_name or "", wanted)
        hindrance = self._hindrance(model, spec)
        obstacle = error or hindrance
        around = replace(
            around,
            stores_left_over=[name for name in around.stores_left_over if not self._using(model["metadata"]["namespace"], name)],
            registration=Registration(mesh_spec(served, source.image, spec), self._link.find(served)),
            memory_ready=self._remembers(spec, wanted, around),
            hindered=hindrance is not None,
            failure=_failure(obstacle, failures) if obstacle is not None else None,
        )
        if around.store_pods and not ((around.store or {}).get("status") or {}).get("readyReplicas"):
            around = replace(around, download=await self._downloading(around.store_pods))
        found = observed(model, spec, around)
        return Seen(model, Asked(spec.replicas), found, hindrance, spec, around, wanted, recommended)

    def _recommended(self, model: Object, spec: KubeModelSpec) -> tuple[int, float]:
        """Return the replicas that the mesh's signals ask for, and in how many seconds there may be fewer; see `Autoscaling`."""
        namespace, name = name_of(model)
        hpa = self._world.children[AUTOSCALER].get(namespace, name_of_workload(name))
        return self._autoscaling.recommended(model, spec, self._link.find(asked_name(model)), hpa)

    def _leaving(self, model: Object) -> Seen:
        """Return what is observed of a Model that is being deleted.

        It counts as without a workload, since the cluster collects what it owned. A name that another Model has too stays in the mesh.
        """
        metadata, served = model["metadata"], asked_name(model)
        age_s = (datetime.now(UTC) - datetime.fromisoformat(metadata["deletionTimestamp"])).total_seconds()
        rivals = any(other["metadata"]["uid"] != metadata["uid"] for other in self._world.models.indexed(served))
        found = Observed(held=FINALIZER in metadata.get("finalizers", ()), registered=not rivals)
        self._specs.pop(metadata["uid"], None)
        self._wanted.pop(metadata["uid"], None)
        self._autoscaling.forget(model)
        return Seen(model, Asked(0, deleting=True, overdue=age_s >= DEREGISTER_S), found)

    # The spec

    def _read(self, model: Object) -> _Read:
        """Read the spec, once for each generation. Raises SpecError, SourceError, InvalidRequestError."""
        uid, generation = model["metadata"]["uid"], model["metadata"]["generation"]
        known = self._specs.get(uid)
        if known is None or known.generation != generation:
            spec = check(KubeModelSpec, model["spec"])
            known = self._specs[uid] = _Read(generation, spec, source_of(spec, self._install))
        return known

    def _wanted_of(self, model: Object, spec: KubeModelSpec, source: Source, recommended: int) -> Wanted:
        """Return the wanted objects, made once for each generation, set of sharers of its store, and recommendation."""
        uid, sharers = model["metadata"]["uid"], self._sharers(model, source)
        inputs = (model["metadata"]["generation"], recommended, *(other["metadata"]["uid"] for other in sharers))
        known = self._wanted.get(uid)
        if known is None or known[0] != inputs:
            known = self._wanted[uid] = (inputs, wanted_of(model, spec, source, self._install, sharers, recommended))
        return known[1]

    def recommended(self, served: str) -> dict[Name, tuple[int, float]]:
        """Return, for the Models of a name, the replicas that the mesh's signals ask for, and in how many seconds there may be fewer."""
        found = {}
        for model in self._world.models.indexed(served):
            if "deletionTimestamp" in model["metadata"]:
                continue
            with suppress(EchoratorError):  # a Model whose spec cannot be read does not scale
                found[name_of(model)] = self._recommended(model, self._read(model).spec)
        return found

    # Other Models

    def _hindrance(self, model: Object, spec: KubeModelSpec) -> EchoratorError | None:
        """Return why nothing may be made of a spec that can be read."""
        served = asked_name(model)
        for other in self._world.models.indexed(served):
            if _precedence(other) < _precedence(model):
                namespace, name = name_of(other)
                return NotOursError(f"the Model {namespace}/{name} serves {served!r} already; give this one another spec.servedName")
        if spec.expose.type == GRPC_ROUTE.name and not self._install.grpc_routes:
            return InvalidRequestError(
                f"spec.expose.type {GRPC_ROUTE} needs the Gateway API, and this cluster has no {GRPC_ROUTE} of {GRPC_ROUTE.api_version}; "
                "install its standard channel, or choose another type"
            )
        return None

    def _sharers(self, model: Object, source: Source) -> list[Object]:
        """Return the Models that use the same store, this one last."""
        if not source.store:
            return []
        others = self._using(model["metadata"]["namespace"], source.store)
        return [*(other for other in others if other["metadata"]["uid"] != model["metadata"]["uid"]), model]

    def _using(self, namespace: str, store: str) -> list[Object]:
        """Return the Models that want a store, by their specs."""
        return [
            model
            for model in self._world.models.all()
            if model["metadata"]["namespace"] == namespace
            and "deletionTimestamp" not in model["metadata"]
            and self._store_of(model) == store
        ]

    def _store_of(self, model: Object) -> str:
        """Return the store that a Model wants; "" for none."""
        try:
            return self._read(model).source.store
        except EchoratorError:
            return ""

    def _remembers(self, spec: KubeModelSpec, wanted: Wanted, around: Around) -> bool | None:
        """Return whether the memory that the agents use serves; None where they use none."""
        if spec.cognition.enabled and spec.cognition.store:
            return int(((around.own_memory or {}).get("status") or {}).get("readyReplicas") or 0) > 0
        return self._memory_ready(wanted.memory) if wanted.memory else None


def _failure(error: EchoratorError, failures: int) -> Failure:
    """Return the failure of an error. A missing right is an error of the configuration, because only a person can grant it."""
    return failed(error, failures, ErrorClass.CONFIGURATION if isinstance(error, ForbiddenError) else None)


def _precedence(model: Object) -> tuple[bool, str, str]:
    """Return the sort key of Models that ask for one name: the one that serves already, then the older; many times are equal (1 s)."""
    conditions = (model.get("status") or {}).get("conditions", ())
    serves = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    started = (model.get("status") or {}).get("phase") not in (None, Phase.PENDING.value, Phase.FAILED.value)
    return not (serves or started), model["metadata"]["creationTimestamp"], model["metadata"]["uid"]
