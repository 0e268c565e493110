from libc.stdint cimport uint8_t, uint64_t
from libcpp.string cimport string


cdef extern from "graph_file.hpp" namespace "echorator" nogil:
    cdef cppclass GraphFile:
        GraphFile(const uint8_t *, size_t, size_t, size_t, size_t, size_t)
        string damage() except +
        uint64_t label(size_t)
        void vector(size_t, float *)
