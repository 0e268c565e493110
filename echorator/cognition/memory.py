"""The values of the memory: namespaces, memories, experiences, and the batch of effects that a store applies at once.

All are plain frozen values; times are seconds since 1970. Pure modules decide over these values and put their decisions into a
`Batch`, which a `store` applies whole or not at all.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from echorator.cognition.reading.values import Act, Fact
from echorator.cognition.text import TERMS_VERSION
from echorator.cognition.text_query import query_of

Vector = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint64]

MetadataValue = str | float | bool

NO_VECTOR: Vector = np.zeros(0, np.float32)
NO_TERMS: Ids = np.zeros(0, np.uint64)
BLOBS = {"embedding": np.float32, "terms": np.uint64, "tokens": np.uint64}
"""The fields of a memory that are arrays, with the types of their numbers; they are read only where they are needed."""


class Kind(enum.IntEnum):
    """The kind of a memory: one of Tulving's three long-term systems; the numbers are those of the API."""

    EPISODIC = 1
    SEMANTIC = 2
    PROCEDURAL = 3


class Lifecycle(enum.IntEnum):
    """The stage of a memory: active ones are recalled; archived ones have faded or were merged, and are only listed."""

    ACTIVE = 1
    ARCHIVED = 2


class Action(enum.StrEnum):
    """The action that a line of the history records for a memory."""

    REMEMBERED = "remembered"
    UPDATED = "updated"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    RESTORED = "restored"
    MERGED = "merged"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Namespace:
    """The memories of one user with one agent of a tenant. `id` is the store's number for it."""

    id: int
    tenant: str
    agent: str
    user: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the names that make the namespace unique: tenant, agent and user."""
        return self.tenant, self.agent, self.user


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory. `id` is 0 until the store assigns one; an id is never used again after its memory was erased."""

    text: str
    kind: Kind
    said_s: float
    created_s: float
    id: int = 0
    speaker: str = ""
    session: str = ""
    valid_from_s: float = 0.0
    valid_to_s: float = 0.0  # 0: it is still valid
    importance: float = 0.3
    valence: float = 0.0
    arousal: float = 0.0
    pinned: bool = False
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    changed_s: float = 0.0  # when the lifecycle changed last
    source: str = "api"
    act: Act = Act.TELLS  # what its sentence does
    facts: tuple[Fact, ...] = ()  # what it states of things; a later one of the same topic may end them
    standing: bool = False  # it is in every context, such as a diet or how to answer
    expires_s: float = 0.0  # from then on it is not recalled, and consolidation erases it; 0: never
    categories: tuple[str, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)  # the caller's own
    derived_from: tuple[int, ...] = ()
    superseded_by: int = 0
    uses: int = 1  # the creation counts as one
    last_used_s: float = 0.0
    key: str = ""
    entities: tuple[str, ...] = ()
    embedder: int = 0  # the store's number of the embedder that made the vector
    embedding: Vector = field(default_factory=lambda: NO_VECTOR, compare=False)
    terms: Ids = field(default_factory=lambda: NO_TERMS, compare=False)
    tokens: Ids = field(default_factory=lambda: NO_TERMS, compare=False)  # of the embedder: (dimension + 63) // 64 numbers for each token
    terms_version: int = TERMS_VERSION  # of the rules that made the terms

    @property
    def holds(self) -> bool:
        """Whether the validity of the memory is still open."""
        return self.valid_to_s == 0.0

    @property
    def labels(self) -> tuple[object, ...]:
        """Return what a caller attached to the memory: memories that differ in it are never taken for one."""
        return self.metadata, self.categories, self.expires_s

    def expired(self, at_s: float) -> bool:
        """Return whether the memory has expired by `at_s`."""
        return 0.0 < self.expires_s <= at_s


