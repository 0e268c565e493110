from libc.stdint cimport int32_t
from libcpp.pair cimport pair
from libcpp.vector cimport vector


cdef extern from "logits.hpp" namespace "echorator" nogil:
    int32_t argmax(const float * x, int n)
    void top_k(const float * x, int n, int k, vector[pair[float, int32_t]] & out)
    double log_sum_exp(const float * x, int n)
