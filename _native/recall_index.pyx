# distutils: language = c++
"""The recall index of one namespace: recall_index.hpp with numpy in and out, and hnswlib's graph for the large ones.

A graph is immutable once it is built: hnswlib cannot be searched safely while it grows, and its marks for deleted
elements cost recall. So what was added since is scanned exactly beside it, what was removed is dropped from its
candidates, and when either is too much the graph is built anew from a copy, in a thread of the caller's, while searches go on,
and swapped in.

Where too many of a query's candidates are gone, superseded or not admitted, the beam is widened as long as that is cheaper than
a scan, and then everything is scanned: a recall takes at most about twice what a scan takes, and finds what there is. Before a
graph is used it is measured against a scan with queries near its own vectors: among vectors that are equal, or that have no
structure, hnswlib finds next to nothing, and then scans go on.

Over 400 lines, for a graph is built, measured, read and searched under the same lock and version.
"""

import threading

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

from headers.activation cimport base_level as base_level_of
from headers.activation cimport kActivationNoise, kActivationThreshold
from headers.activation cimport retrieval_probability as probability_of
from headers.graph_file cimport GraphFile
from headers.recall_index cimport Answer, Entry, Hit, Query, kAnswered, kReplaced, kSignals, kTooFew
from headers.recall_index cimport RecallIndex as CIndex

SIGNALS = (
    "dense", "lexical", "neighbours", "session", "association", "activation", "importance", "affect", "goal", "tokens", "form"
)
COLUMNS = (
    "said_s", "created_s", "last_used_s", "valid_from_s", "valid_to_s", "uses", "importance", "valence", "arousal", "kind", "asks", "dated",
    "expires_s"
)
LEAST_COLUMNS, LEAST_WEIGHTS = 10, 9  # those that came later are 0 where they are left out
ACTIVATION_THRESHOLD = kActivationThreshold
ACTIVATION_NOISE = kActivationNoise
EXACT_LIMIT = 20_000
GRAPH_M = 16
GRAPH_EF_BUILD = 200
GRAPH_EF_SEARCH = 256
_STALE = 0.25  # of the graph, dead or outside: then it is built anew
_WIDER = 8  # times as many candidates where too few of them are of use
SCAN_PACE = 64  # vectors that a scan compares in the time that a candidate of a wider beam takes (bench/MEMORY.md)
_PROBES = 48  # queries that a new graph is measured with
_SAMPLED = 2000  # vectors that they are made of
_SURE = 0.98  # of the 10 nearest, to be found by a graph that is used
_LIKELY = 0.95  # of as many as half the beam, which is what is relied upon among removed ones
_MOVED = 0.3  # of its length
_ALIKE = 2e-4  # cosines that differ by less are equal, for the halves of `half_dot.hpp`


def base_level(const double[:] uses, const double[:] created_s, const double[:] last_used_s, double now_s):
    """ACT-R's base level of each memory, shape (n,)."""
    cdef Py_ssize_t n = uses.shape[0], i
    if not (created_s.shape[0] == last_used_s.shape[0] == n):
        raise ValueError("one number for each memory is needed everywhere")
    out = np.empty(n)
    cdef double[::1] view = out
    for i in range(n):
        view[i] = base_level_of(uses[i], created_s[i], last_used_s[i], now_s)
    return out


def retrieval_probability(const double[:] strength):
    """The probability of retrieval of each strength, shape (n,)."""
    cdef Py_ssize_t n = strength.shape[0], i
    out = np.empty(n)
    cdef double[::1] view = out
    for i in range(n):
        view[i] = probability_of(strength[i])
    return out


