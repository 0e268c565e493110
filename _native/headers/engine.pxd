from libc.stdint cimport uint64_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

cimport llama
from headers.engine_values cimport EngineOptions, EngineStats, Event, SlotState, SubmitArgs
from headers.plan cimport SubmitResult


cdef extern from "engine.hpp" namespace "echorator" nogil:
    cdef cppclass Engine:
        Engine(llama.llama_model * model, EngineOptions options) except +
        uint64_t submit(SubmitArgs args, SubmitResult & code) except +
        void cancel(uint64_t request)
        void forget_scope(uint64_t scope)
        vector[Event] drain() except +
        void close()
        EngineStats stats()
        double step_s()
        vector[SlotState] slots()
        int event_fd()
        int request_tokens()
        cbool unified()
        cbool whole_state()
