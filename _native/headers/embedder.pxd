from libc.stdint cimport int32_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

cimport llama
from headers.adapters cimport Adapters


cdef extern from "embedder.hpp" namespace "echorator" nogil:
    cdef cppclass Embedder:
        Embedder(llama.llama_model * model, llama.llama_context_params params, Adapters adapters, cbool per_token) except +
        @staticmethod
        llama.llama_context_params settled(llama.llama_context_params params, uint32_t tokens, llama.llama_pooling_type pooling)
        int length()
        int max_tokens()
        llama.llama_pooling_type pooling()
        size_t sign_width()
        void embed(const vector[vector[int32_t]] & inputs, cbool normalize, float * out, uint64_t * signs, int adapter_set) except +