cdef void fill(Entry & entry, const double[:] row):
    entry.said_s = row[0]
    entry.created_s = row[1]
    entry.last_used_s = row[2]
    entry.valid_from_s = row[3]
    entry.valid_to_s = row[4]
    entry.uses = <float> row[5]
    entry.importance = <float> row[6]
    entry.valence = <float> row[7]
    entry.arousal = <float> row[8]
    entry.kind = <uint8_t> row[9]
    entry.asks = <float> row[10] if row.shape[0] > 10 else 0
    entry.dated = row.shape[0] > 11 and row[11] != 0
    entry.expires_s = row[12] if row.shape[0] > 12 else 0


cdef class RecallIndex:
    cdef CIndex * index
    cdef readonly int dim
    cdef object _graph  # (hnswlib.Index, version, beam) or None; replaced, never changed
    cdef size_t _refused  # size at which a graph was built that finds too little; 0: none was
    cdef object _building
    cdef uint64_t _versions

    def __cinit__(self, int dim):
        if not 1 <= dim <= 16384:
            raise ValueError(f"dim must be 1..16384, not {dim}")
        self.dim = dim
        self.index = new CIndex(dim)
        self._graph = None
        self._refused = 0
        self._building = threading.Lock()
        self._versions = 0

    def __dealloc__(self):
        del self.index

    def __len__(self):
        return self.index.size()

    def __contains__(self, uint64_t label):
        cdef Entry entry
        return self.index.get(label, entry)

    @property
    def memory_bytes(self):
        """Of the index without the graph."""
        return self.index.memory_bytes()

    @property
    def graph_size(self):
        """Labels in the graph, those that are gone or changed too; 0 without a graph."""
        return self.index.graph_size()

    @property
    def outside_graph(self):
        return self.index.outside_graph()

    @property
    def wants_graph(self):
        """Whether `build_graph` would pay: large, and too much is dead in the graph or outside it."""
        cdef size_t size = self.index.size(), graph = self.index.graph_size()
        if size <= EXACT_LIMIT or size <= 2 * self._refused:
            return False
        limit = max(EXACT_LIMIT / 2, graph * _STALE)
        return graph == 0 or self.index.outside_graph() > limit or self.index.graph_dead() > graph * _STALE

    def add(self, const uint64_t[::1] labels, const float[:, ::1] vectors, const double[:, ::1] columns, const uint64_t[::1] sessions,
            const uint32_t[::1] speakers, const uint64_t[::1] terms, const int64_t[::1] term_ends, const uint64_t[:, ::1] tokens=None,
            const int64_t[::1] token_ends=None):
        cdef Py_ssize_t n = labels.shape[0], i
        cdef int64_t begin = 0, first = 0, last = 0
        cdef Entry entry
        if vectors.shape[1] != self.dim:
            raise ValueError(f"the vectors have {vectors.shape[1]} numbers, the index {self.dim}")
        if not (vectors.shape[0] == columns.shape[0] == sessions.shape[0] == speakers.shape[0] == term_ends.shape[0] == n):
            raise ValueError("one row for each label is needed everywhere")
        if n and term_ends[n - 1] != terms.shape[0]:
            raise ValueError("the last term_end must be the number of terms")
        _check_columns(columns.shape[1])
        if tokens is not None and (tokens.shape[1] != <Py_ssize_t> self.index.sign_width() or token_ends is None or token_ends.shape[0] != n
                                   or (n and token_ends[n - 1] != tokens.shape[0])):
            raise ValueError(f"tokens must be {self.index.sign_width()} wide, and the last token_end their number")
        for i in range(n):
            entry.label = labels[i]
            entry.session = sessions[i]
            entry.speaker = speakers[i]
            fill(entry, columns[i])
            last = token_ends[i] if tokens is not None else 0
            with nogil:
                self.index.add(entry, &vectors[i, 0], &terms[0] + begin if terms.shape[0] else NULL, <size_t> (term_ends[i] - begin),
                               &tokens[first, 0] if last > first else NULL, <size_t> (last - first))
            begin, first = term_ends[i], last

    def remove(self, uint64_t label):
        cdef cbool removed
        with nogil:
            removed = self.index.remove(label)
        return removed

    def update(self, uint64_t label, const double[::1] columns, uint32_t speaker):
        cdef Entry entry
        _check_columns(columns.shape[0])
        entry.label = label
        entry.speaker = speaker
        fill(entry, columns)
        return self.index.update(entry)

    def columns(self, uint64_t label):
        cdef Entry e
        if not self.index.get(label, e):
            raise KeyError(label)
        return np.array([e.said_s, e.created_s, e.last_used_s, e.valid_from_s, e.valid_to_s, e.uses, e.importance, e.valence, e.arousal, e.kind,
                         e.asks, e.dated, e.expires_s])

    def use(self, const uint64_t[::1] labels, double now_s):
        if labels.shape[0]:
            self.index.use(&labels[0], labels.shape[0], now_s)

    def associate(self, uint64_t a, uint64_t b, float weight):
        self.index.associate(a, b, weight)

    def vectors(self, const uint64_t[::1] labels):
        cdef Py_ssize_t i
        out = np.zeros((labels.shape[0], self.dim), np.float32)
        cdef float[:, ::1] view = out
        for i in range(labels.shape[0]):
            if not self.index.row(labels[i], &view[i, 0]):
                raise KeyError(labels[i])
        return out

    def labels(self):
        cdef vector[uint64_t] found
        with nogil:
            self.index.labels(found)
        return np.array(<uint64_t[:found.size()]> found.data()) if found.size() else np.zeros(0, np.uint64)

    def idf(self, const uint64_t[::1] terms):
        out = np.zeros(terms.shape[0], np.float32)
        cdef float[::1] view = out
        if terms.shape[0]:
            self.index.idf(&terms[0], terms.shape[0], &view[0])
        return out

    def nearest(self, const float[::1] query, int k):
        """(labels, cosines), best first; by the graph where there is one, else exact."""
        cdef Query q
        cdef vector[pair[float, uint64_t]] found
        cdef Py_ssize_t i
        cdef Answer answer = kTooFew
        cdef uint64_t[::1] candidates
        self._check(query)
        _counts(k, 0)
        q.vector = &query[0]
        q.k = k
        q.superseded = True
        beam = 0
        while answer != kAnswered:
            candidates, beam = self._candidates(q, query, beam, 4 * q.k)
            q.candidates = &candidates[0] if candidates.shape[0] else NULL
            with nogil:
                answer = self.index.nearest(q, found)
            beam = len(self) + 1 if answer == kReplaced else beam
        n = found.size()
        labels, scores = np.empty(n, np.uint64), np.empty(n, np.float32)
        cdef uint64_t[::1] labels_view = labels
        cdef float[::1] scores_view = scores
        for i in range(<Py_ssize_t> n):
            scores_view[i] = found[i].first
            labels_view[i] = found[i].second
        return labels, scores

    def _check(self, const float[::1] query):
        if query.shape[0] != self.dim:
            raise ValueError(f"the query has {query.shape[0]} numbers, the index {self.dim}")

    cdef object _candidates(self, Query & q, const float[::1] query, size_t tried, size_t least):
        """The graph's nearest labels, and how many were asked for: more than the `tried` before. Sets `q.graph` and `q.n_candidates`.

        No graph is used where there is none, or where a beam that is wider than `tried` would take longer than a scan.
        """
        cdef size_t beam
        q.graph = q.n_candidates = 0
        graph = self._graph
        if graph is None or tried > self.index.size():
            return _NONE, tried
        hnsw, version, usual = graph
        size = hnsw.element_count
        beam = tried * _WIDER if tried else max(<size_t> usual, least)
        if beam > <size_t> usual and beam * SCAN_PACE > <size_t> size:
            return _NONE, beam
        beam = min(beam, <size_t> size)
        found = _asked(hnsw, np.asarray(query), beam)
        if found is None:
            return _NONE, beam
        q.graph = version
        q.n_candidates = beam
        return found[0], beam

    def search(self, query, const uint64_t[::1] terms, *, const float[::1] weights, int k, double now_s, double as_of_s, bint superseded=False,
               double since_s=-1e300, double before_s=1e300, uint32_t kinds=0xFFFFFFFF, uint64_t session=0, uint32_t speaker=0,
               const uint64_t[::1] only=None, float valence=0, float arousal=0, const float[:, ::1] goals=None, int pool=128,
               const uint64_t[:, ::1] tokens=None, const float[::1] token_weights=None, const uint32_t[::1] named=None, bint dates=False, double away=0,
               double when_from_s=0, double when_to_s=0, const uint64_t[::1] examples=None, const float[::1] example_weights=None):
        """(labels, scores, signals (n, 11), cosines, coverages, likenesses), best first."""
        cdef Query q
        cdef vector[Hit] hits
        cdef const float[::1] numbers
        cdef float[::1] moved
        cdef uint64_t[::1] candidates
        cdef Answer answer = kTooFew
        cdef Py_ssize_t i, j
        cdef uint64_t nothing = 0
        if not LEAST_WEIGHTS <= weights.shape[0] <= kSignals:
            raise ValueError(f"{LEAST_WEIGHTS} to {kSignals} weights are needed, not {weights.shape[0]}")
        if query is not None:
            numbers = query
            self._check(numbers)
            moved = np.empty(self.dim, np.float32)
            self.index.away(&numbers[0], away, &moved[0])
            q.vector, q.away = &numbers[0], &moved[0]
        if tokens is not None and tokens.shape[0]:
            if tokens.shape[1] != <Py_ssize_t> self.index.sign_width() or token_weights is None or token_weights.shape[0] != tokens.shape[0]:
                raise ValueError(f"tokens must be {self.index.sign_width()} wide, with a weight for each")
            q.tokens, q.token_weights, q.n_tokens = &tokens[0, 0], &token_weights[0], tokens.shape[0]
        if examples is not None and examples.shape[0]:
            if example_weights is None or example_weights.shape[0] != examples.shape[0]:
                raise ValueError("each of the examples needs a weight")
            q.examples, q.example_weights, q.n_examples = &examples[0], &example_weights[0], examples.shape[0]
        if named is not None and named.shape[0]:
            q.named, q.n_named = &named[0], named.shape[0]
        q.dates, q.when_from_s, q.when_to_s = dates, when_from_s, when_to_s
        if terms.shape[0]:
            q.terms = &terms[0]
        q.n_terms = terms.shape[0]
        for i in range(kSignals):
            q.weights[i] = weights[i] if i < weights.shape[0] else 0
        _counts(k, pool)
        q.k, q.pool = k, max(k, pool)
        q.now_s, q.as_of_s, q.superseded = now_s, as_of_s, superseded
        q.since_s, q.before_s, q.kinds, q.session, q.speaker = since_s, before_s, kinds, session, speaker
        q.valence, q.arousal = valence, arousal
        if only is not None:
            q.only, q.n_only = &only[0] if only.shape[0] else &nothing, only.shape[0]
        if goals is not None and goals.shape[0]:
            if goals.shape[1] != self.dim:
                raise ValueError(f"the goals have {goals.shape[1]} numbers, the index {self.dim}")
            q.goals, q.n_goals = &goals[0, 0], goals.shape[0]
        # A graph knows no filter: where one is set, all that it admits are scanned.
        filtered = session != 0 or speaker != 0 or kinds != 0xFFFFFFFFu or since_s > -1e300 or before_s < 1e300 or only is not None
        beam = 0
        while answer != kAnswered:
            if query is not None and not filtered:
                candidates, beam = self._candidates(q, moved, beam, max(4 * q.k, q.pool))
                q.candidates = &candidates[0] if candidates.shape[0] else NULL
            with nogil:
                answer = self.index.search(q, hits)
            beam = len(self) + 1 if answer == kReplaced else beam
        n = hits.size()
        labels, scores = np.empty(n, np.uint64), np.empty(n, np.float32)
        signals, cosines = np.empty((n, kSignals), np.float32), np.empty(n, np.float32)
        coverages, likenesses = np.empty(n, np.float32), np.empty(n, np.float32)
        cdef uint64_t[::1] labels_view = labels
        cdef float[::1] scores_view = scores, cosines_view = cosines, coverages_view = coverages, likenesses_view = likenesses
        cdef float[:, ::1] signals_view = signals
        for i in range(<Py_ssize_t> n):
            labels_view[i] = hits[i].label
            scores_view[i] = hits[i].score
            cosines_view[i] = hits[i].similarity
            coverages_view[i] = hits[i].coverage
            likenesses_view[i] = hits[i].likeness
            for j in range(kSignals):
                signals_view[i, j] = hits[i].signals[j]
        return labels, scores, signals, cosines, coverages, likenesses

    def build_graph(self, int threads=1):
        """Build and swap in a graph of all that is there now; searches and changes go on. False: one is being built."""
        cdef vector[uint64_t] labels
        cdef vector[float] numbers
        if not self._building.acquire(blocking=False):
            return False
        try:
            import hnswlib

            with nogil:
                self.index.copy(labels, numbers)
            n = labels.size()
            if not n:
                self._graph = None
                return True
            keys = np.array(<uint64_t[:n]> labels.data())
            vectors = np.asarray(<float[:n * self.dim]> numbers.data()).reshape(n, self.dim)
            hnsw = hnswlib.Index(space="ip", dim=self.dim)
            hnsw.init_index(max_elements=n, M=GRAPH_M, ef_construction=GRAPH_EF_BUILD, random_seed=7)
            hnsw.add_items(vectors, keys, num_threads=threads)
            self._adopt(hnsw, keys, n)
        finally:
            self._building.release()
        return True

    def save_graph(self, str path):
        """Write the graph with hnswlib, which does not say when it fails: check the size. False without a graph."""
        graph = self._graph
        if graph is None:
            return False
        graph[0].save_index(path)
        return True

    @property
    def graph_file_bytes(self):
        """How long a file of `save_graph` is when it is whole; 0 without a graph."""
        graph = self._graph
        return graph[0].index_file_size() if graph is not None else 0

    def load_graph(self, str path, size_t size, const uint64_t[::1] changed):
        """Read a file of `save_graph` with `size` labels; the vectors of those in `changed` are others now. Raises ValueError."""
        import hnswlib

        with self._building:
            labels = self._labels_of(np.memmap(path, np.uint8, "r"), size, set(np.asarray(changed).tolist()))
            hnsw = hnswlib.Index(space="ip", dim=self.dim)
            hnsw.load_index(path, max_elements=size)
            if not self._adopt(hnsw, np.ascontiguousarray(np.setdiff1d(labels, np.asarray(changed))), size):
                raise ValueError("it finds less than a scan finds")

    def _labels_of(self, const uint8_t[::1] content, size_t size, changed):
        """The labels of a graph's file. Raises ValueError where hnswlib could not read it, or its vectors are not those of the index."""
        cdef GraphFile * file = new GraphFile(&content[0], content.shape[0], self.dim, size, GRAPH_M, GRAPH_EF_BUILD)
        cdef string damage
        cdef size_t i
        cdef vector[float] row
        cdef uint64_t[::1] labels
        try:
            with nogil:
                damage = file.damage()
            if damage.size():
                raise ValueError(damage.decode())
            labels = np.empty(size, np.uint64)
            row.resize(self.dim)
            for i in range(size):
                labels[i] = file.label(i)
                file.vector(i, row.data())
                if not self.index.has_vector(labels[i], row.data()) and labels[i] not in changed:
                    raise ValueError(f"its vector of memory {labels[i]} is another")
        finally:
            del file
        return np.asarray(labels)

    def _adopt(self, hnsw, const uint64_t[::1] labels, size_t size):
        """Search by this graph from now on. False, and scan everything, where a scan finds what the graph does not."""
        cdef size_t n = labels.shape[0]
        cdef uint64_t version
        hnsw.set_ef(GRAPH_EF_SEARCH)
        self._versions += 1
        version = self._versions
        with nogil:
            self.index.set_graph(&labels[0] if n else NULL, n, size, version)  # searches by the graph before it scan from here on
        beam = self._beam_of(hnsw, np.asarray(labels))
        if not beam:
            self._graph = None
            self._refused = max(size, 1)
            with nogil:
                self.index.set_graph(NULL, 0, 0, 0)
            return False
        self._refused = 0
        self._graph = (hnsw, version, beam)
        return True

    def _beam_of(self, hnsw, labels):
        """The candidates that a search of this graph has to ask for, measured against scans; 0 where a scan costs less, or finds more."""
        cdef vector[pair[float, uint64_t]] true
        cdef const float[::1] probe
        cdef const float * at
        cdef size_t beam = GRAPH_EF_SEARCH, size = hnsw.element_count, k
        labels = np.sort(labels)
        probes = self._probes(labels)
        while beam == GRAPH_EF_SEARCH or beam * SCAN_PACE <= size:
            shares = []  # found of the 10 nearest, and of half the beam
            for probe in probes:
                at, k = &probe[0], beam // 2
                with nogil:
                    self.index.nearest_in_graph(at, k, true)
                found = _asked(hnsw, np.asarray(probe), min(beam, size))
                if found is None:
                    shares.append((0.0, 0.0))
                elif true.size():
                    there = found[0][labels[np.searchsorted(labels, found[0]).clip(max=len(labels) - 1)] == found[0]]
                    cosines = self._rows(there) @ np.asarray(probe)
                    counts = (min(10, true.size()), true.size())
                    shares.append([min(1.0, np.count_nonzero(cosines >= true[n - 1].first - _ALIKE) / n) for n in counts])
            if not shares or (np.mean(shares, axis=0) >= (_SURE, _LIKELY)).all():
                return beam
            beam *= 2
        return 0

    def _probes(self, labels):
        """Queries like those that will come: a stored vector that is moved a little, and a point between two of them.

        Each of many equal vectors counts once: the graph has to find the others too.
        """
        rng = np.random.default_rng(len(labels))
        stored = np.unique(self._rows(rng.permutation(labels)[:_SAMPLED]), axis=0)
        made = []
        for place in range(_PROBES if len(labels) else 0):
            point = stored[rng.integers(0, len(stored), 1 + place % 2)].sum(axis=0)
            point += rng.normal(size=self.dim) * (_MOVED * np.linalg.norm(point) / np.sqrt(self.dim))
            length = np.linalg.norm(point)
            if length > 0:
                made.append(np.ascontiguousarray(point / length, np.float32))
        return made

    def _rows(self, const uint64_t[::1] labels):
        """(n, dim) vectors; zeros for labels that are gone."""
        cdef Py_ssize_t i
        out = np.zeros((labels.shape[0], self.dim), np.float32)
        cdef float[:, ::1] view = out
        for i in range(labels.shape[0]):
            self.index.row(labels[i], &view[i, 0])
        return out


_NONE = np.zeros(0, np.uint64)


def _check_columns(width):
    if not LEAST_COLUMNS <= width <= len(COLUMNS):
        raise ValueError(f"columns must be {LEAST_COLUMNS} to {len(COLUMNS)} wide, not {width}")


def _counts(k, pool):
    if k < 0 or pool < 0:
        raise ValueError(f"k and pool must be 0 or more, not {k} and {pool}")


def _asked(hnsw, queries, k):
    """(n, k) labels, best first; None where the graph reaches fewer than k."""
    try:
        found, _ = hnsw.knn_query(queries, k=k, num_threads=1)
    except RuntimeError:
        return None
    return np.ascontiguousarray(found, np.uint64)
