// LoRA adapters on top of a model's weights, with the scale of each; they belong to the model and are freed with it.
//
// Made by the model's loading, applied to every context over it before its first step: engine.hpp, embedder.hpp.
#pragma once

#include <llama.h>

#include <stdexcept>
#include <vector>

namespace echorator {

struct Adapters {
    std::vector<llama_adapter_lora *> loaded;
    std::vector<float> scales;

    // Throws runtime_error where llama.cpp refuses them.
    void apply(llama_context * context) {
        if (loaded.empty()) return;
        if (llama_set_adapters_lora(context, loaded.data(), loaded.size(), scales.data()) != 0) {
            throw std::runtime_error("llama.cpp could not apply the LoRA adapters");
        }
    }
};

}  // namespace echorator
