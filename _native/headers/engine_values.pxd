from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

cimport llama
from headers.adapters cimport Adapters
from headers.sampler cimport SamplingParams


cdef extern from "engine_values.hpp" namespace "echorator" nogil:
    cdef cppclass EngineOptions:
        llama.llama_context_params context
        Adapters adapters
        int slots
        int cache_sequences
        int queue_limit
        string kv_layout
        cbool prefix_cache
        double stall_factor
        double messages_per_s
        double priority_wait_s

    cdef cppclass SubmitArgs:
        vector[int32_t] prompt
        SamplingParams sampling
        int max_tokens, prompt_logprobs
        vector[string] stops
        cbool ignore_eos
        int priority
        double deadline_s
        cbool use_cache
        uint64_t scope
        int adapter_set

    cdef enum class Finish:
        none
        stop
        length
        cancelled
        deadline
        error
        refused

    cdef cppclass Event:
        uint64_t request
        string text
        vector[int32_t] tokens
        vector[vector[pair[int32_t, float]]] logprobs
        vector[vector[pair[int32_t, float]]] prompt_logprobs
        Finish finish
        string stop
        string message
        int32_t end_token
        int prompt_tokens, cached_tokens, completion_tokens, thought_tokens, preemptions
        double submitted_s, admitted_s, first_token_s, finished_s

    cdef cppclass SlotState:
        uint64_t request
        int prompt_tokens, cached_tokens, computed_tokens, generated_tokens
        cbool decoding

    cdef cppclass EngineStats:
        int busy, queued, cells, cells_used, cached_sequences
        uint64_t requests, prompt_tokens, cached_tokens, completion_tokens, steps
        uint64_t preemptions, evictions, checkpoints, computed_rows
        double decode_s, sampling_s, scheduling_s
