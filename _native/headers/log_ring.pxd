from libc.stdint cimport uint64_t
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "log_ring.hpp" namespace "echorator" nogil:
    cdef cppclass LogLine:
        int level
        string text

    cdef cppclass LogRing:
        @staticmethod
        LogRing & instance()
        void install()
        string take()
        int listen(int level)
        vector[LogLine] drain(uint64_t & left_out)
        void wake()
