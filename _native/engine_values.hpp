// The values that the engine takes and gives: options, a submission, an event, its state and statistics.
#pragma once

#include <llama.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters.hpp"
#include "plan.hpp"
#include "sampler.hpp"

namespace echorator {

struct EngineOptions {
    llama_context_params context;  // with n_ctx, n_batch, n_ubatch, n_threads, types, flash attention set
    Adapters adapters;
    int slots = 1;
    int cache_sequences = 0;
    int queue_limit = 512;
    std::string kv_layout = "auto";
    bool prefix_cache = true;
    double stall_factor = 4.0;
    double messages_per_s = 600.0;
    double priority_wait_s = 10.0;
};

struct SubmitArgs {
    std::vector<Token> prompt;
    SamplingParams sampling;
    int max_tokens = -1;       // -1: to the end of the context; 0: only the prompt is computed
    int prompt_logprobs = -1;  // of each token of the prompt, with so many of the most likely ones; -1: none
    std::vector<std::string> stops;
    bool ignore_eos = false;
    int priority = 0;
    double deadline_s = 0;
    bool use_cache = true;
    uint64_t scope = 0;  // of the prefix cache
    int adapter_set = 0;  // 0 <= adapter_set < EngineOptions::adapters.sets()
};

enum class Finish { none, stop, length, cancelled, deadline, error, refused };  // refused: by what the request itself asks

struct Event {
    RequestId request = 0;
    std::string text;
    std::vector<Token> tokens;
    std::vector<std::vector<std::pair<int32_t, float>>> logprobs;
    std::vector<std::vector<std::pair<int32_t, float>>> prompt_logprobs;
    Finish finish = Finish::none;
    std::string stop, message;
    Token end_token = -1;  // that ended the text, if one did
    int prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0, thought_tokens = 0, preemptions = 0;
    double submitted_s = 0, admitted_s = 0, first_token_s = 0, finished_s = 0;
};

struct SlotState {
    RequestId request = 0;
    int prompt_tokens = 0, cached_tokens = 0, computed_tokens = 0, generated_tokens = 0;
    bool decoding = false;
};

struct EngineStats {
    int busy = 0, queued = 0, cells = 0, cells_used = 0, cached_sequences = 0;
    uint64_t requests = 0, prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0, steps = 0;
    uint64_t preemptions = 0, evictions = 0, checkpoints = 0, computed_rows = 0;
    double decode_s = 0, sampling_s = 0, scheduling_s = 0;
};

}  // namespace echorator
