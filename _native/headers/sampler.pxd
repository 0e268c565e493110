from libc.stdint cimport int32_t, uint32_t
from libcpp.memory cimport shared_ptr
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

from headers.answer_watch cimport WatchParams
from headers.grammar cimport Grammar
from headers.token_trie cimport TokenTrie


cdef extern from "sampler.hpp" namespace "echorator" nogil:
    cdef cppclass SamplingParams:
        float temperature
        int top_k
        float top_p, min_p, typical_p
        float repeat_penalty, presence_penalty, frequency_penalty
        int penalty_last_n
        float dry_multiplier, dry_base
        int dry_allowed_length, dry_penalty_last_n
        vector[string] dry_breakers
        float xtc_probability, xtc_threshold
        int mirostat
        float mirostat_tau, mirostat_eta
        uint32_t seed
        vector[pair[int32_t, float]] bias
        shared_ptr[const Grammar] grammar
        shared_ptr[const TokenTrie] trie
        int logprobs
        WatchParams watch
        vector[int32_t] spelled, thought_end
        int thought_budget
