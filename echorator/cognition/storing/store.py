"""The interface of the places that keep memories, which `sqlite_store`, `redis_store` and `postgres.store` implement.

The store is the source of truth and decides nothing: it applies a `Batch` whole or not at all, and a write is durable when
its future has a result. All methods may be called from any thread. They raise

    ResourceError           the disk or the memory is full; nothing was written
    StoreUnavailableError   the shared store does not answer; a write that was under way may or may not be stored
    StoreDamagedError       the stored data cannot be right; `check` tells where
    MemoryNotFoundError     a patch names a memory that does not exist; nothing of the batch was written
    NamespaceGoneError      the namespace was erased since it was looked up; nothing of the batch was written
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from echorator.cognition.memory import Batch, Change, Experience, Filter, Finding, Goal, Lifecycle, Memory, Namespace, Noted, Receipt
from echorator.errors import EchoratorError


class MemoryNotFoundError(EchoratorError):
    """The error for a memory or a namespace that does not exist."""


class NamespaceGoneError(MemoryNotFoundError):
    """The error for a namespace that was erased after it had been looked up; its names may have been given to a new one."""


class StoreDamagedError(EchoratorError):
    """The error for a damaged store; the message says where, and what to do."""


class StoreUnavailableError(EchoratorError):
    """The error for a shared store that does not answer; worth another try."""

    retryable = True


class StoreBusyError(EchoratorError):
    """The error for a store that another process holds, or that a newer version wrote."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of one namespace's memories, experiences and associations, and of its last change."""

    active: int
    archived: int
    superseded: int
    experiences: int
    associations: int
    stale_vectors: int  # active memories whose vector another embedder made
    last_change_s: float
    seq: int


class Store(Protocol):
    """A place that keeps memories; the module says what all methods guarantee and raise."""

    shared: bool  # whether other processes may write to it too

    def embedder(self, name: str, dimension: int) -> int:
        """Return the number that stands for an embedder in `Memory.embedder`, assigned on first use."""
        ...

    def namespace(self, tenant: str, agent: str, user: str, create: bool) -> Namespace | None:
        """Return the namespace, which is created if needed where `create` is set; None where it does not exist."""
        ...

    def namespaces(self, tenant: str, after: tuple[str, str] = ("", ""), most: int = 1 << 40) -> list[Namespace]:
        """Return at most `most` namespaces of one tenant by agent and user, those after the pair `after`."""
        ...

    def write(self, namespace: Namespace, batch: Batch, at_s: float) -> Future[Receipt]:
        """Apply the batch; the future has a result once the batch is durable."""
        ...

    def memories(self, namespace: Namespace, ids: Sequence[int]) -> list[Memory]:
        """Return the memories that exist among `ids`, in the order of `ids`, without vectors and terms."""
        ...

    def facts(self, namespace: Namespace, subject: str, attribute: str) -> list[Memory]:
        """Return the active memories that state, deny or remember a value for this subject and attribute, by id."""
        ...

    def stating(self, namespace: Namespace) -> Iterator[Memory]:
        """Yield the active memories that state any fact, by id, without vectors and terms."""
        ...

    def page(self, namespace: Namespace, filter_: Filter, text: str, lifecycle: Lifecycle | None, after: int, limit: int) -> list[Memory]:
        """Return at most `limit` memories with ids above `after`, by id, that have the words of `text`, see `query_of`.

        Raises InvalidRequestError where `text` is no search.
        """
        ...

    def matching(self, namespace: Namespace, filter_: Filter) -> list[int]:
        """Return the ids of the active memories that the filter admits, in order."""
        ...

    def scan(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[Memory]:
        """Yield active memories with vectors and terms, by id, for the index; all, or those among `ids`."""
        ...

    def archived(self, namespace: Namespace) -> Iterator[Memory]:
        """Yield archived memories by id, without vectors and terms."""
        ...

    def everything(self, namespace: Namespace, vectors: bool) -> Iterator[Memory]:
        """Yield active and archived memories by id, for an export."""
        ...

    def associations(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[tuple[int, int, float]]:
        """Yield (a, b, weight) with the kinds of a pair summed up and cut at 1; all, or those that touch one of `ids`."""
        ...

    def changed_since(self, namespace: Namespace, seq: int) -> set[int]:
        """Return the ids of the memories that a change after `seq` touched."""
        ...

    def history(self, namespace: Namespace, memory_id: int, before_seq: int, limit: int) -> list[Change]:
        """Return the changes before `before_seq`, newest first; of the whole namespace for memory 0."""
        ...

    def changes_after(self, namespace: Namespace, seq: int, limit: int) -> list[Change]:
        """Return the changes after `seq`, oldest first. No change becomes visible after one with a greater number."""
        ...

    def tenant_changes(self, tenant: str, after: str, limit: int) -> list[Noted]:
        """Return the changes of all namespaces of a tenant after a cursor, "" for all, oldest first, in the order in which they show up.

        Raises:
            InvalidRequestError: `after` is no cursor of this store.
        """
        ...

    def tenant_cursor(self, tenant: str) -> str:
        """Return a cursor after which there is no change of the tenant yet."""
        ...

    def experiences(self, namespace: Namespace, session: str, limit: int) -> list[Experience]:
        """Return at most `limit` experiences, newest first; of all sessions for ""."""
        ...

    def goals(self, namespace: Namespace) -> list[Goal]:
        """Return the goals in the order in which they were set."""
        ...

    def document(self, namespace: Namespace, name: str) -> bytes:
        """Return a small state that `Batch.documents` wrote, b"" where there is none."""
        ...

    def documents(self, namespace: Namespace, prefix: str) -> list[str]:
        """Return the names of the small states that begin with `prefix`."""
        ...

    def counts(self, namespace: Namespace, embedder: int) -> Counts:
        """Return the counts of the namespace; vectors of another embedder than `embedder` count as stale."""
        ...

    def erase(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        """Erase memories and all that was made of them, so that no byte of their texts stays; None: the whole namespace.

        Returns:
            How many memories were erased.
        """
        ...

    def purge(self, namespace: Namespace, ids: Sequence[int], at_s: float) -> None:
        """Delete faded memories; unlike `erase` it keeps what was made of them, and does not wait for their bytes to be gone."""
        ...

    def erasures(self, tenant: str) -> int:
        """Return a number that grows with every erasure of the tenant: caches made before an erasure must be dropped."""
        ...

    def check(self, repair: bool) -> tuple[list[Finding], int]:
        """Verify the whole store, mend what can be mended if `repair` is set; return the findings and the number of memories."""
        ...

    def follow(self, on_change: Callable[[int, list[int] | None, list[str]], None]) -> None:
        """From now on call `on_change`, from a thread, for changes by other replicas.

        Its arguments are the namespace, or 0 for all; the ids of changed memories, or None for all; and the names of changed documents.
        It is never called where the store is not shared.
        """
        ...

    def close(self) -> None:
        """Finish accepted writes and close the store."""
        ...
