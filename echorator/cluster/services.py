"""Services: which containers a name stands for, and which of them gets the next message.

The selector decides at every message; its result is cached until anything in the store changes. Of two ready containers drawn
at random the one with the shorter queue gets the message (Mitzenmacher, "The power of two choices in randomized load balancing", 2001).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from echorator.cluster.mailbox import Mailbox
from echorator.cluster.resources import ContainerSpec, Key, Kind, ReplicaSetSpec, Resource, ServiceSpec
from echorator.cluster.store import Store
from echorator.errors import EchoratorError


class NoContainerError(EchoratorError):
    """No container matches the service's selector now; the message says which labels there are."""

    retryable = True


@dataclass(frozen=True)
class _Found:
    version: int
    boxes: tuple[Mailbox, ...]


class Services:
    """The controller of services. Any thread may call `choose`; one thread calls `reconcile`."""

    def __init__(self, store: Store, mailbox: Callable[[Resource], Mailbox]) -> None:
        self._store = store
        self._mailbox = mailbox
        self._found: dict[str, _Found] = {}

    def choose(self, name: str) -> Mailbox:
        """Return the mailbox for the next message to a service. Raises ResourceNotFoundError, NoContainerError."""
        found = self._found.get(name)
        if found is None or found.version != self._store.version:
            found = self._find(name)
        boxes = found.boxes
        if len(boxes) == 1:
            return boxes[0]
        first, second = random.sample(boxes, 2) if len(boxes) < 8 else (random.choice(boxes), random.choice(boxes))
        return first if len(first) <= len(second) else second

    def _find(self, name: str) -> _Found:
        version = self._store.version
        service = self._store.get(Key(Kind.SERVICE, name))
        matched = self._matched(service)
        if not matched:
            raise NoContainerError(self._nothing(service))
        # Without a ready container, messages wait in the queues of those that still start.
        ready = [c for c in matched if c.status.get("ready")] or matched
        self._found[name] = _Found(version, tuple(self._mailbox(c) for c in ready))
        return self._found[name]

    def _matched(self, service: Resource) -> list[Resource]:
        assert isinstance(service.spec, ServiceSpec)
        workers = [c for c in self._store.all(Kind.CONTAINER) if isinstance(c.spec, ContainerSpec) and c.spec.worker is not None]
        return [c for c in workers if not c.deleting_s and service.spec.matches(c.labels)]

    def _nothing(self, service: Resource) -> str:
        labels = sorted({f"{key}={value}" for c in self._store.all(Kind.CONTAINER) for key, value in c.labels.items()})
        return f"{service.key}: no container matches its selector {service.spec}; labels of containers: {', '.join(labels[:20]) or 'none'}"

    def warning(self, service: Resource) -> str:
        """Return a warning for a service whose selector matches neither a container nor a replica set's template; "" for none."""
        assert isinstance(service.spec, ServiceSpec)
        templates = [r.spec.template.metadata.labels for r in self._store.all(Kind.REPLICA_SET) if isinstance(r.spec, ReplicaSetSpec)]
        if self._matched(service) or any(service.spec.matches(labels) for labels in templates):
            return ""
        return f"{self._nothing(service)}; it serves once one does"

    def reconcile(self) -> None:
        """Write into the status of each service how many containers it has, and remove deleted services."""
        for service in self._store.all(Kind.SERVICE):
            if service.deleting_s:
                self._found.pop(service.name, None)
                self._store.remove(service.key)
                continue
            matched = self._matched(service)
            status: dict[str, object] = {"containers": len(matched), "ready": sum(bool(c.status.get("ready")) for c in matched)}
            if not matched:
                status["message"] = self._nothing(service)
            self._store.set_status(service.key, status)
