"""All resources of a local cluster in memory, with the history of their changes.

One lock guards it; resources are immutable, so readers keep them without the lock. Where there is a journal, what users apply is durable
before it is visible; what controllers created is not stored, because they create it again. Fed by `cluster` and the controllers; feeds
watchers.
"""

from __future__ import annotations

import enum
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from echorator.cluster.documents import Wish
from echorator.cluster.journal import Journal
from echorator.cluster.resources import AnySpec, Key, Kind, Resource
from echorator.errors import EchoratorError, InvalidRequestError

HISTORY = 8192  # changes that are kept, and that a watcher may be behind


class ResourceNotFoundError(EchoratorError):
    """There is no such resource; the message names the existing ones of its kind."""


class ConflictError(EchoratorError):
    """The resource was changed, or deleted, since it was read."""


class HistoryGoneError(EchoratorError):
    """A watcher asks for changes that are no longer kept: it must list again and watch from there."""


class Change(enum.StrEnum):
    """The kind of change of a resource, as watchers see it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class Event:
    """One change; `resource` is its state after the change."""

    change: Change
    resource: Resource
    at_s: float = 0.0  # seconds since 1970


class Outcome(enum.StrEnum):
    """What `apply` did with a resource."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"


class Store:
    """A thread-safe store of resources. Listeners run with the lock held and must only note that something changed."""

    def __init__(self, journal: Journal | None = None) -> None:
        """Load the resources of the journal. Raises what `Journal.reserve` and `Journal.load` raise."""
        self._journal = journal
        self._lock = threading.RLock()
        self._resources: dict[Key, Resource] = {}
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._listeners: list[Callable[[], None]] = []
        self._version = journal.reserve(0) if journal is not None else 0
        self._reserved = self._version
        self._oldest = self._version  # the history holds all changes after this version
        for resource in journal.load() if journal is not None else ():
            self._resources[resource.key] = replace(resource, resource_version=self._version)

    @property
    def version(self) -> int:
        """The resource version of the last change."""
        return self._version

    def listen(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Call `on_change` after every change from now on; return a function that ends this."""
        with self._lock:
            self._listeners.append(on_change)

        def unlisten() -> None:
            with self._lock:  # a change walks the list meanwhile, and would leave out the listener after the one that is removed
                self._listeners.remove(on_change)

        return unlisten

    # Reading

    def get(self, key: Key) -> Resource:
        """Return a resource. Raises ResourceNotFoundError."""
        found = self._resources.get(key)
        if found is None:
            known = ", ".join(sorted(k.name for k in list(self._resources) if k.kind is key.kind)[:20]) or "none"
            raise ResourceNotFoundError(f"there is no {key}; known: {known}")
        return found

    def find(self, key: Key) -> Resource | None:
        """Return a resource; None if there is no such resource."""
        return self._resources.get(key)

    def all(self, kind: Kind | None = None) -> list[Resource]:
        """Return all resources of a kind, or of all kinds for None, sorted by kind and name."""
        return self.snapshot(kind)[0]

    def snapshot(self, kind: Kind | None = None) -> tuple[list[Resource], int]:
        """Return the resources sorted by kind and name, and their version: a watch from that version misses no change."""
        with self._lock:
            found = [r for r in self._resources.values() if kind is None or r.kind is kind]
            version = self._version
        return sorted(found, key=lambda r: (r.kind.value, r.name)), version

    def since(self, version: int) -> list[Event]:
        """Return the changes after `version`, oldest first. Raises HistoryGoneError."""
        with self._lock:
            if not self._oldest <= version <= self._version:
                raise HistoryGoneError(f"changes after {version} are kept no more; list again and watch from there")
            newer: list[Event] = []
            for event in reversed(self._history):
                if event.resource.resource_version <= version:
                    break
                newer.append(event)
        return newer[::-1]

    def recent(self) -> list[Event]:
        """Return all changes that are kept, oldest first."""
        with self._lock:
            return list(self._history)

    # What users ask for

    def apply(self, wishes: Sequence[Wish]) -> list[tuple[Resource, Outcome]]:
        """Apply all wishes or none; durable on return. Raises ConflictError, InvalidRequestError, and what the journal raises."""
        with self._lock:
            made = [self._applied(wish) for wish in wishes]
            changed = [resource for resource, outcome in made if outcome is not Outcome.UNCHANGED]
            self._keep(put=[resource for resource in changed if resource.owner is None])
            stored = {resource.key: self._put(resource) for resource in changed}
            return [(stored.get(resource.key, resource), outcome) for resource, outcome in made]

    def _applied(self, wish: Wish) -> tuple[Resource, Outcome]:
        known = self._resources.get(wish.key)
        if known is None:
            if wish.resource_version:
                raise ConflictError(f"{wish.key} is not there any more; apply it without resourceVersion to make it anew")
            return _new(wish.key, wish.spec, wish.labels), Outcome.CREATED
        if wish.resource_version and wish.resource_version != known.resource_version:
            raise ConflictError(f"{wish.key} was changed since it was read: it is {known.resource_version} now; read it again")
        if known.spec == wish.spec and dict(known.labels) == dict(wish.labels):
            return known, Outcome.UNCHANGED
        if known.deleting_s:
            raise ConflictError(f"{wish.key} is being deleted; apply it again once it is gone")
        if known.owner is not None:
            raise InvalidRequestError(f"{wish.key} is made by {known.owner}; change that")
        generation = known.generation + (known.spec != wish.spec)
        return replace(known, spec=wish.spec, labels=dict(wish.labels), generation=generation), Outcome.CONFIGURED

    def respecify(self, key: Key, spec: AnySpec) -> Resource:
        """Change the spec of a resource and return it; durable on return. Raises ResourceNotFoundError and what the journal raises."""
        with self._lock:
            known = self.get(key)
            if known.spec == spec:
                return known
            changed = replace(known, spec=spec, generation=known.generation + 1)
            if known.owner is None:
                self._keep(put=[changed])
            return self._put(changed)

    def begin_delete(self, key: Key) -> Resource:
        """Mark a resource as being deleted; its controller removes it later. Durable on return.

        Raises ResourceNotFoundError and what the journal raises.
        """
        with self._lock:
            known = self.get(key)
            if known.deleting_s:
                return known
            changed = replace(known, deleting_s=time.time())
            if known.owner is None:
                self._keep(put=[changed])
            return self._put(changed)

    # What controllers do

    def create(self, key: Key, spec: AnySpec, labels: Mapping[str, str], owner: Key) -> Resource | None:
        """Create a resource that a controller owns and return it; None if the name is taken."""
        with self._lock:
            if key in self._resources:
                return None
            return self._put(replace(_new(key, spec, labels), owner=owner))

    def set_status(self, key: Key, status: Mapping[str, Any]) -> None:
        """Set the status of a resource; an unchanged status is no change, and a missing resource is ignored."""
        with self._lock:
            known = self._resources.get(key)
            if known is not None and known.status != status:
                self._put(replace(known, status=status))

    def remove(self, key: Key) -> None:
        """Remove a resource for good; a missing resource is ignored."""
        with self._lock:
            known = self._resources.get(key)
            if known is None:
                return
            if known.owner is None:
                self._keep(gone=[key])
            del self._resources[key]
            self._note(Change.DELETED, replace(known, resource_version=self._next_version()))

    # Changes

    def _put(self, resource: Resource) -> Resource:
        change = Change.MODIFIED if resource.key in self._resources else Change.ADDED
        stored = replace(resource, resource_version=self._next_version())
        self._resources[resource.key] = stored
        self._note(change, stored)
        return stored

    def _note(self, change: Change, resource: Resource) -> None:
        if len(self._history) == HISTORY:
            self._oldest = self._history[0].resource.resource_version
        self._history.append(Event(change, resource, time.time()))
        for listener in self._listeners:
            listener()

    def _next_version(self) -> int:
        """Return the next version, never one that another process with the same journal has used."""
        if self._journal is not None and self._version >= self._reserved:
            self._reserved = self._journal.reserve(self._version)
        self._version += 1
        return self._version

    def _keep(self, put: Iterable[Resource] = (), gone: Iterable[Key] = ()) -> None:
        if self._journal is not None:
            self._journal.write(put, gone)


def _new(key: Key, spec: AnySpec, labels: Mapping[str, str]) -> Resource:
    return Resource(key, spec, dict(labels), uid=str(uuid.uuid4()), created_s=time.time())
