"""The recall index of one namespace: every signal fused, without the GIL. See `_native/recall_index.hpp`."""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SIGNALS: tuple[str, ...]
"""Names of the signals, in the order of weights and of the columns of `search`'s third result."""

COLUMNS: tuple[str, ...]
"""Names of the numbers that `add` and `update` take of a memory; times are seconds. The last two may be left out: they are 0 then."""

ACTIVATION_THRESHOLD: float
"""The strength of a memory whose probability of retrieval is one half."""

ACTIVATION_NOISE: float
"""How much strength above the threshold raises the odds of retrieval by the factor e."""

EXACT_LIMIT: int
"""Up to this size all vectors are scanned; above it hnswlib's graph gives the candidates."""

GRAPH_M: int
GRAPH_EF_BUILD: int
GRAPH_EF_SEARCH: int

SCAN_PACE: int
"""Vectors that a scan compares in the time that one candidate of a wider beam takes; a beam that costs more than a scan is not tried."""

def base_level(uses: Doubles, created_s: Doubles, last_used_s: Doubles, now_s: float) -> Doubles:
    """Return ACT-R's base level of n memories at `now_s`: ln of the sum of t^-0.5 over all uses, t in hours since the use.

    The last use is exact, the others are spread evenly between the creation and the last use (Petrov 2006); no use is less than a second
    ago. Raises ValueError where the three arrays are not of one length.
    """

def retrieval_probability(strength: Doubles) -> Doubles:
    """Return the probability of retrieval P = 1 / (1 + e^-((A - threshold) / noise)), 0..1, of n strengths A."""

class RecallIndex:
    dim: int

    def __init__(self, dim: int) -> None:
        """Make an empty index for unit vectors of `dim` numbers. Raises ValueError."""

    def __len__(self) -> int: ...
    def __contains__(self, label: int) -> bool: ...
    @property
    def memory_bytes(self) -> int:
        """Return the bytes of the index without the graph."""

    @property
    def graph_size(self) -> int:
        """Return the number of labels in the graph, removed and changed ones included; 0 without a graph."""

    @property
    def outside_graph(self) -> int:
        """Return the number of labels that are scanned beside the graph."""

    @property
    def wants_graph(self) -> bool:
        """Return whether `build_graph` would pay: the index is large, and too much of it is dead in the graph or outside it."""

    def add(
        self,
        labels: Ids,
        vectors: Floats,
        columns: Doubles,
        sessions: Ids,
        speakers: npt.NDArray[np.uint32],
        terms: Ids,
        term_ends: npt.NDArray[np.int64],
        tokens: Ids | None = None,
        token_ends: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Add n new labels, all or none. Raises ValueError where shapes do not fit.

        Args:
            labels: (n,), none of them in the index.
            vectors: (n, dim).
            columns: (n, 13), in the order of COLUMNS, or (n, 10) to (n, 12) without the last ones.
            sessions: (n,) hashes of sessions; 0: none.
            speakers: (n,) hashes of speakers.
            terms: the term ids of all labels in one array.
            term_ends: (n,), where the terms of each label end.
            tokens: the signs of the tokens of all labels, (t, (dim + 63) // 64): a bit for each number of a token's vector, set where it is
                above 0, the first in the lowest bit. None: no label has any.
            token_ends: (n,), where the tokens of each label end.
        """

    def remove(self, label: int) -> bool:
        """Remove a label; return False where it is not in the index."""

    def update(self, label: int, columns: Doubles, speaker: int) -> bool:
        """Replace the numbers of a label; return False where it is not in the index."""

    def columns(self, label: int) -> Doubles:
        """Return the numbers of a label, shape (13,). Raises KeyError."""

    def use(self, labels: Ids, now_s: float) -> None:
        """Count one more use of each label at `now_s`."""

    def associate(self, a: int, b: int, weight: float) -> None:
        """Set the weight of an association, both ways; 0 removes it."""

    def vectors(self, labels: Ids) -> Floats:
        """Return the vectors of the labels, (n, dim). Raises KeyError."""

    def labels(self) -> Ids:
        """Return all labels in the order of their addition."""

    def idf(self, terms: Ids) -> Floats:
        """Return the inverse document frequency of each term, as BM25 weighs it; the greatest for a term that no memory has."""

    def nearest(self, query: Floats, k: int) -> tuple[Ids, Floats]:
        """Return (labels, cosines) of the k nearest vectors, or all if there are fewer, best first.

        Memories that no longer hold are included. Raises ValueError for a k below 0.
        """

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
        only: Ids | None = None,
        valence: float = 0,
        arousal: float = 0,
        goals: Floats | None = None,
        pool: int = 128,
        tokens: Ids | None = None,
        token_weights: Floats | None = None,
        named: npt.NDArray[np.uint32] | None = None,
        dates: bool = False,
        away: float = 0,
        when_from_s: float = 0,
        when_to_s: float = 0,
        examples: Ids | None = None,
        example_weights: Floats | None = None,
    ) -> tuple[Ids, Floats, Floats, Floats, Floats, Floats]:
        """Return (labels, scores, signals (n, 11), cosines, coverages of the query's words, likenesses of its tokens), best first.

        With a query vector there are as many results as memories are admitted, up to k. `only` are the labels that may be found, None for
        all. What expires by `now_s` is never found. A likeness is -1 where the memory or the query has
        no tokens. `weights` are those of SIGNALS, 0 where they are left out at the end. `pool` is the number of candidates that vectors and
        words give each, at least k. `tokens` are the signs of the query's tokens, as in `add`, each with one of `token_weights`; `named`
        are the hashes of the speakers whom the query names; `dates` says that it asks for a time, and `when_from_s` to `when_to_s` is the
        time that it names, both 0 for none. `examples` are terms that stand for one of `terms`, and `example_weights` take the place of
        their inverse document frequencies. `away` is the share of the mean of all
        vectors that is taken from the query: what is like all others is near to fewer queries then.

        Raises ValueError for wrong shapes and numbers below 0.
        """

    def build_graph(self, threads: int = 1) -> bool:
        """Build a graph of all present labels and swap it in; searches and changes go on. Return False while another one is being built.

        Where the graph finds less than a scan, as among many equal vectors, it is dropped: `graph_size` is 0 then, and `wants_graph`
        is false until there are twice as many memories.
        """

    def save_graph(self, path: str) -> bool:
        """Write the graph; return False without one. hnswlib does not report a failed write, so check the file."""

    @property
    def graph_file_bytes(self) -> int:
        """Return the length of a whole file of `save_graph`; 0 without a graph."""

    def load_graph(self, path: str, size: int, changed: Ids) -> None:
        """Read a file of `save_graph` with `size` labels; the labels in `changed` have other vectors than in the file.

        Raises ValueError where the file is not whole and sound: sizes, links, levels, labels, and the vectors of all unchanged labels.
        """
