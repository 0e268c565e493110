// Embeddings in batches, in a context of their own beside the generating one.
//
// Inputs are packed into batches of at most n_ubatch tokens (an encoder needs each input whole in one), each input a
// sequence; llama.cpp pools them. Calls are serialised by a mutex. A model that says nothing of its pooling gets the mean.
//
// With rank pooling, which has to be asked for, the classification head of a reranker makes one score of each input; its vectors have
// length 1. A head with several labels says how relevant the text is in its first one.
//
// An embedder "per token" pools here instead, so that one pass gives the vectors of the tokens too: their signs, for late interaction
// (token_signs.hpp).
#pragma once

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "adapters.hpp"

namespace echorator {

class Embedder {
public:
    // `params` as `settled` made them, and with the threads of the caller.
    Embedder(llama_model * model, llama_context_params params, Adapters adapters, bool per_token = false)
        : adapters_(std::move(adapters)), per_token_(per_token) {
        const bool ranks = params.pooling_type == LLAMA_POOLING_TYPE_RANK;
        if (ranks && llama_model_n_cls_out(model) > static_cast<uint32_t>(llama_model_n_embd(model))) {
            throw std::invalid_argument("this model's classification head has more labels than its vectors have values");
        }
        open(model, params);
        if (llama_pooling_type(context_) == LLAMA_POOLING_TYPE_NONE) {
            llama_free(context_);
            params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
            open(model, params);
        }
        pooling_ = llama_pooling_type(context_);
        if (per_token && pooling_ != LLAMA_POOLING_TYPE_RANK) {
            llama_free(context_);
            params.pooling_type = LLAMA_POOLING_TYPE_NONE;
            open(model, params);
        }
        if (pooling_ == LLAMA_POOLING_TYPE_RANK && !ranks) {
            llama_free(context_);
            throw std::invalid_argument(
                "this model ranks texts (Rerank, /v1/rerank) and has no pooling of its own for vectors: ask for mean, cls or last");
        }
        try {
            adapters_.apply(context_, 0);
        } catch (...) {
            llama_free(context_);
            throw;
        }
        length_ = ranks ? 1 : llama_model_n_embd_out(model);
        limit_ = static_cast<int>(llama_n_ubatch(context_));
        encoder_ = llama_model_has_encoder(model) || llama_get_memory(context_) == nullptr;
    }
    ~Embedder() { llama_free(context_); }
    Embedder(const Embedder &) = delete;
    Embedder & operator=(const Embedder &) = delete;

    // The parameters of an embedding context that takes inputs of `tokens` at most.
    static llama_context_params settled(llama_context_params params, uint32_t tokens, enum llama_pooling_type pooling) {
        params.embeddings = true;
        params.pooling_type = pooling;
        params.n_ctx = params.n_batch = params.n_ubatch = tokens;
        params.n_seq_max = kSequences;
        params.kv_unified = true;
        return params;
    }

    int length() const { return length_; }
    enum llama_pooling_type pooling() const { return pooling_; }
    size_t sign_width() const { return (static_cast<size_t>(length_) + 63) / 64; }  // numbers of 64 signs for a token
    int max_tokens() const { return limit_; }

    // `out`: inputs.size() x length(), row-major. Every input has 1..max_tokens() tokens. `signs`, of an embedder per token: a row of
    // sign_width() numbers for each token of all inputs, one after the other. `adapter_set`: as in adapters.hpp.
    void embed(const std::vector<std::vector<int32_t>> & inputs, bool normalize, float * out, uint64_t * signs = nullptr, int adapter_set = 0) {
        std::lock_guard<std::mutex> lock(mutex_);
        adapters_.apply(context_, adapter_set);
        size_t first = 0;
        while (first < inputs.size()) {
            size_t last = first;
            int rows = 0;
            while (last < inputs.size() && last - first < kSequences && rows + static_cast<int>(inputs[last].size()) <= limit_) {
                rows += static_cast<int>(inputs[last].size());
                last++;
            }
            if (last == first) throw std::invalid_argument("an input is longer than the embedding context");
            compute(inputs, first, last, rows);
            int row = 0;
            for (size_t i = first; i < last; i++) {
                const int n = static_cast<int>(inputs[i].size());
                const float * pooled = per_token_ ? pool(row, n) : llama_get_embeddings_seq(context_, static_cast<llama_seq_id>(i - first));
                if (!pooled) throw std::runtime_error("llama.cpp gave no embedding");
                copy(pooled, normalize, out + i * static_cast<size_t>(length_));
                if (signs) signs = write_signs(row, n, signs);
                row += n;
            }
            first = last;
        }
    }

private:
    static constexpr uint32_t kSequences = 64;

