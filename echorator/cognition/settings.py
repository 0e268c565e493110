"""Settings of the memory: frozen, validated once. Weights are in units of the pool's standard score, see `recall_index.hpp`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from echorator.errors import InvalidRequestError

MAX_TEXT_BYTES = 16_384
MAX_BATCH = 1024
MAX_K = 1000
MAX_GOALS = 32


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidRequestError(message)


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts: those of `recall_index.SIGNALS`, in their order, and `fact`, which the store knows.

    The first four are worth what the bench's ablation shows (`bench/test_retrieval.py`); the others only order what is
    equally relevant, so they are small: a fresh or important memory wins against one that matches as well, not against a better one.
    """

    dense: float = 1.0
    lexical: float = 1.0
    neighbours: float = 0.4
    session: float = 0.3
    association: float = 0.1
    activation: float = 0.1
    importance: float = 0.1
    affect: float = 0.05
    goal: float = 0.1
    fact: float = 4.0  # of a memory that states what the question asks for

    def __post_init__(self) -> None:
        """Raises InvalidRequestError."""
        for f in fields(self):
            value = getattr(self, f.name)
            _check(0.0 <= value <= 10.0, f"weights.{f.name} must be 0..10, not {value:g}")

    def array(self, trust: float = 1.0) -> npt.NDArray[np.float32]:
        """Those of the native signals, shape (9,); `trust` of the embedder scales `dense`."""
        scaled = {"dense": self.dense * trust}
        return np.array([scaled.get(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "fact"], np.float32)


@dataclass(frozen=True, slots=True)
class Forgetting:
    """When a memory fades (`forgetting`): its probability of retrieval falls below `archive_below`; purged after `purge_after_s`."""

    archive_below: float = 0.1
    grace_s: float = 30 * 86_400.0  # none fades earlier
    purge_after_s: float = 180 * 86_400.0  # archived for so long, a memory is erased; 0: never

    def __post_init__(self) -> None:
        """Raises InvalidRequestError."""
        _check(0.0 <= self.archive_below < 1.0, "archive_below must be 0..1")
        _check(self.grace_s >= 0 and self.purge_after_s >= 0, "grace_s and purge_after_s must not be negative")


@dataclass(frozen=True, slots=True)
class CognitionSettings:
    """All of one cognition service. Times in seconds."""

    weights: Weights = field(default_factory=Weights)
    forgetting: Forgetting = field(default_factory=Forgetting)
    pool: int = 128  # candidates of the dense and of the lexical signal
    budget_tokens: int = 1024  # of all memories in a prompt, where the caller says none
    max_memories: int = 12  # in one block
    min_confidence: float = 0.2  # of what is put into a context
    diversity: float = 0.3  # of maximal marginal relevance: 0 looks at relevance only
    mood_half_life_s: float = 1800.0
    mood_gain: float = 0.4  # how much of a turn's affect the mood takes on
    working_memory: int = 7  # memories in the focus of a session (Miller's seven)
    hebbian_gain: float = 0.05  # of memories recalled together
    entity_links: int = 3  # earlier memories with the same entity that a new one is associated with
    graph_threads: int = 1  # that build the graph of a large namespace

    def __post_init__(self) -> None:
        """Raises InvalidRequestError."""
        for name, low, high in (
            ("pool", 8, 4096),
            ("budget_tokens", 0, 1 << 20),
            ("max_memories", 0, 1000),
            ("min_confidence", 0, 1),
            ("diversity", 0, 1),
            ("mood_half_life_s", 1, 1e9),
            ("mood_gain", 0, 1),
            ("working_memory", 1, 100),
            ("hebbian_gain", 0, 1),
            ("entity_links", 0, 100),
            ("graph_threads", 1, 1024),
        ):
            value = getattr(self, name)
            _check(low <= value <= high, f"{name} must be {low:g}..{high:g}, not {value:g}")
