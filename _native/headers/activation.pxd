cdef extern from "activation.hpp" namespace "echorator" nogil:
    double kActivationThreshold
    double kActivationNoise
    double base_level(double, double, double, double)
    double retrieval_probability(double)
