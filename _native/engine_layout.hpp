// How many sequences a context has and whether they share cells; see the description of kv_layout in engine.hpp.
#pragma once

#include <llama.h>

#include <algorithm>
#include <cstdint>

#include "engine_values.hpp"

namespace echorator {

// Whether a model's memory cannot be cut at any position: its checkpoints are whole states.
inline bool keeps_whole_state(const llama_model * model, const llama_context_params & params) {
    return llama_model_is_recurrent(model) || llama_model_is_hybrid(model) || (llama_model_n_swa(model) > 0 && !params.swa_full);
}

// Sets the context's layout, sequences and outputs. Returns the number of sequences.
inline int settle_layout(const llama_model * model, EngineOptions & options, int most_sequences) {
    auto & c = options.context;
    const bool whole_state = keeps_whole_state(model, c);
    const int trained = llama_model_n_ctx_train(model);
    const int part = static_cast<int>(c.n_ctx) / options.slots;
    if (options.kv_layout == "auto") {
        c.kv_unified = whole_state || options.slots == 1 || part < trained;
    } else {
        c.kv_unified = options.kv_layout == "unified";
    }
    int sequences = options.slots;
    if (c.kv_unified || whole_state) sequences = std::min(options.slots + options.cache_sequences, most_sequences);
    if (whole_state) c.kv_unified = true;  // checkpoints are sequences: they must share cells
    c.n_seq_max = static_cast<uint32_t>(sequences);
    // One row of logits a sequence and not one a batch row, and those of prompts that are scored.
    c.n_outputs_max = c.n_seq_max + static_cast<uint32_t>(PlannerConfig{}.scored_rows);
    c.n_batch = std::max<uint32_t>(c.n_batch, static_cast<uint32_t>(options.slots));
    return sequences;
}

}  // namespace echorator
