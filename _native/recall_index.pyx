# distutils: language = c++
"""The recall index of one namespace: recall_index.hpp with numpy in and out, and hnswlib's graph for the large ones.

A graph is immutable once it is built: hnswlib cannot be searched safely while it grows, and its marks for deleted
elements cost recall. So what was added since is scanned exactly beside it, what was removed is dropped from its
candidates, and when either is too much the graph is built anew from a copy, in a thread of the caller's, while searches go on,
and swapped in.
"""

import threading

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.pair cimport pair
from libcpp.vector cimport vector

cdef extern from "recall_index.hpp" namespace "echorator" nogil:
    cdef enum:
        kSignals

    cdef cppclass Entry:
        uint64_t label, session
        double said_s, created_s, last_used_s, valid_from_s, valid_to_s
        float uses, importance, valence, arousal
        uint32_t speaker
        uint8_t kind

    cdef cppclass Query:
        const float * vector
        const uint64_t * terms
        size_t n_terms
        float weights[9]
        double now_s, as_of_s, since_s, before_s
        cbool superseded
        uint32_t kinds
        uint64_t session
        uint32_t speaker
        float valence, arousal
        const float * goals
        size_t n_goals, k, pool, n_candidates
        uint64_t graph
        const uint64_t * candidates

    cdef cppclass Hit:
        uint64_t label
        float score
        float signals[9]
        float similarity, coverage

    cdef cppclass CIndex "echorator::RecallIndex":
        CIndex(size_t) except +
        void add(const Entry &, const float *, const uint64_t *, size_t) except +
        cbool remove(uint64_t) except +
        cbool update(const Entry &)
        cbool get(uint64_t, Entry &)
        void use(const uint64_t *, size_t, double)
        void associate(uint64_t, uint64_t, float) except +
        size_t size()
        void labels(vector[uint64_t] &) except +
        size_t memory_bytes()
        void copy(vector[uint64_t] &, vector[float] &) except +
        cbool row(uint64_t, float *)
        void set_graph(const uint64_t *, size_t, size_t, uint64_t) except +
        size_t graph_size()
        size_t graph_dead()
        size_t outside_graph()
        cbool nearest(const Query &, vector[pair[float, uint64_t]] &) except +
        cbool search(const Query &, vector[Hit] &) except +

SIGNALS = ("dense", "lexical", "neighbours", "session", "association", "activation", "importance", "affect", "goal")
COLUMNS = ("said_s", "created_s", "last_used_s", "valid_from_s", "valid_to_s", "uses", "importance", "valence", "arousal", "kind")
EXACT_LIMIT = 20_000
GRAPH_M = 16
GRAPH_EF_BUILD = 200
GRAPH_EF_SEARCH = 256
_STALE = 0.25  # of the graph, dead or outside: then it is built anew


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


