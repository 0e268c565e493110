from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

from headers.plan cimport MemoryOp, Plan, PlannerConfig, PlannerStats, Request, SubmitResult


cdef extern from "batch_planner.hpp" namespace "echorator" nogil:
    cdef cppclass Planner:
        Planner(const PlannerConfig & config)
        SubmitResult submit(uint64_t id, vector[int32_t] prompt, int priority, cbool use_cache, uint64_t scope, cbool scored, int adapter_set)
        void forget_scope(uint64_t scope)
        cbool promote(uint64_t id)
        void end(uint64_t id)
        cbool append(uint64_t id, int32_t token)
        Plan plan(int prefill_budget)
        cbool roll_back(const Plan & plan)
        cbool idle()
        int queued()
        int busy()
        int cells_used()
        int cells()
        int cached_sequences()
        size_t tree_nodes()
        const PlannerStats & stats()
        const Request * find(uint64_t id)
        vector[MemoryOp] forget()
        int sequence_length(int seq)
