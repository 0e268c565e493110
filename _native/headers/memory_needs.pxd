from libc.stdint cimport uint64_t
from libcpp cimport bool as cbool
from libcpp.string cimport string
from libcpp.vector cimport vector

cimport llama
from headers.engine_values cimport EngineOptions


cdef extern from "memory_needs.hpp" namespace "echorator" nogil:
    cdef cppclass DeviceNeeds:
        string device
        uint64_t weights, mapped, context, compute, free

    vector[DeviceNeeds] memory_needs(llama.llama_model * model, EngineOptions options, int most_sequences, cbool mapped) except +
