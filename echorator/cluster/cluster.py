"""The local cluster as a Python API: it takes resources, runs their containers, and passes messages to them.

    with Cluster([Path("workers")]) as cluster:
        cluster.apply(parse_manifests(text, "calculator.yaml"))
        print(cluster.send_to_service("calculator", {"add": [2, 3]}).result(timeout=5))

One thread reconciles, every second and on every change; all methods may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from echorator.cluster.containers import Containers
from echorator.cluster.documents import Wish
from echorator.cluster.journal import Journal
from echorator.cluster.models import Mesh, Models
from echorator.cluster.replica_sets import ReplicaSets
from echorator.cluster.resources import ContainerSpec, Key, Kind, ReplicaSetSpec, Resource
from echorator.cluster.runs import AgentRuns
from echorator.cluster.services import NoContainerError, Services
from echorator.cluster.store import Outcome, Store
from echorator.cluster.workers.loader import Workers
from echorator.errors import InvalidRequestError
from echorator.model_files.reference import SourceError, parse
from echorator.model_resource.schema import Fault, SpecError
from echorator.model_resource.spec import ModelSpec
from echorator.ranged import within
from echorator.settings import MOST_REPLICAS

_log = logging.getLogger(__name__)

INTERVAL_S = 1.0  # between two reconcile passes while nothing changes
REST = 5.0  # the pause after a pass, as a multiple of the time that the pass took
REST_MOST_S = 0.1
POLL_S = 0.02  # between two looks at the containers while the cluster closes
CATCH_UP_S = 5.0  # how long a message waits for containers that were applied just now


class Cluster:
    """A local cluster, to be used by `start` and then `close`, or as a context manager."""

    def __init__(self, workers: Iterable[Path] = (), journal: Journal | None = None, agents: AgentRuns | None = None) -> None:
        """Load the resources of `journal` and build the controllers, without starting them.

        Args:
            workers: the folders of the workers' modules; without folders there are no workers.
            journal: keeps what users apply across restarts; None keeps it in memory only.
            agents: starts agents of a mesh; None where there is no mesh.

        Raises:
            JournalDamagedError: the journal cannot be read.
            ResourceError: the journal cannot be written.
            InvalidRequestError: one of `workers` is not a folder.
        """
        self.store = Store(journal)
        self._journal = journal
        self._workers = Workers(workers)
        self._agents = agents
        self._woken = threading.Event()
        self._passed = threading.Condition()
        self._seen = 0  # the store's version at the beginning of the last pass that has ended
        self._closing = threading.Event()
        self._models: Models | None = None
        self._replica_sets = ReplicaSets(self.store)
        self.containers = Containers(self.store, self._workers, agents, self, self.wake)
        self._services = Services(self.store, self.containers.mailbox)
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self.store.listen(self.wake)

    def start(self, mesh: Mesh | None = None) -> None:
        """Start the thread that reconciles. `mesh` is what Models need; without it the cluster has no Models."""
        self._models = Models(self.store, mesh, time.time) if mesh is not None else None
        self._thread.start()

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # Resources

    def apply(self, wishes: Sequence[Wish]) -> list[tuple[Resource, Outcome, str]]:
        """Create or change all of these resources or, after an error, none; return each with its outcome and a warning ("" for none).

        Raises SpecError, ConflictError, InvalidRequestError, ResourceError.
        """
        for wish in wishes:
            self._check(wish)
        applied = self.store.apply(wishes)
        return [(r, outcome, self._services.warning(r) if r.kind is Kind.SERVICE else "") for r, outcome in applied]

    def _check(self, wish: Wish) -> None:
        """Check what only this cluster knows: its workers, its mesh, and whether sources can be parsed. Raises SpecError."""
        container = wish.spec
        path: tuple[str, ...] = ("spec",)
        if isinstance(container, ReplicaSetSpec):
            container, path = container.template.spec, ("spec", "template", "spec")
        if isinstance(container, ContainerSpec) and container.worker is not None:
            try:
                self._workers.find(container.worker)
            except InvalidRequestError as error:
                raise SpecError([Fault((*path, "worker"), str(error))], f"{wish.key}: ") from error
        if isinstance(wish.spec, ModelSpec):
            for i, source in enumerate(wish.spec.sources()):
                try:
                    parse(source)
                except SourceError as error:
                    place = ("engine", "lora", i - 1, "image") if i else ("image",)
                    raise SpecError([Fault(("spec", *place), str(error))], f"{wish.key}: ") from error
        if self._agents is None and (isinstance(wish.spec, ModelSpec) or (isinstance(container, ContainerSpec) and container.agent)):
            raise SpecError([Fault((), "this cluster has no mesh to serve models; start it with `echorator up`")], f"{wish.key}: ")

    def get(self, kind: Kind, name: str) -> Resource:
        """Return one resource with its current counts. Raises ResourceNotFoundError."""
        return self.shown(self.store.get(Key(kind, name)))

    def list(self, kind: Kind | None = None) -> list[Resource]:
        """Return all resources of a kind, or of all kinds for None, sorted by kind and name."""
        return [self.shown(resource) for resource in self.store.all(kind)]

    def shown(self, resource: Resource) -> Resource:
        """Return the resource with its message counts, which change too often to be part of the stored status."""
        counts = self.containers.counts(resource.name) if resource.kind is Kind.CONTAINER else {}
        return replace(resource, status={**resource.status, **counts}) if counts else resource

    def scale(self, kind: Kind, name: str, replicas: int) -> Resource:
        """Change the number of replicas of a replica set or a model and return the changed resource.

        Raises:
            ResourceNotFoundError: there is no such resource.
            InvalidRequestError: its kind has no replicas, another resource owns it, or the number is out of range.
        """
        resource = self.store.get(Key(kind, name))
        if not isinstance(resource.spec, ReplicaSetSpec | ModelSpec):
            raise InvalidRequestError(f"{resource.key} has no replicas; scale a replicaset or a model")
        within(replicas, 0, MOST_REPLICAS, "replicas")
        if resource.owner is not None:
            raise InvalidRequestError(f"{resource.key} is made by {resource.owner}; scale that")
        return self.store.respecify(resource.key, resource.spec.model_copy(update={"replicas": replicas}))

    def delete(self, kind: Kind, name: str) -> Resource:
        """Begin the deletion of a resource, which is removed once its containers have ended. Raises ResourceNotFoundError.

        A container that a replica set or a model owns is created again by its controller.
        """
        return self.store.begin_delete(Key(kind, name))

    # Messages

    def send_to_container(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """Put a message into a container's queue; with `expect_response` its reply comes as the future's result.

        The future fails with WorkerError where the worker raised, with Refusal where it refused the message, with ContainerGoneError where
        the container ended before.

        Raises:
            ResourceNotFoundError: there is no such container.
            ContainerGoneError: it is being deleted.
            QueueFullError: `spec.queueLimit` messages wait.
            InvalidRequestError: it is an agent, which takes no messages.
        """
        key = Key(Kind.CONTAINER, name)
        if self.store.find(key) is None:
            self._catch_up()
        container = self.store.get(key)
        if isinstance(container.spec, ContainerSpec) and container.spec.worker is None:
            raise InvalidRequestError(f"{container.key} is an agent: it is called over gRPC, not with messages")
        mailbox = self.containers.mailbox(container)
        reply: Future[Any] | None = Future() if expect_response else None
        mailbox.put(value, reply)
        return reply

    def send_to_service(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """Put a message into the queue of one of the containers that the service's selector matches; see `send_to_container`.

        Raises:
            ResourceNotFoundError: there is no such service.
            NoContainerError: no container matches.
            QueueFullError: the queue of the chosen container is full.
        """
        try:
            mailbox = self._services.choose(name)
        except NoContainerError:
            self._catch_up()
            mailbox = self._services.choose(name)
        reply: Future[Any] | None = Future() if expect_response else None
        mailbox.put(value, reply)
        return reply

    # Reconciling

    def wake(self) -> None:
        """Start the next reconcile pass now instead of after INTERVAL_S."""
        self._woken.set()

    @property
    def caught_up(self) -> bool:
        """Whether a reconcile pass has seen everything in the store, so that a message need not wait for `_catch_up`."""
        return self._seen >= self.store.version

    def _catch_up(self) -> None:
        """Wait, at most CATCH_UP_S, until a pass has seen what is in the store now: a container of a fresh resource may not exist yet."""
        version = self.store.version
        with self._passed:
            self._passed.wait_for(lambda: self._seen >= version or self._closing.is_set() or not self._thread.is_alive(), CATCH_UP_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            begin_s, version = time.monotonic(), self.store.version
            due_s = self._pass(begin_s)
            with self._passed:
                self._seen = version
                self._passed.notify_all()
            now_s = time.monotonic()
            self._closing.wait(min(REST_MOST_S, REST * (now_s - begin_s)))
            self._woken.wait(max(0.0, min(INTERVAL_S, due_s - now_s)))

    def _pass(self, now_s: float) -> float:
        """Run every controller once; return the latest time at which the next pass is due."""
        due_s = float("inf")

        def containers() -> None:
            nonlocal due_s
            due_s = self.containers.reconcile(now_s)

        steps: list[Callable[[], None]] = [self._replica_sets.reconcile, containers, self._services.reconcile]
        if self._models is not None:
            steps.insert(0, self._models.reconcile)
        for reconcile in steps:
            try:
                reconcile()
            except Exception:  # noqa: BLE001  a mistake in one controller must not end the others
                _log.exception("a pass failed; the next one begins afresh")
        return due_s

    def close(self) -> None:
        """Stop reconciling and end every container, each after its queue or its grace period. The journal keeps what was applied."""
        with self._passed:
            self._closing.set()
            self._passed.notify_all()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        while not self.containers.stop_all(time.monotonic()):
            time.sleep(POLL_S)
        self._workers.close()
        if self._journal is not None:
            self._journal.close()

    def hurry(self) -> None:
        """Make `close` kill the containers instead of waiting for their grace periods."""
        self.containers.hurry()
