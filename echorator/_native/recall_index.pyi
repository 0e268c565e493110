"""The recall index of one namespace: every signal fused, without the GIL. See `_native/recall_index.hpp`."""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SIGNALS: tuple[str, ...]
"""Names of the signals, in the order of weights and of the columns of `search`'s third result."""

COLUMNS: tuple[str, ...]
"""Names of the numbers that `add` and `update` take of a memory; times are seconds."""

EXACT_LIMIT: int
"""Up to this size all vectors are scanned; above it hnswlib's graph gives the candidates."""

GRAPH_M: int
GRAPH_EF_BUILD: int
GRAPH_EF_SEARCH: int

class RecallIndex:
    dim: int

    def __init__(self, dim: int) -> None:
        """For vectors of `dim` numbers, unit length. Raises ValueError."""

    def __len__(self) -> int: ...
    def __contains__(self, label: int) -> bool: ...
    @property
    def memory_bytes(self) -> int:
        """Of the index without the graph."""

    @property
    def graph_size(self) -> int:
        """Labels in the graph, those that are gone or changed too; 0 without a graph."""

    @property
    def outside_graph(self) -> int:
        """How many are scanned beside the graph."""

    @property
    def wants_graph(self) -> bool:
        """Whether `build_graph` would pay: large, and too much is dead in the graph or outside it."""

    def add(
        self,
        labels: Ids,
        vectors: Floats,
        columns: Doubles,
        sessions: Ids,
        speakers: npt.NDArray[np.uint32],
        terms: Ids,
        term_ends: npt.NDArray[np.int64],
    ) -> None:
        """Add n new labels: vectors (n, dim), columns (n, 10), session hashes (0: none) and speaker hashes (n,), the terms of
        all in one array and where those of each end. Raises ValueError where shapes do not fit; nothing is added then."""

    def remove(self, label: int) -> bool:
        """False when it is not there."""

    def update(self, label: int, columns: Doubles, speaker: int) -> bool:
        """New numbers for a label; False when it is not there."""

    def columns(self, label: int) -> Doubles:
        """The numbers of a label. Raises KeyError."""

    def use(self, labels: Ids, now_s: float) -> None:
        """One more use of each."""

    def associate(self, a: int, b: int, weight: float) -> None:
        """Set the weight of an association, both ways; 0 takes it away."""

    def vectors(self, labels: Ids) -> Floats:
        """(n, dim). Raises KeyError."""

    def labels(self) -> Ids:
        """In the order of addition."""

    def nearest(self, query: Floats, k: int) -> tuple[Ids, Floats]:
        """(labels, cosines) by the vectors alone, best first, those that no longer hold too."""

    def search(
        self,
        query: Floats | None,
        terms: Ids,
        *,
        weights: Floats,
        k: int,
        now_s: float,
        as_of_s: float,
        superseded: bool = False,
        since_s: float = ...,
        before_s: float = ...,
        kinds: int = ...,
        session: int = 0,
        speaker: int = 0,
        valence: float = 0,
        arousal: float = 0,
        goals: Floats | None = None,
        pool: int = 128,
    ) -> tuple[Ids, Floats, Floats, Floats, Floats]:
        """(labels, scores, signals (n, 9), cosines, coverages of the query's words), best first."""

    def build_graph(self, threads: int = 1) -> bool:
        """Build and swap in a graph of all that is there now; searches and changes go on. False: one is being built."""

    def save_graph(self, path: str) -> bool:
        """Write the graph; hnswlib does not say when that fails, so check the file. False without a graph."""

    @property
    def graph_file_bytes(self) -> int:
        """How long a file of `save_graph` is when it is whole; 0 without a graph."""

    def load_graph(self, path: str, size: int, changed: Ids) -> None:
        """Read a verified file of `save_graph` with `size` labels; the vectors of those in `changed` are others now."""
