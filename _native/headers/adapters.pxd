cimport llama


cdef extern from "adapters.hpp" namespace "echorator" nogil:
    cdef cppclass Adapters:
        int sets()
        void add(llama.llama_adapter_lora * adapter, float scale) except +
        void add_set(llama.llama_adapter_lora * adapter, float scale) except +
