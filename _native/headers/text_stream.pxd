from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "text_stream.hpp" namespace "echorator" nogil:
    cdef cppclass TextStream:
        TextStream(vector[string] stops)
        int feed(const char * data, size_t n, string & out)
        void finish(string & out)
