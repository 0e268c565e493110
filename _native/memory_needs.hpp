// How much memory a model and its context will take on each device, as llama.cpp itself reckons it, before any of it is allocated.
//
// The model is one that was loaded with `no_alloc`: its tensors have shapes and buffer types and no memory. A context over it reserves its
// graphs in the same way. Source: `llama_get_memory_breakdown` of llama.cpp's src/llama-ext.h, which the library exports and whose header
// is not installed; the declaration below is that of the version this is compiled for, and another one is refused at import.
#pragma once

#include <ggml-backend.h>
#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine_layout.hpp"
#include "engine_values.hpp"

struct llama_memory_breakdown_data {
    size_t model = 0, context = 0, compute = 0;  // bytes
};
using llama_memory_breakdown = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>;
LLAMA_API llama_memory_breakdown llama_get_memory_breakdown(const struct llama_context * ctx);

namespace echorator {

struct DeviceNeeds {
    std::string device;    // "" is the host's own memory
    uint64_t weights = 0;  // bytes, as all that follow
    uint64_t mapped = 0;   // weights that stay in the file's pages, which several processes share
    uint64_t context = 0;  // KV cells and other state of sequences
    uint64_t compute = 0;  // buffers of the graphs
    uint64_t free = 0;     // of a device, now; 0 for the host, which the caller knows better
};

// Context lengths above this one are not tried but extrapolated: each cell has a record of its own even where its keys have no memory.
constexpr uint32_t kLongestTried = 1u << 20;

namespace detail {

// One device for the host, one for each other device.
inline std::map<std::string, DeviceNeeds> tried(llama_model * model, const llama_context_params & params, bool mapped) {
    llama_context * context = llama_init_from_model(model, params);
    if (!context) throw std::invalid_argument("llama.cpp cannot make a context of this model with these options");
    const llama_memory_breakdown parts = llama_get_memory_breakdown(context);
    llama_free(context);
    std::map<std::string, DeviceNeeds> out;
    for (const auto & [type, bytes] : parts) {
        ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
        const bool of_cpu = !device || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU;
        const bool host = of_cpu || ggml_backend_buft_is_host(type) || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_ACCEL;
        auto & needs = out[host ? std::string() : std::string(ggml_backend_dev_name(device))];
        if (!host && needs.device.empty()) {
            size_t free = 0, total = 0;
            ggml_backend_dev_memory(device, &free, &total);
            needs.device = ggml_backend_dev_name(device);
            needs.free = free;
        }
        const bool stays_mapped = mapped && type == ggml_backend_cpu_buffer_type();  // others are copied from the mapped file
        (stays_mapped ? needs.mapped : needs.weights) += bytes.model;
        needs.context += bytes.context;
        needs.compute += bytes.compute;
    }
    return out;
}

inline uint64_t extrapolated(uint64_t half, uint64_t whole, double times) {
    const double slope = whole > half ? 2.0 * static_cast<double>(whole - half) : 0.0;
    return whole + static_cast<uint64_t>(slope * (times - 1.0));
}

}  // namespace detail

// Throws std::invalid_argument where llama.cpp refuses the options.
inline std::vector<DeviceNeeds> memory_needs(llama_model * model, EngineOptions options, int most_sequences, bool mapped) {
    if (options.slots > 0) settle_layout(model, options, most_sequences);
    auto params = options.context;
    std::vector<DeviceNeeds> out;
    if (params.n_ctx <= kLongestTried) {
        for (auto & [name, needs] : detail::tried(model, params, mapped)) out.push_back(needs);
        return out;
    }
    const double times = static_cast<double>(params.n_ctx) / kLongestTried;
    params.n_ctx = kLongestTried / 2;
    const auto half = detail::tried(model, params, mapped);
    params.n_ctx = kLongestTried;
    for (auto & [name, needs] : detail::tried(model, params, mapped)) {
        const auto before = half.find(name);
        if (before != half.end()) {
            needs.context = detail::extrapolated(before->second.context, needs.context, times);
            needs.compute = detail::extrapolated(before->second.compute, needs.compute, times);
        }
        out.push_back(needs);
    }
    return out;
}

}  // namespace echorator
