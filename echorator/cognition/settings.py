"""Settings of the memory: frozen and validated once. Weights are in units of the pool's standard score; see `recall_index.hpp`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt

from echorator.errors import InvalidRequestError
from echorator.ranged import Range, check_ranges

MAX_TEXT_BYTES = 16_384
MAX_BATCH = 1024
MAX_K = 1000
MAX_GOALS = 32

_WEIGHT = Range(0.0, 10.0)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidRequestError(message)


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each signal in a score: those of `recall_index.SIGNALS`, in their order, and `fact`, which the store finds.

    Those that are not 0 are worth what the bench's ablation shows on dialogues and on chats (`bench/memory/prompted.py`). The others
    changed no figure of any set, so they are options: set one where its meaning is wanted, such as `activation` where what is often used
    should come first, or `affect` where a mood should call up what was felt alike. `goal` acts only where goals were set.
    """

    dense: float = 1.0  # similarity of the embeddings
    lexical: float = 0.75  # shared words (BM25)
    neighbours: float = 0.4  # how well the turns that others said before and after match
    session: float = 0.3  # how well the rest of the memory's session matches
    association: float = 0.0  # associations with memories that match
    activation: float = 0.0  # how recently and how often the memory was used (ACT-R)
    importance: float = 0.0  # the memory's importance
    affect: float = 0.0  # how near the memory's affect is to the mood of the session
    goal: float = 0.1  # how near the memory is to a goal of the namespace
    tokens: float = 1.0  # how well each token of the query finds its like in the memory (late interaction)
    form: float = 1.0  # length, whether it asks, who said it, whether it names a time that is asked for
    fact: float = 4.0  # that the memory states the fact that the question asks for

    def __post_init__(self) -> None:
        """Check every weight. Raises InvalidRequestError, naming the weight and its range."""
        check_ranges(self, {f.name: _WEIGHT for f in fields(self)}, "weights.")

    def array(self, trust: float = 1.0) -> npt.NDArray[np.float32]:
        """Return the weights of the native signals, shape (11,); the embedder's `trust` scales `dense`."""
        scaled = {"dense": self.dense * trust}
        return np.array([scaled.get(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "fact"], np.float32)

    def by_meaning(self) -> Weights:
        """Return these weights for a query that tells something, which vectors find best (recall@10 on dialogues 42.8 to 48.5 by length).

        Words that it shares with a memory are chance, and so is what was said around that.
        """
        return replace(self, lexical=0.0, neighbours=0.0, session=0.0, association=0.0, tokens=0.0, form=2 * self.form)


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Limits of `forgetting`: a memory is archived when its probability of retrieval falls below `archive_below`, and purged later."""

    archive_below: float = 0.1  # least probability of retrieval of a memory that stays active; below 1
    grace_s: float = 30 * 86_400.0  # seconds; no memory fades before this age
    purge_after_s: float = 180 * 86_400.0  # seconds; a memory archived for longer is erased; 0: never

    def __post_init__(self) -> None:
        """Check the limits. Raises InvalidRequestError, naming the field and its range."""
        _check(0.0 <= self.archive_below < 1.0, "archive_below must be 0..1")
        _check(self.grace_s >= 0 and self.purge_after_s >= 0, "grace_s and purge_after_s must not be negative")


_RANGES: Mapping[str, Range] = {
    "pool": Range(8, 4096),
    "budget_tokens": Range(0, 1 << 20),
    "max_memories": Range(0, 1000),
    "min_confidence": Range(0, 1),
    "diversity": Range(0, 1),
    "mood_half_life_s": Range(1, 1e9),
    "mood_gain": Range(0, 1),
    "working_memory": Range(1, 100),
    "hebbian_gain": Range(0, 1),
    "entity_links": Range(0, 100),
    "graph_threads": Range(1, 1024),
    "index_bytes": Range(0, 1 << 50),
}


@dataclass(frozen=True, slots=True)
class CognitionSettings:
    """All settings of one cognition service. Times in seconds."""

    weights: Weights = field(default_factory=Weights)  # weights of the signals in a score
    forgetting: Forgetting = field(default_factory=Forgetting)  # limits at which memories are archived and purged
    pool: int = 128  # candidates of the dense and of the lexical signal each
    budget_tokens: int = 1024  # tokens of all memories in a prompt, unless the request sets them
    max_memories: int = 40  # memories in one block
    min_confidence: float = 0.0  # least confidence of a memory that is put into a context, besides what the budget admits
    diversity: float = 0.3  # share of its worth that a memory loses where one like it was chosen; 0 looks at confidence only
    mood_half_life_s: float = 1800.0  # seconds until half of a mood is left
    mood_gain: float = 0.4  # share by which the mood moves towards a turn's affect
    working_memory: int = 7  # memories in the focus of a session (Miller's seven)
    hebbian_gain: float = 0.05  # gain of the association of memories recalled together
    entity_links: int = 3  # earlier memories with the same entity that a new one is associated with
    graph_threads: int = 1  # threads that build the graph of a large namespace
    index_bytes: int = 0  # indexes in memory beyond which idle ones are dropped; 0: a quarter of the memory this process may use

    def __post_init__(self) -> None:
        """Check every number. Raises InvalidRequestError, naming the field and its range."""
        check_ranges(self, _RANGES)
