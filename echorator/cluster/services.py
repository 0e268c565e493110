"""Services: which containers a name stands for, and which of them gets the next message.

The selector decides at every message; a set that was found is kept until anything in the store changes. Of two ready containers drawn
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
    """No container is behind the service now; the message says why."""

    retryable = True


@dataclass(frozen=True)
class _Found:
    version: int
    boxes: tuple[Mailbox, ...]


class Services:
    """`choose` from any thread, `reconcile` from one."""

    def __init__(self, store: Store, mailbox: Callable[[Resource], Mailbox]) -> None:
        self._store = store
        self._mailbox = mailbox
        self._found: dict[str, _Found] = {}

    def choose(self, name: str) -> Mailbox:
        """Raises ResourceNotFoundError, NoContainerError."""
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
        ready = [c for c in matched if c.status.get("ready")] or matched  # messages for those that still start wait in their queues
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
        """What is to be said of a service that was applied; "" for nothing."""
        assert isinstance(service.spec, ServiceSpec)
        templates = [r.spec.template.metadata.labels for r in self._store.all(Kind.REPLICA_SET) if isinstance(r.spec, ReplicaSetSpec)]
        if self._matched(service) or any(service.spec.matches(labels) for labels in templates):
            return ""
        return f"{self._nothing(service)}; it serves once one does"

    def reconcile(self) -> None:
        """Say of each service what is behind it."""
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
