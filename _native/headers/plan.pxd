from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

from headers.kv_ledger cimport Layout


cdef extern from "plan.hpp" namespace "echorator" nogil:
    cdef cppclass PlannerConfig:
        int slots, sequences, cells, request_tokens, budget_tokens, queue_limit
        Layout layout
        cbool whole_state, prefix_cache
        int worth_sharing, worth_waiting, worth_keeping, starvation_limit, turn_steps

    cdef enum class SubmitResult:
        ok
        queue_full
        empty_prompt
        too_long

    cdef cppclass MemoryOp:
        int kind, seq, source
        int position "from"

    cdef cppclass Row:
        uint64_t request
        int seq
        int32_t token
        int position
        cbool logits

    cdef cppclass Plan:
        vector[MemoryOp] ops
        vector[Row] rows
        int decode_rows, adapter_set

    cdef cppclass PlannerStats:
        uint64_t admitted, preemptions, evictions, cached_tokens, checkpoints

    cdef cppclass Request:
        int prompt_tokens, cached_tokens, preemptions
