from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.pair cimport pair
from libcpp.vector cimport vector


cdef extern from "recall_index.hpp" namespace "echorator" nogil:
    cdef enum:
        kSignals

    cdef cppclass Entry:
        uint64_t label, session
        double said_s, created_s, last_used_s, valid_from_s, valid_to_s, expires_s
        float uses, importance, valence, arousal, asks
        uint32_t speaker
        uint8_t kind
        cbool dated

    cdef cppclass Query:
        const float * vector
        const float * away
        const uint64_t * terms
        size_t n_terms
        const uint64_t * examples
        const float * example_weights
        size_t n_examples
        const uint64_t * tokens
        const float * token_weights
        size_t n_tokens
        float weights[11]
        double now_s, as_of_s, since_s, before_s
        cbool superseded
        uint32_t kinds
        uint64_t session
        uint32_t speaker
        const uint64_t * only
        size_t n_only
        const uint32_t * named
        size_t n_named
        cbool dates
        double when_from_s, when_to_s
        float valence, arousal
        const float * goals
        size_t n_goals, k, pool, n_candidates
        uint64_t graph
        const uint64_t * candidates

    cdef cppclass Hit:
        uint64_t label
        float score
        float signals[11]
        float similarity, coverage, likeness

    cdef enum Answer:
        kAnswered
        kReplaced
        kTooFew

    cdef cppclass RecallIndex:
        RecallIndex(size_t) except +
        size_t sign_width()
        void add(const Entry &, const float *, const uint64_t *, size_t, const uint64_t *, size_t) except +
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
        Answer nearest(const Query &, vector[pair[float, uint64_t]] &) except +
        void nearest_in_graph(const float *, size_t, vector[pair[float, uint64_t]] &) except +
        void idf(const uint64_t *, size_t, float *)
        void away(const float *, double, float *)
        cbool has_vector(uint64_t, const float *)
        Answer search(const Query &, vector[Hit] &) except +
