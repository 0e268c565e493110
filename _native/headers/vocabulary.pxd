from libc.stdint cimport int32_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

cimport llama
from headers.grammar_reader cimport TokenFinder
from headers.token_trie cimport TokenTrie


cdef extern from "vocabulary.hpp" namespace "echorator" nogil:
    shared_ptr[const TokenTrie] token_trie(const llama.llama_vocab * vocab, const vector[int32_t] & spelled) except +
    TokenFinder token_finder(const llama.llama_vocab * vocab)
    string token_bytes(const llama.llama_vocab * vocab, int32_t token, cbool special) except +
