// LoRA adapters on top of a model's weights, with the scale of each; they belong to the model and are freed with it.
//
// llama.cpp applies adapters to a whole context, so all rows of one decode have the same ones: a set. Set 0 has the adapters of every
// request. Each named adapter makes a further set, which has those of set 0 and itself. Made by the model's loading; engine.hpp and
// embedder.hpp apply the set of what they compute next.
#pragma once

#include <llama.h>

#include <stdexcept>
#include <vector>

namespace echorator {

class Adapters {
public:
    int sets() const { return static_cast<int>(sets_.size()); }

    // Adds an adapter of every request.
    void add(llama_adapter_lora * adapter, float scale) {
        for (Set & set : sets_) set.add(adapter, scale);
    }

    // Adds an adapter of those requests that ask for its set, which is the new last one.
    void add_set(llama_adapter_lora * adapter, float scale) {
        sets_.push_back(sets_.front());
        sets_.back().add(adapter, scale);
    }

    // Has `context` compute with a set from now on. Throws runtime_error where llama.cpp refuses it.
    void apply(llama_context * context, int set) {
        Set & chosen = sets_.at(static_cast<size_t>(set));
        if (llama_set_adapters_lora(context, chosen.adapters.data(), chosen.adapters.size(), chosen.scales.data()) != 0) {
            throw std::runtime_error("llama.cpp could not apply the LoRA adapters");
        }
    }

private:
    struct Set {
        std::vector<llama_adapter_lora *> adapters;
        std::vector<float> scales;
        void add(llama_adapter_lora * adapter, float scale) {
            adapters.push_back(adapter);
            scales.push_back(scale);
        }
    };
    std::vector<Set> sets_{1};
};

}  // namespace echorator
