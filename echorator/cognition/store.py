"""What the memory needs of a place that keeps it: the interface that `sqlite_store` and `redis_store` implement.

The store is the source of truth and decides nothing: it applies a `Batch` whole or not at all, and a write is durable when
its future has a result. All methods may be called from any thread. They raise

    ResourceError           the disk or the memory is full; nothing was written
    StoreUnavailableError   the shared store does not answer; a write that was under way may or may not be stored
    StoreDamagedError       what was read cannot be right; `check` says more
    MemoryNotFoundError     a patch names a memory that is not there; nothing of the batch was written
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from echorator.cognition.memory import Batch, Change, Experience, Filter, Finding, Goal, Lifecycle, Memory, Namespace, Receipt
from echorator.errors import EchoratorError


class MemoryNotFoundError(EchoratorError):
    """No such memory or namespace."""


class StoreDamagedError(EchoratorError):
    """The store is damaged; the message says where and what to do."""


class StoreUnavailableError(EchoratorError):
    """The shared store does not answer."""

    retryable = True


class StoreBusyError(EchoratorError):
    """Another process holds the store, or it was written by a newer version."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one namespace."""

    active: int
    archived: int
    superseded: int
    experiences: int
    associations: int
    stale_vectors: int  # active memories whose vector another embedder made
    last_change_s: float
    seq: int


class Store(Protocol):
    """See the module."""

    shared: bool  # whether other processes may write it too

    def embedder(self, name: str, dimension: int) -> int:
        """The number that stands for an embedder in `Memory.embedder`, given on first use."""
        ...

    def namespace(self, tenant: str, agent: str, user: str, create: bool) -> Namespace | None:
        """The namespace, made where `create` says so, else None where there is none."""
        ...

    def namespaces(self, tenant: str) -> list[Namespace]:
        """Of one tenant, by agent and user."""
        ...

    def write(self, namespace: Namespace, batch: Batch, at_s: float) -> Future[Receipt]:
        """Apply the batch; the future has a result once it is durable."""
        ...

    def memories(self, namespace: Namespace, ids: Sequence[int]) -> list[Memory]:
        """Those of the ids that are there, in their order, without vectors and terms."""
        ...

    def facts(self, namespace: Namespace, subject: str, attribute: str) -> list[Memory]:
        """Active memories that state this and hold."""
        ...

    def page(self, namespace: Namespace, filter_: Filter, text: str, lifecycle: Lifecycle | None, after: int, limit: int) -> list[Memory]:
        """By id, those above `after`. `text` is a full-text query; InvalidRequestError where it is none."""
        ...

    def scan(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[Memory]:
        """Active memories with vectors and terms, by id, for the index."""
        ...

    def archived(self, namespace: Namespace) -> Iterator[Memory]:
        """By id, without vectors and terms."""
        ...

    def everything(self, namespace: Namespace, vectors: bool) -> Iterator[Memory]:
        """Active and archived memories by id, for an export."""
        ...

    def associations(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[tuple[int, int, float]]:
        """(a, b, weight), the kinds of a pair summed up and cut at 1; of all, or of those that touch one of `ids`."""
        ...

    def changed_since(self, namespace: Namespace, seq: int) -> set[int]:
        """Ids of the memories that a later change touched."""
        ...

    def history(self, namespace: Namespace, memory_id: int, before_seq: int, limit: int) -> list[Change]:
        """Newest first; of the whole namespace for memory 0."""
        ...

    def experiences(self, namespace: Namespace, session: str, limit: int) -> list[Experience]:
        """Newest first; of all sessions for ""."""
        ...

    def goals(self, namespace: Namespace) -> list[Goal]:
        """In the order they were set."""
        ...

    def document(self, namespace: Namespace, name: str) -> bytes:
        """A small state that `Batch.documents` wrote, b"" where there is none."""
        ...

    def documents(self, namespace: Namespace, prefix: str) -> list[str]:
        """Names of the states that begin so."""
        ...

    def counts(self, namespace: Namespace, embedder: int) -> Counts:
        """For the state of the namespace."""
        ...

    def erase(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        """Take memories and all that was made of them out of the store, so that no byte of their texts stays; None: the
        whole namespace. Returns how many memories."""
        ...

    def purge(self, namespace: Namespace, ids: Sequence[int], at_s: float) -> None:
        """Delete rows that have faded: as `erase`, but what was made of them stays, and no byte is sought after."""
        ...

    def erasures(self, tenant: str) -> int:
        """Grows with every erasure of the tenant: caches made before it are to be dropped."""
        ...

    def check(self, repair: bool) -> tuple[list[Finding], int]:
        """Verify everything; findings and the number of memories."""
        ...

    def follow(self, on_change: Callable[[int, list[int] | None, list[str]], None]) -> None:
        """From now on call `on_change`, from a thread, for changes by other replicas: (namespace, or 0 for all; ids of changed
        memories, or None for all; names of changed documents). Never called where the store is not shared."""
        ...

    def close(self) -> None:
        """Finish what was accepted and let go."""
        ...
