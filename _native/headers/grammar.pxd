from libc.stdint cimport uint32_t


cdef extern from "grammar.hpp" namespace "echorator" nogil:
    cdef cppclass Grammar:
        uint32_t states()
