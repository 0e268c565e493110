"""The container controller: starts containers that were applied, restarts failed ones, and ends those that were deleted or changed.

It is level-based: each pass compares the resources with what runs. Fed by `store` and by the ends of runs; feeds the containers' status.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from echorator.cluster.mailbox import Mailbox
from echorator.cluster.resources import ContainerPhase, ContainerSpec, Kind, Resource
from echorator.cluster.restarts import Restarts
from echorator.cluster.runs import AgentRuns, Run, ThreadRun
from echorator.cluster.store import Store
from echorator.cluster.workers.loader import Api, WorkerContext, Workers
from echorator.errors import EchoratorError

_log = logging.getLogger(__name__)

_NEVER = float("inf")


@dataclass
class _Hosted:
    """The state of a container that this controller runs. `spec` is the one that it was started with."""

    uid: str
    spec: ContainerSpec
    mailbox: Mailbox
    run: Run | None = None
    started_s: float = 0.0
    stopping_s: float = 0.0
    restarts: Restarts = field(default_factory=Restarts)
    error: str = ""


class Containers:
    """The controller of containers. One thread calls `reconcile`; any thread may ask for a mailbox."""

    def __init__(self, store: Store, workers: Workers, agents: AgentRuns | None, api: Api, on_change: Callable[[], None]) -> None:
        self._store = store
        self._workers = workers
        self._agents = agents
        self._api = api
        self._on_change = on_change
        self._lock = threading.Lock()
        self._hosted: dict[str, _Hosted] = {}
        self._patient = True

    def mailbox(self, container: Resource) -> Mailbox:
        """Return the mailbox of a container, creating it if the container has not been started yet."""
        hosted = self._hosted.get(container.name)
        return hosted.mailbox if hosted is not None else self._host(container).mailbox

    def _host(self, container: Resource) -> _Hosted:
        assert isinstance(container.spec, ContainerSpec)
        with self._lock:
            made = _Hosted(container.uid, container.spec, Mailbox(container.name, container.spec.queue_limit))
            return self._hosted.setdefault(container.name, made)

    def counts(self, name: str) -> dict[str, Any]:
        """Return the numbers of queued and handled messages of a worker's container; {} for agents and unknown containers.

        They change with every message and are therefore no part of the stored status.
        """
        hosted = self._hosted.get(name)
        if hosted is None or hosted.spec.worker is None:
            return {}
        return {"queued": len(hosted.mailbox), "handled": hosted.mailbox.handled}

    def reconcile(self, now_s: float) -> float:
        """Compare all containers with what runs, start or end what differs, and return the latest time at which the next pass is due."""
        due_s = _NEVER
        containers = self._store.all(Kind.CONTAINER)
        for container in containers:
            due_s = min(due_s, self._reconcile(container, now_s))
        for name in self._hosted.keys() - {container.name for container in containers}:
            self._end(name, self._hosted[name], now_s)
        return due_s

    def _reconcile(self, container: Resource, now_s: float) -> float:
        hosted = self._hosted.get(container.name)
        if hosted is not None and (container.deleting_s or hosted.uid != container.uid or hosted.spec != container.spec):
            if not self._end(container.name, hosted, now_s):
                self._tell(container, hosted, ContainerPhase.TERMINATING if container.deleting_s else None)
                return self._due(hosted)
            hosted = None
        if container.deleting_s:
            self._store.set_status(container.key, {**container.status, "phase": ContainerPhase.TERMINATED.value, "ready": False})
            self._store.remove(container.key)
            return _NEVER
        if hosted is None:
            hosted = self._host(container)
        self._keep_running(container.name, hosted, now_s)
        self._tell(container, hosted, None)
        return hosted.restarts.next_s if hosted.run is None else _NEVER

    def _keep_running(self, name: str, hosted: _Hosted, now_s: float) -> None:
        if hosted.run is not None and hosted.run.ended:
            hosted.error = hosted.run.error or "it ended by itself"
            hosted.restarts = hosted.restarts.after_failure(now_s - hosted.started_s, now_s)
            hosted.run = None
        if hosted.run is None and now_s >= hosted.restarts.next_s:
            hosted.started_s = now_s
            try:
                hosted.run = self._start(name, hosted)
            except (EchoratorError, RuntimeError, OSError) as error:
                hosted.error = str(error)
                hosted.restarts = hosted.restarts.after_failure(0.0, now_s)
                _log.warning("container not started", extra={"container": name, "error": str(error)})
            if hosted.run is not None and hosted.stopping_s:
                hosted.run.stop()

    def _start(self, name: str, hosted: _Hosted) -> Run:
        spec = hosted.spec
        if spec.agent is not None:
            if self._agents is None:
                raise EchoratorError("this cluster has no mesh to run agents in; start it with `echorator up`")
            return self._agents.start(name, spec.agent, self._on_change)
        assert spec.worker is not None
        context = WorkerContext(name, self._api, threading.Event())
        return ThreadRun(name, partial(self._workers.find, spec.worker), hosted.mailbox, context, self._on_change)

    def _end(self, name: str, hosted: _Hosted, now_s: float) -> bool:
        """Stop a container; return True once it has ended. A worker that fails meanwhile is restarted while messages wait in its queue."""
        if not hosted.stopping_s:
            hosted.stopping_s = now_s
            hosted.mailbox.close()
            if hosted.run is not None:
                hosted.run.stop()
        run = hosted.run
        over = not self._patient or now_s >= hosted.stopping_s + hosted.spec.grace_s
        if not over:
            if run is not None and not run.ended:
                return False
            if len(hosted.mailbox):
                self._keep_running(name, hosted, now_s)
                return False
        elif run is not None and not run.ended:
            run.kill()
        lost = hosted.mailbox.abandon()
        if over or lost:
            _log.warning("container ended before its work did", extra={"container": name, "messages": lost})
        with self._lock:
            del self._hosted[name]
        return True

    def _due(self, hosted: _Hosted) -> float:
        over_s = hosted.stopping_s + hosted.spec.grace_s
        return min(over_s, hosted.restarts.next_s) if hosted.run is None else over_s

    def _tell(self, container: Resource, hosted: _Hosted, phase: ContainerPhase | None) -> None:
        run = hosted.run
        ready = run is not None and run.ready and not hosted.stopping_s
        if phase is None:
            waits = run is None and hosted.restarts.failures > 0
            phase = ContainerPhase.RUNNING if ready else ContainerPhase.BACKING_OFF if waits else ContainerPhase.PENDING
        status: dict[str, Any] = {"phase": phase.value, "ready": ready, "restarts": hosted.restarts.count}
        if hosted.error:
            status["lastError"] = hosted.error
        self._store.set_status(container.key, status)

    def hurry(self) -> None:
        """Stop waiting for grace periods: from the next pass on, containers that are to end are killed."""
        self._patient = False

    def stop_all(self, now_s: float) -> bool:
        """End all containers, whatever the store says; return True once none runs. The closing cluster repeats the call until then."""
        ended = [self._end(name, hosted, now_s) for name, hosted in list(self._hosted.items())]
        return all(ended)
