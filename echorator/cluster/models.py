"""The model controller: a Model becomes a replica set of agents and a model of the mesh. The local back end of `echorator.model`.

It observes (the file, the replica set, the controller, the memory), asks the pure functions what that means and what is to be done next,
and does it. Level-based, once a pass.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from echorator.cluster.documents import stamp
from echorator.cluster.resources import (
    AgentSpec,
    ContainerSpec,
    Key,
    Kind,
    ReplicaSetSpec,
    Resource,
    Selector,
    Template,
    TemplateMetadata,
)
from echorator.cluster.store import Store
from echorator.errors import EchoratorError, class_of
from echorator.model.conditions import Failure, Observed
from echorator.model.mesh_spec import failure_of, mesh_spec, serving_of
from echorator.model.plan import Plan, plan
from echorator.model.spec import ModelSpec
from echorator.model.status import judged
from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

MODEL_LABEL = "echorator.dev/model"
LEAVE_S = 5.0  # beyond its grace, an agent has this long to leave and to free what it has


class Link(Protocol):
    """The controller; see MeshLink."""

    synced: bool

    def find(self, name: str) -> pb.MeshModel | None: ...
    def apply(self, spec: pb.ModelSpec) -> pb.MeshModel: ...
    def delete(self, name: str) -> None: ...


@dataclass(frozen=True)
class Fetched:
    """How far the file of a source is. `failure` is of the last attempt, while another one is to come or none helps."""

    done: bool
    done_bytes: int = 0
    total_bytes: int = 0
    failure: Failure | None = None


class Images(Protocol):
    """Model files by their source."""

    def look(self, source: str) -> Fetched:
        """Without waiting."""
        ...

    def fetch(self, source: str) -> None:
        """See that it comes; asking again changes nothing."""
        ...


@dataclass(frozen=True)
class Mesh:
    """What models need beside the store. `endpoint` is where clients reach them; `memory_ready` None: there is no memory.

    `grace_s` is how long an agent's running answers may take when it is to end.
    """

    link: Link
    images: Images
    memory_ready: Callable[[], bool] | None
    endpoint: Callable[[], str]
    grace_s: float = 30.0


class Models:
    """`reconcile` from one thread."""

    def __init__(self, store: Store, mesh: Mesh, clock: Callable[[], float]) -> None:
        self._store = store
        self._mesh = mesh
        self._clock = clock
        self._told: dict[str, pb.MeshModel] = {}  # as the controller had it when it last was as this cluster wants it
        self._failures: dict[str, Failure] = {}

    def reconcile(self) -> None:
        """One pass."""
        for model in self._store.all(Kind.MODEL):
            self._reconcile(model)

    def _reconcile(self, model: Resource) -> None:
        model = self._woken(model)
        spec = model.spec
        assert isinstance(spec, ModelSpec)
        workload = self._store.find(_workload_key(model.name))
        observed = self._observe(model, spec, workload)
        deleting = bool(model.deleting_s)
        try:
            self._carry_out(model, spec, plan(spec, observed, deleting))
            self._failures.pop(model.name, None)
        except EchoratorError as error:
            self._failures[model.name] = Failure(class_of(error), str(error))
        if self._store.find(model.key) is not None:
            self._tell(model, self._observe(model, spec, self._store.find(_workload_key(model.name))), deleting)

    def _woken(self, model: Resource) -> Resource:
        """With the replicas that somebody asked the controller for: a gateway that holds requests for a model at zero."""
        known, told = self._mesh.link.find(model.name), self._told.get(model.name)
        assert isinstance(model.spec, ModelSpec)
        if known is None or told is None or model.deleting_s or known.generation <= told.generation:
            return model
        if known.spec.replicas == told.spec.replicas or model.spec.replicas != told.spec.replicas:
            return model  # in the second case it was changed here too, and here is the place to change it
        return self._store.respecify(model.key, model.spec.model_copy(update={"replicas": known.spec.replicas}))

    def _observe(self, model: Resource, spec: ModelSpec, workload: Resource | None) -> Observed:
        known = self._mesh.link.find(model.name)
        status: Mapping[str, Any] = workload.status if workload is not None else {}
        images = [self._mesh.images.look(source) for source in spec.sources()]
        failure = self._failures.get(model.name) or next((image.failure for image in images if image.failure), None)
        wanted = mesh_spec(model.name, spec.image, spec)
        current = known is not None and known.spec == wanted
        serving, outdated = serving_of(known, wanted)
        if known is not None and current and known.status.observed_generation == known.generation and known.status.HasField("last_error"):
            failure = failure or failure_of(known.status.last_error)
        return Observed(
            looked_at=self._mesh.link.synced,
            fetched=all(image.done for image in images),
            fetched_bytes=sum(image.done_bytes for image in images),
            image_bytes=sum(image.total_bytes for image in images),
            replicas=spec.replicas,
            running=int(status.get("readyReplicas", 0)),
            trouble=self._trouble(workload),
            workload_made=workload is not None,
            registered=known is not None if model.deleting_s else current,
            serving=serving,
            outdated=outdated,
            cognition_wanted=spec.cognition.enabled and self._mesh.memory_ready is not None,
            cognition_ready=self._mesh.memory_ready is not None and self._mesh.memory_ready(),
            failure=failure,
        )

    def _trouble(self, workload: Resource | None) -> str:
        """What the first agent says that does not run."""
        made = [c for c in self._store.all(Kind.CONTAINER) if workload is not None and c.owner == workload.key]
        return next((f"{c.name}: {c.status['lastError']}" for c in made if c.status.get("lastError") and not c.status.get("ready")), "")

    def _carry_out(self, model: Resource, spec: ModelSpec, todo: Plan) -> None:
        """Raises EchoratorError."""
        if todo.fetch:
            for source in spec.sources():
                if not self._mesh.images.look(source).done:
                    self._mesh.images.fetch(source)
        if todo.replicas is not None:
            self._deploy(model, spec)
        if todo.register:
            known = self._mesh.link.find(model.name)
            wanted = mesh_spec(model.name, spec.image, spec)
            self._told[model.name] = known if known is not None and known.spec == wanted else self._mesh.link.apply(wanted)
        if todo.deregister:
            self._mesh.link.delete(model.name)
        if todo.remove_workload:
            self._store.begin_delete(_workload_key(model.name))
        if todo.gone:
            self._told.pop(model.name, None)
            self._failures.pop(model.name, None)
            self._store.remove(model.key)

    def _deploy(self, model: Resource, spec: ModelSpec) -> None:
        key = _workload_key(model.name)
        wanted = replica_set_of(model.name, spec, self._mesh.grace_s)
        there = self._store.find(key)
        if there is None:
            self._store.create(key, wanted, wanted.template.metadata.labels, model.key)
        elif there.owner != model.key:
            raise EchoratorError(f"{key} is there already and is not of {model.key}; delete it, or name the model otherwise")
        elif there.spec != wanted:
            self._store.respecify(key, wanted)

    def _tell(self, model: Resource, observed: Observed, deleting: bool) -> None:
        """Conditions and phase; every phase on the way is a status of its own."""
        conditions, way = judged(dict(model.status), observed, model.generation, deleting, stamp(self._clock()))
        status: dict[str, Any] = {
            "observedGeneration": model.generation,
            "replicas": observed.running,
            "readyReplicas": observed.serving,
            "conditions": conditions,
        }
        if not deleting:
            status["endpoint"] = self._mesh.endpoint()
        mesh_model = self._mesh.link.find(model.name)
        if mesh_model is not None and mesh_model.status.digest:
            status["digest"] = mesh_model.status.digest
        for phase in way:
            self._store.set_status(model.key, {"phase": phase.value, **status})


def _workload_key(name: str) -> Key:
    return Key(Kind.REPLICA_SET, name)


def replica_set_of(name: str, spec: ModelSpec, grace_s: float) -> ReplicaSetSpec:
    """The agents of a model. Pure."""
    labels = {MODEL_LABEL: name}
    agent = AgentSpec(model=name, isolation=spec.isolation, cognition=spec.cognition.enabled)
    template = Template(
        metadata=TemplateMetadata(labels=labels), spec=ContainerSpec(agent=agent, terminationGracePeriodSeconds=grace_s + LEAVE_S)
    )
    return ReplicaSetSpec(replicas=spec.replicas, selector=Selector(matchLabels=labels), template=template)
