"""The model controller of the local cluster: a Model becomes a replica set of agents and a model of the mesh.

It is the local back end of `model_resource.lifecycle`. A pass observes the files, the replica set, the controller and the memory, takes
the step of `model_resource.lifecycle`, performs its actions, and writes the status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

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
from echorator.errors import EchoratorError
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.lifecycle import (
    Action,
    Asked,
    Deploy,
    Deregister,
    DropFiles,
    Fetch,
    Hold,
    Link,
    Memory,
    Register,
    Registration,
    Release,
    RemoveWorkload,
    Scale,
    failed,
    last_error,
    step,
)
from echorator.model_resource.mesh_spec import mesh_spec
from echorator.model_resource.spec import ModelSpec
from echorator.model_resource.status import judged

_log = logging.getLogger(__name__)

MODEL_LABEL = "echorator.dev/model"
LEAVE_S = 5.0  # time beyond its grace in which an agent leaves the mesh and frees its memory


@dataclass(frozen=True)
class Fetched:
    """The progress of the file of a source. `failure` is that of the last attempt, while another one is due or none would help."""

    done: bool
    done_bytes: int = 0
    total_bytes: int = 0
    failure: Failure | None = None


class Images(Protocol):
    """The model files of the local cluster, by their sources."""

    def look(self, source: str) -> Fetched:
        """Return how far the file of a source is, without waiting for it."""
        ...

    def fetch(self, source: str) -> None:
        """Begin to fetch the file of a source; a second call for the same source changes nothing."""
        ...


@dataclass(frozen=True)
class Mesh:
    """The mesh as models need it. `endpoint` returns where clients reach a model; `memory_ready` None: there is no memory.

    `grace_s` is how long the running answers of an agent may take when the agent is stopped.
    """

    link: Link
    images: Images
    memory_ready: Callable[[], bool] | None
    endpoint: Callable[[], str]
    grace_s: float = 30.0


class Models:
    """The reconciler of all Models of the store; call `reconcile` from one thread."""

    def __init__(self, store: Store, mesh: Mesh, clock: Callable[[], float]) -> None:
        self._store = store
        self._mesh = mesh
        self._clock = clock
        self._memories: dict[str, Memory] = {}  # by the name of the Model

    def reconcile(self) -> None:
        """Reconcile every Model of the store once."""
        for model in self._store.all(Kind.MODEL):
            self._reconcile(model)

    def _reconcile(self, model: Resource) -> None:
        """Observe, take the step, perform it, and write the status."""
        spec = model.spec
        assert isinstance(spec, ModelSpec)
        deleting = bool(model.deleting_s)
        decided = step(Asked(spec.replicas, deleting), self._observe(model, spec), self._memories.get(model.name, Memory()))
        self._memories[model.name] = decided.memory
        failure: Failure | None = None
        try:
            for action in decided.actions:
                self._perform(action, model, spec)
        except EchoratorError as error:
            failure = failed(error)
        there = self._store.find(model.key)
        if there is not None and failure is None and decided.supersedes:
            self._reconcile(there)  # in the same pass, because a caller waits for the replicas
        elif there is not None:
            self._tell(model, self._observe(model, spec, failure), deleting)

    def _observe(self, model: Resource, spec: ModelSpec, attempt: Failure | None = None) -> Observed:
        """Return what is observed of a Model; `attempt` is why this pass's actions could not be performed."""
        workload = self._store.find(_workload_key(model.name))
        status: Mapping[str, Any] = workload.status if workload is not None else {}
        images = [self._mesh.images.look(source) for source in spec.sources()]
        fetched = all(image.done for image in images)
        registration = self._registration(model.name, spec)
        return Observed(
            looked_at=self._mesh.link.synced,
            fetched=fetched,
            fetched_bytes=sum(image.done_bytes for image in images),
            image_bytes=sum(image.total_bytes for image in images),
            files_asked_for=fetched,
            replicas=spec.replicas,
            running=int(status.get("readyReplicas", 0)),
            trouble=self._trouble(workload),
            workload_made=workload is not None,
            workload_as_asked=workload is not None and workload.owner == model.key and workload.spec == self._replica_set(model.name, spec),
            workload_leaving=workload is not None and bool(workload.deleting_s),
            registered=registration.known is not None if model.deleting_s else registration.current,
            mesh_generation=registration.generation,
            mesh_replicas=registration.replicas,
            serving=registration.serving,
            outdated=registration.outdated,
            cognition_wanted=spec.cognition.enabled and self._mesh.memory_ready is not None,
            cognition_ready=self._mesh.memory_ready is not None and self._mesh.memory_ready(),
            failure=last_error(attempt, next((image.failure for image in images if image.failure), None), registration),
            carried_out=attempt is None,
        )

    def _registration(self, name: str, spec: ModelSpec) -> Registration:
        return Registration(mesh_spec(name, spec.image, spec), self._mesh.link.find(name))

    def _trouble(self, workload: Resource | None) -> str:
        """Return the last error of the first agent that is not ready; "" for none."""
        made = [c for c in self._store.all(Kind.CONTAINER) if workload is not None and c.owner == workload.key]
        return next((f"{c.name}: {c.status['lastError']}" for c in made if c.status.get("lastError") and not c.status.get("ready")), "")

    def _perform(self, action: Action, model: Resource, spec: ModelSpec) -> None:
        """Perform one action of a step. Raises EchoratorError."""
        match action:
            case Scale():
                self._store.respecify(model.key, spec.model_copy(update={"replicas": action.replicas}))
            case Fetch():
                for source in spec.sources():
                    if not self._mesh.images.look(source).done:
                        self._mesh.images.fetch(source)
            case Deploy():
                self._deploy(model, spec)
            case Register():
                known = self._mesh.link.apply(self._registration(model.name, spec).wanted)
                self._memories[model.name] = self._memories[model.name].become_agreed(known)
            case Deregister():
                self._mesh.link.delete(model.name)
            case RemoveWorkload():
                self._store.begin_delete(_workload_key(model.name))
            case Release():
                self._memories.pop(model.name, None)
                self._store.remove(model.key)
            case Hold() | DropFiles():
                pass  # never returned here: the store keeps what is being deleted, and files are kept for other Models
            case _:
                assert_never(action)

    def _replica_set(self, name: str, spec: ModelSpec) -> ReplicaSetSpec:
        return replica_set_of(name, spec, self._mesh.grace_s)

    def _deploy(self, model: Resource, spec: ModelSpec) -> None:
        key = _workload_key(model.name)
        wanted = self._replica_set(model.name, spec)
        there = self._store.find(key)
        if there is None:
            self._store.create(key, wanted, wanted.template.metadata.labels, model.key)
        elif there.owner != model.key:
            raise EchoratorError(f"{key} is there already and is not of {model.key}; delete it, or name the model otherwise")
        else:
            self._store.respecify(key, wanted)

    def _tell(self, model: Resource, observed: Observed, deleting: bool) -> None:
        """Write conditions and phase; each phase on the way is written as a status of its own."""
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
    """Return the spec of the replica set of a model's agents; `grace_s` is for their running answers. Pure."""
    labels = {MODEL_LABEL: name}
    agent = AgentSpec(model=name, isolation=spec.isolation, cognition=spec.cognition.enabled)
    template = Template(
        metadata=TemplateMetadata(labels=labels), spec=ContainerSpec(agent=agent, terminationGracePeriodSeconds=grace_s + LEAVE_S)
    )
    return ReplicaSetSpec(replicas=spec.replicas, selector=Selector(matchLabels=labels), template=template)
