from libc.stdint cimport int32_t, int64_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr
from libcpp.vector cimport vector

from headers.grammar cimport Grammar
from headers.token_trie cimport TokenTrie


cdef extern from "grammar_matcher.hpp" namespace "echorator" nogil:
    cdef cppclass GrammarMatcher:
        GrammarMatcher(shared_ptr[const Grammar] grammar, shared_ptr[const TokenTrie] trie) except +
        cbool can_end() except +
        cbool can_continue() except +
        cbool allows(int32_t token) except +
        void accept(int32_t token) except +
        cbool accept_bytes(const char * bytes, size_t n) except +
        const vector[uint64_t] & allowed() except +
        int64_t work_left()
