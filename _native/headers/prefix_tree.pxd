from libc.stdint cimport int32_t
from libcpp.vector cimport vector


cdef extern from "prefix_tree.hpp" namespace "echorator" nogil:
    const int kMaxSequences

    cdef cppclass PrefixTree:
        void insert(int seq, const int32_t * tokens, size_t n)
        void extend(int seq, int32_t token)
        void truncate(int seq, size_t n)
        void erase(int seq)
        size_t length(int seq)
        size_t nodes()
        vector[int32_t] tokens(int seq)
