from libcpp.vector cimport vector

cimport llama


cdef extern from "adapters.hpp" namespace "echorator" nogil:
    cdef cppclass Adapters:
        vector[llama.llama_adapter_lora *] loaded
        vector[float] scales