cdef class RecallIndex:
    cdef CIndex * index
    cdef readonly int dim
    cdef object _graph  # (hnswlib.Index, version) or None; replaced, never changed
    cdef object _building
    cdef uint64_t _versions

    def __cinit__(self, int dim):
        if not 1 <= dim <= 16384:
            raise ValueError(f"dim must be 1..16384, not {dim}")
        self.dim = dim
        self.index = new CIndex(dim)
        self._graph = None
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
        if size <= EXACT_LIMIT:
            return False
        limit = max(EXACT_LIMIT / 2, graph * _STALE)
        return graph == 0 or self.index.outside_graph() > limit or self.index.graph_dead() > graph * _STALE

    def add(self, const uint64_t[::1] labels, const float[:, ::1] vectors, const double[:, ::1] columns, const uint64_t[::1] sessions,
            const uint32_t[::1] speakers, const uint64_t[::1] terms, const int64_t[::1] term_ends):
        cdef Py_ssize_t n = labels.shape[0], i
        cdef int64_t begin = 0
        cdef Entry entry
        if vectors.shape[1] != self.dim:
            raise ValueError(f"the vectors have {vectors.shape[1]} numbers, the index {self.dim}")
        if not (vectors.shape[0] == columns.shape[0] == sessions.shape[0] == speakers.shape[0] == term_ends.shape[0] == n):
            raise ValueError("one row for each label is needed everywhere")
        if columns.shape[1] != 10 or (n and term_ends[n - 1] != terms.shape[0]):
            raise ValueError("columns must be 10 wide, and the last term_end the number of terms")
        for i in range(n):
            entry.label = labels[i]
            entry.session = sessions[i]
            entry.speaker = speakers[i]
            fill(entry, columns[i])
            with nogil:
                self.index.add(entry, &vectors[i, 0], &terms[0] + begin if terms.shape[0] else NULL, <size_t> (term_ends[i] - begin))
            begin = term_ends[i]

    def remove(self, uint64_t label):
        cdef cbool removed
        with nogil:
            removed = self.index.remove(label)
        return removed

    def update(self, uint64_t label, const double[::1] columns, uint32_t speaker):
        cdef Entry entry
        if columns.shape[0] != 10:
            raise ValueError("columns must be 10 wide")
        entry.label = label
        entry.speaker = speaker
        fill(entry, columns)
        return self.index.update(entry)

    def columns(self, uint64_t label):
        cdef Entry e
        if not self.index.get(label, e):
            raise KeyError(label)
        return np.array([e.said_s, e.created_s, e.last_used_s, e.valid_from_s, e.valid_to_s, e.uses, e.importance, e.valence, e.arousal, e.kind])

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

    def nearest(self, const float[::1] query, int k):
        """(labels, cosines), best first; by the graph where there is one, else exact."""
        cdef Query q
        cdef vector[pair[float, uint64_t]] found
        cdef Py_ssize_t i
        cdef uint64_t[::1] candidates
        self._check(query)
        q.vector = &query[0]
        q.k = k
        q.superseded = True
        candidates = self._candidates(q, query, k)
        if candidates.shape[0]:
            q.candidates = &candidates[0]
        with nogil:
            if not self.index.nearest(q, found):
                q.graph = 0  # it was replaced meanwhile: scan
                self.index.nearest(q, found)
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

    cdef uint64_t[::1] _candidates(self, Query & q, const float[::1] query, int k):
        """The graph's nearest labels; sets `q.graph` and `q.n_candidates`."""
        graph = self._graph
        if graph is None:
            return np.zeros(0, np.uint64)
        hnsw, version = graph
        # More than k where some of the graph are gone, for the query may be among those.
        wanted = min(max(2 * k, GRAPH_EF_SEARCH) if self.index.graph_dead() else k, hnsw.element_count)
        found, _ = hnsw.knn_query(np.asarray(query), k=wanted, num_threads=1)
        q.graph = version
        labels = np.ascontiguousarray(found[0], np.uint64)
        q.n_candidates = len(labels)
        return labels

    def search(self, query, const uint64_t[::1] terms, *, const float[::1] weights, int k, double now_s, double as_of_s, bint superseded=False,
               double since_s=-1e300, double before_s=1e300, uint32_t kinds=0xFFFFFFFF, uint64_t session=0, uint32_t speaker=0,
               float valence=0, float arousal=0, const float[:, ::1] goals=None, int pool=128):
        """(labels, scores, signals (n, 9), cosines, coverages), best first."""
        cdef Query q
        cdef vector[Hit] hits
        cdef const float[::1] numbers
        cdef uint64_t[::1] candidates
        cdef Py_ssize_t i, j
        if weights.shape[0] != kSignals:
            raise ValueError(f"{kSignals} weights are needed")
        if query is not None:
            numbers = query
            self._check(numbers)
            q.vector = &numbers[0]
        if terms.shape[0]:
            q.terms = &terms[0]
        q.n_terms = terms.shape[0]
        for i in range(kSignals):
            q.weights[i] = weights[i]
        q.k, q.pool = k, pool
        q.now_s, q.as_of_s, q.superseded = now_s, as_of_s, superseded
        q.since_s, q.before_s, q.kinds, q.session, q.speaker = since_s, before_s, kinds, session, speaker
        q.valence, q.arousal = valence, arousal
        if goals is not None and goals.shape[0]:
            if goals.shape[1] != self.dim:
                raise ValueError(f"the goals have {goals.shape[1]} numbers, the index {self.dim}")
            q.goals, q.n_goals = &goals[0, 0], goals.shape[0]
        # A graph knows no filter: where one is set, all that it admits are scanned.
        filtered = session != 0 or speaker != 0 or kinds != 0xFFFFFFFFu or since_s > -1e300 or before_s < 1e300
        if query is not None and not filtered:
            candidates = self._candidates(q, numbers, pool)
            if candidates.shape[0]:
                q.candidates = &candidates[0]
        with nogil:
            if not self.index.search(q, hits):
                q.graph = 0  # it was replaced meanwhile: scan
                self.index.search(q, hits)
        n = hits.size()
        labels, scores = np.empty(n, np.uint64), np.empty(n, np.float32)
        signals, cosines, coverages = np.empty((n, kSignals), np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
        cdef uint64_t[::1] labels_view = labels
        cdef float[::1] scores_view = scores, cosines_view = cosines, coverages_view = coverages
        cdef float[:, ::1] signals_view = signals
        for i in range(<Py_ssize_t> n):
            labels_view[i] = hits[i].label
            scores_view[i] = hits[i].score
            cosines_view[i] = hits[i].similarity
            coverages_view[i] = hits[i].coverage
            for j in range(kSignals):
                signals_view[i, j] = hits[i].signals[j]
        return labels, scores, signals, cosines, coverages

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

    def load_graph(self, str path, int size, const uint64_t[::1] changed):
        """Read a verified file of `save_graph` with `size` labels; the vectors of those in `changed` are others now."""
        import hnswlib

        with self._building:
            hnsw = hnswlib.Index(space="ip", dim=self.dim)
            hnsw.load_index(path, max_elements=size)
            if hnsw.element_count != size:
                raise ValueError(f"the graph has {hnsw.element_count} labels, not {size}")
            labels = np.array(hnsw.get_ids_list(), np.uint64)
            self._adopt(hnsw, np.ascontiguousarray(np.setdiff1d(labels, np.asarray(changed))), size)

    def _adopt(self, hnsw, const uint64_t[::1] labels, size_t size):
        cdef size_t n = labels.shape[0]
        cdef uint64_t version
        hnsw.set_ef(GRAPH_EF_SEARCH)
        self._versions += 1
        version = self._versions
        with nogil:
            self.index.set_graph(&labels[0] if n else NULL, n, size, version)
        self._graph = (hnsw, version)