    void open(llama_model * model, const llama_context_params & params) {
        context_ = llama_init_from_model(model, params);
        if (!context_) throw std::runtime_error("llama.cpp could not allocate the embedding context");
    }

    void compute(const std::vector<std::vector<int32_t>> & inputs, size_t first, size_t last, int rows) {
        llama_batch batch = llama_batch_init(rows, 0, 1);
        for (size_t i = first; i < last; i++) {
            for (size_t j = 0; j < inputs[i].size(); j++) {
                const int at = batch.n_tokens++;
                batch.token[at] = inputs[i][j];
                batch.pos[at] = static_cast<llama_pos>(j);
                batch.n_seq_id[at] = 1;
                batch.seq_id[at][0] = static_cast<llama_seq_id>(i - first);
                batch.logits[at] = 1;
            }
        }
        if (!encoder_) llama_memory_clear(llama_get_memory(context_), false);
        const int code = encoder_ ? llama_encode(context_, batch) : llama_decode(context_, batch);
        llama_batch_free(batch);
        if (code != 0) throw std::runtime_error("llama.cpp failed to compute the embeddings");
    }

    const float * token(int row) const {
        const float * vector = llama_get_embeddings_ith(context_, row);
        if (!vector) throw std::runtime_error("llama.cpp gave no embedding of a token");
        return vector;
    }

    // The vector of n tokens, in memory that the next call writes over.
    const float * pool(int row, int n) {
        pooled_.assign(static_cast<size_t>(length_), 0.0f);
        const int begin = pooling_ == LLAMA_POOLING_TYPE_LAST ? row + n - 1 : row;
        const int end = pooling_ == LLAMA_POOLING_TYPE_MEAN ? row + n : begin + 1;
        for (int i = begin; i < end; i++) {
            const float * vector = token(i);
            for (int d = 0; d < length_; d++) pooled_[static_cast<size_t>(d)] += vector[d] / static_cast<float>(end - begin);
        }
        return pooled_.data();
    }

    uint64_t * write_signs(int row, int n, uint64_t * to) const {
        for (int i = row; i < row + n; i++, to += sign_width()) {
            const float * vector = token(i);
            std::fill_n(to, sign_width(), 0);
            for (int d = 0; d < length_; d++) to[d / 64] |= static_cast<uint64_t>(vector[d] > 0) << (d % 64);
        }
        return to;
    }

    // To Euclidean length 1; a zero vector stays.
    void copy(const float * from, bool normalize, float * to) const {
        double sum = 0;
        for (int i = 0; i < length_; i++) sum += static_cast<double>(from[i]) * from[i];
        const float scale = normalize && sum > 0 ? static_cast<float>(1.0 / std::sqrt(sum)) : 1.0f;
        for (int i = 0; i < length_; i++) to[i] = from[i] * scale;
    }

    llama_context * context_ = nullptr;
    Adapters adapters_;
    int length_ = 0, limit_ = 0;
    bool encoder_ = false, per_token_ = false;
    enum llama_pooling_type pooling_ = LLAMA_POOLING_TYPE_UNSPECIFIED;
    std::vector<float> pooled_;
    std::mutex mutex_;
};

}  // namespace echorator