@dataclass(frozen=True, slots=True)
class Patch:
    """New values for fields of one memory, and the action that the history records; an empty action records nothing."""

    id: int
    fields: Mapping[str, Any]
    action: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A strengthening of the association of two memories: w becomes w + gain * (1 - w), so it stays below 1 (bounded Hebbian rule).

    An end below 0 is the memory at index -1 - end of the batch's `add`.
    """

    a: int
    b: int
    kind: str  # "entity" or "recalled"
    gain: float


@dataclass(frozen=True, slots=True)
class Experience:
    """One turn of a chat: what was said, recalled and learned, and how it went."""

    session: str
    at_s: float
    user_text: str
    answer: str
    model: str = ""
    recalled: tuple[int, ...] = ()
    learned: tuple[int, ...] = ()
    outcome: int = 0
    feedback: float | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of the user; memories near it are recalled more readily."""

    text: str
    priority: float = 1.0
    embedding: Vector = field(default_factory=lambda: NO_VECTOR, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history of a namespace."""

    seq: int
    at_s: float
    memory_id: int
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Effects on one namespace, applied whole or not at all. None leaves what the field names as it is."""

    add: tuple[Memory, ...] = ()
    patch: tuple[Patch, ...] = ()
    links: tuple[Link, ...] = ()
    uses: tuple[tuple[int, float], ...] = ()  # (memory id, time of use)
    past: tuple[Change, ...] = ()  # earlier history of added memories, before their addition; each `memory_id` as an end of a Link
    experience: Experience | None = None  # from which the added memories were learned too
    experiences: tuple[Experience, ...] = ()  # earlier ones, whose `recalled` and `learned` are as ends of a Link
    goals: tuple[Goal, ...] | None = None
    documents: Mapping[str, bytes] = field(default_factory=dict)  # small states by name; empty bytes delete


@dataclass(frozen=True, slots=True)
class Receipt:
    """The store's answer to a batch: an id for each added memory (the stored one's where its key was known) and the last change's seq."""

    ids: tuple[int, ...]
    fresh: tuple[bool, ...]  # False: the key was known, so nothing was added
    seq: int
    experience_id: int = 0


@dataclass(frozen=True, slots=True)
class Noted:
    """A change in the history of all namespaces of a tenant. `memory_id` 0 says that the whole namespace was erased."""

    cursor: str  # the store's own mark of the place in the tenant's history
    namespace: int  # the store's number of it
    change: Change


@dataclass(frozen=True, slots=True)
class MetadataCondition:
    """What the value of one name of the metadata has to be: all that is set. Values of different types are neither equal nor ordered."""

    name: str
    one_of: tuple[MetadataValue, ...] = ()
    at_least: str | float | None = None
    above: str | float | None = None
    at_most: str | float | None = None
    below: str | float | None = None
    exists: bool = True

    def admits(self, metadata: Mapping[str, MetadataValue]) -> bool:
        """Return whether the metadata meet the condition."""
        if self.name not in metadata or not self.exists:
            return (self.name in metadata) is self.exists
        value = metadata[self.name]
        return (
            (not self.one_of or any(type(value) is type(other) and value == other for other in self.one_of))
            and (self.at_least is None or (type(value) is type(self.at_least) and value >= self.at_least))  # type: ignore[operator]
            and (self.above is None or (type(value) is type(self.above) and value > self.above))  # type: ignore[operator]
            and (self.at_most is None or (type(value) is type(self.at_most) and value <= self.at_most))  # type: ignore[operator]
            and (self.below is None or (type(value) is type(self.below) and value < self.below))  # type: ignore[operator]
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on memories; an unset field admits all. `admits` is the meaning; what a store does itself admits the same."""

    kinds: frozenset[Kind] = frozenset()
    session: str = ""
    speaker: str = ""
    since_s: float | None = None
    before_s: float | None = None
    acts: frozenset[Act] = frozenset()
    sources: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()  # one of them
    metadata: tuple[MetadataCondition, ...] = ()  # each of them
    text: str = ""  # as `TextQuery` reads it
    all: tuple[Filter, ...] = ()
    any: tuple[Filter, ...] = ()  # one of them at least, where there are any
    none: tuple[Filter, ...] = ()
    now_s: float = 0.0  # what has expired by then is not admitted; 0: expired or not

    @property
    def empty(self) -> bool:
        """Whether no condition is set, here or in a filter within."""
        flat = self.kinds or self.session or self.speaker or self.since_s is not None or self.before_s is not None
        return not (flat or self._others) and all(inner.empty for inner in (*self.all, *self.any, *self.none))

    @property
    def indexed(self) -> bool:
        """Whether the recall index knows all of its conditions: kinds, session, speaker and times."""
        return not (self._others or self.all or self.any or self.none)

    @property
    def _others(self) -> bool:
        return bool(self.acts or self.sources or self.categories or self.metadata or self.text)

    def admits(self, memory: Memory) -> bool:
        """Return whether the memory meets every condition."""
        return (
            (not self.kinds or memory.kind in self.kinds)
            and (not self.session or memory.session == self.session)
            and (not self.speaker or memory.speaker == self.speaker)
            and (self.since_s is None or memory.said_s >= self.since_s)
            and (self.before_s is None or memory.said_s < self.before_s)
            and (not self.acts or memory.act in self.acts)
            and (not self.sources or memory.source in self.sources)
            and (not self.categories or not self.categories.isdisjoint(memory.categories))
            and all(condition.admits(memory.metadata) for condition in self.metadata)
            and (not self.text or query_of(self.text).fits(memory.text, memory.speaker))
            and all(inner.admits(memory) for inner in self.all)
            and (not self.any or any(inner.admits(memory) for inner in self.any))
            and not any(inner.admits(memory) for inner in self.none)
            and not (self.now_s and memory.expired(self.now_s))
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault that a check of the store found."""

    what: str
    error: bool = True
    repaired: bool = False
