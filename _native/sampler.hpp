// Choosing the next token of one request.
//
// llama.cpp's samplers work on an array of the whole vocabulary (12 bytes an entry), which costs more than a small
// model's own work. Here penalties, biases and the selection of the k largest go straight over the logits, and
// llama.cpp's samplers see only what is left; what needs the whole vocabulary (DRY, Mirostat, top_k off) takes the
// long way. A grammar (grammar_matcher.hpp) is checked on the token chosen without it first; a refusal makes it look for as many
// allowed tokens as the chain needs, from the most likely one on, and only where these are rare at the whole vocabulary.
//
// Order: logit bias, penalties, DRY, top-k, typical, top-p, min-p, XTC, temperature, draw; as in llama.cpp's tools.
#pragma once

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "answer_watch.hpp"
#include "grammar_matcher.hpp"
#include "logits.hpp"
#include "vocabulary.hpp"

namespace echorator {

struct SamplingParams {
    float temperature = 0.8f;
    int top_k = 40;
    float top_p = 0.95f, min_p = 0.05f, typical_p = 1.0f;
    float repeat_penalty = 1.0f, presence_penalty = 0.0f, frequency_penalty = 0.0f;
    int penalty_last_n = 64;
    float dry_multiplier = 0.0f, dry_base = 1.75f;
    int dry_allowed_length = 2, dry_penalty_last_n = -1;
    std::vector<std::string> dry_breakers;
    float xtc_probability = 0.0f, xtc_threshold = 0.1f;
    int mirostat = 0;
    float mirostat_tau = 5.0f, mirostat_eta = 0.1f;
    uint32_t seed = 0;
    std::vector<std::pair<int32_t, float>> bias;
    std::shared_ptr<const Grammar> grammar;  // with `trie`, of the vocabulary; or none
    std::shared_ptr<const TokenTrie> trie;
    int logprobs = -1;  // -1: none
    WatchParams watch;  // of thoughts, and of what wakes the grammar; the grammar is awake from the first token where nothing is to wake it
    std::vector<int32_t> spelled;      // control tokens that are written out in the answer; sorted
    std::vector<int32_t> thought_end;  // the tokens that end a thought of `thought_budget` tokens
    int thought_budget = -1;           // -1: none
};

struct SamplerFree {
    void operator()(llama_sampler * s) const { llama_sampler_free(s); }
};
using SamplerPtr = std::unique_ptr<llama_sampler, SamplerFree>;

constexpr int32_t kTextComplete = -2;  // in place of a token: the grammar has come to its end

class Sampler {
public:
    Sampler(const llama_vocab * vocab, const SamplingParams & params, int context_tokens)
        : vocab_(vocab), params_(params), n_vocab_(llama_vocab_n_tokens(vocab)) {
        if (!params_.watch.empty()) watch_ = std::make_unique<AnswerWatch>(params_.watch);
        if (params_.penalty_last_n < 0) params_.penalty_last_n = context_tokens;
        const bool penalises = params_.repeat_penalty != 1.0f || params_.presence_penalty != 0.0f || params_.frequency_penalty != 0.0f;
        if (!penalises) params_.penalty_last_n = 0;
        if (params_.dry_multiplier > 0.0f) {
            std::vector<const char *> breakers;
            for (const auto & b : params_.dry_breakers) breakers.push_back(b.c_str());
            const int last_n = params_.dry_penalty_last_n < 0 ? context_tokens : params_.dry_penalty_last_n;
            dry_.reset(llama_sampler_init_dry(vocab, params_.dry_multiplier, params_.dry_base, params_.dry_allowed_length, last_n,
                                              breakers.data(), breakers.size()));
        }
        greedy_ = params_.temperature <= 0.0f;
        const bool mirostat = params_.mirostat == 2 && !greedy_;
        narrow_ = greedy_ ? 1 : mirostat ? 0 : params_.top_k;
        if (greedy_) return;
        chain_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
        const auto add = [this](llama_sampler * s) { llama_sampler_chain_add(chain_.get(), s); };
        if (mirostat) {
            add(llama_sampler_init_temp(params_.temperature));
            add(llama_sampler_init_mirostat_v2(params_.seed, params_.mirostat_tau, params_.mirostat_eta));
            return;
        }
        if (params_.typical_p < 1.0f) add(llama_sampler_init_typical(params_.typical_p, 1));
        if (params_.top_p < 1.0f) add(llama_sampler_init_top_p(params_.top_p, 1));
        if (params_.min_p > 0.0f) add(llama_sampler_init_min_p(params_.min_p, 1));
        if (params_.xtc_probability > 0.0f) add(llama_sampler_init_xtc(params_.xtc_probability, params_.xtc_threshold, 1, params_.seed));
        add(llama_sampler_init_temp(params_.temperature));
        add(llama_sampler_init_dist(params_.seed));
    }

    // Tells the penalties about the prompt.
    void see_prompt(const std::vector<int32_t> & prompt) {
        const size_t skip = params_.penalty_last_n > 0 && prompt.size() > static_cast<size_t>(params_.penalty_last_n)
                                ? prompt.size() - static_cast<size_t>(params_.penalty_last_n)
                                : 0;
        for (size_t i = 0; i < prompt.size(); i++) {
            if (i >= skip) remember(prompt[i]);
            if (dry_) llama_sampler_accept(dry_.get(), prompt[i]);
        }
    }

    // Chooses a token and advances all state; kTextComplete where the grammar has come to its end and no token that ends a text may
    // be chosen. `logits` is changed in place; tokens in `forbidden` are never chosen. Raises RequestError where no token may be chosen
    // or the grammar exceeds its budget.
    int32_t sample(float * logits, const std::vector<int32_t> & forbidden) {
        if (params_.grammar && !grammar_ && !(watch_ && watch_->asleep())) grammar_ = matcher();  // a request that waits needs no room for it
        if (params_.logprobs >= 0) logprobs_before(logits);
        for (int32_t token : forbidden) logits[token] = -std::numeric_limits<float>::infinity();
        for (const auto & [token, bias] : params_.bias) {
            if (token >= 0 && token < n_vocab_) logits[token] += bias;
        }
        penalise(logits);
        const bool forced = ends_thought();
        int32_t token = forced ? params_.thought_end[static_cast<size_t>(ending_++)] : next(logits);
        bool wakes = false;
        while (watch_ && !watched(token, wakes)) {
            logits[token] = -std::numeric_limits<float>::infinity();
            token = next(logits);
        }
        if (token == kTextComplete) return token;
        if (grammar_ && !wakes) grammar_->accept(token);
        woke_ = woke_ || (wakes && !params_.watch.triggers.empty());
        remember(token);
        if (dry_) llama_sampler_accept(dry_.get(), token);
        if (chain_ && !forced) llama_sampler_accept(chain_.get(), token);
        if (params_.logprobs >= 0) position_.front().first = token, position_.front().second = logprob_of(token);
        return token;
    }

    // Of the last sampled token, where they were asked for: itself, then the n most likely; (token, natural logarithm).
    const std::vector<std::pair<int32_t, float>> & logprobs() const { return position_; }

    // Tokens of the answer that were thought, with those of the markers.
    int thought_tokens() const { return thought_tokens_; }

    // Whether stop texts apply to what was sampled last: neither to thoughts nor to what the grammar woke for.
    bool stops_apply() const { return !woke_ && !(watch_ && watch_->in_thought()); }

    // The bytes of a token as they stand in the answer.
    std::string text_of(int32_t token) const {
        return token_bytes(vocab_, token, std::binary_search(params_.spelled.begin(), params_.spelled.end(), token));
    }

private:
    std::unique_ptr<GrammarMatcher> matcher() const { return std::make_unique<GrammarMatcher>(params_.grammar, params_.trie); }

    // The token that is chosen from the logits, or kTextComplete.
    int32_t next(float * logits) {
        if (!grammar_ && !dry_ && greedy_) return argmax(logits, n_vocab_);
        int32_t token = choose(logits, false);
        if (grammar_ && (token < 0 || !grammar_->allows(token))) token = choose(logits, true);
        if (token >= 0) return token;
        if (grammar_ && grammar_->can_end()) return kTextComplete;
        throw RequestError(grammar_ ? "no token of the model can go on in the grammar, or the biases forbid those that can"
                                    : "no token may be chosen: the biases forbid them all");
    }

    // Whether this token is one of those that end a thought which has spent its budget. A character is not cut.
    bool ends_thought() {
        if (ending_ == 0) {
            const bool spent = params_.thought_budget >= 0 && watch_ && watch_->in_thought() && thought_tokens_ >= params_.thought_budget;
            if (!spent || lacking_ > 0) return false;
        }
        return static_cast<size_t>(ending_) < params_.thought_end.size();
    }

    // Follows the answer by a token, which may wake the grammar. False: it would, and goes on in a way that the grammar refuses.
    bool watched(int32_t token, bool & wakes) {
        if (token < 0 || llama_vocab_is_eog(vocab_, token)) return true;
        const std::string bytes = text_of(token);
        AnswerWatch after = *watch_;
        std::string woken;
        if (after.feed(bytes, woken) && params_.grammar) {
            auto awake = matcher();
            if (!awake->accept_bytes(woken.data(), woken.size())) return false;
            grammar_ = std::move(awake);
            wakes = true;
        }
        if (watch_->in_thought() || after.in_thought()) thought_tokens_++;
        for (const char c : bytes) {
            const auto byte = static_cast<uint8_t>(c);
            lacking_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : byte >= 0x80 ? std::max(0, lacking_ - 1) : 0;
        }
        *watch_ = std::move(after);
        return true;
    }

    // -1 where no token may be chosen.
    int32_t choose(float * logits, bool with_grammar) {
        candidates_.clear();
        const bool few = !dry_ && narrow_ > 0;
        if (few && !with_grammar) {
            top_k(logits, n_vocab_, narrow_, best_);
            for (const auto & [logit, t] : best_) candidates_.push_back({t, logit, 0.0f});
        } else if (!few || !find_allowed(logits)) {
            candidates_.clear();
            const std::vector<uint64_t> * allowed = with_grammar ? &grammar_->allowed() : nullptr;
            for (int32_t t = 0; t < n_vocab_; t++) {
                if (!allowed || (*allowed)[static_cast<size_t>(t) / 64] >> (t % 64) & 1) candidates_.push_back({t, logits[t], 0.0f});
            }
        }
        llama_token_data_array array{candidates_.data(), candidates_.size(), -1, few && !with_grammar};
        if (dry_) llama_sampler_apply(dry_.get(), &array);
        if (narrow_ > 0 && !array.sorted) cut_to_best(&array);
        const auto open = [](const llama_token_data & c) { return c.logit > -std::numeric_limits<float>::infinity(); };
        if (std::none_of(array.data, array.data + array.size, open)) return -1;
        if (greedy_) return array.data[0].id;
        llama_sampler_apply(chain_.get(), &array);
        if (array.selected < 0 || array.selected >= static_cast<int64_t>(array.size)) throw std::runtime_error("sampling chose no token");
        return array.data[array.selected].id;
    }

    // Looks for the narrow_ most likely tokens that the grammar allows among those at the top. False where they are not all there.
    bool find_allowed(const float * logits) {
        if (narrow_ > kFew) return false;
        const int tried = 4 * narrow_ + 60;
        top_k(logits, n_vocab_, tried, best_);
        for (const auto & [logit, t] : best_) {
            if (logit == -std::numeric_limits<float>::infinity()) return true;
            if (!grammar_->allows(t)) continue;
            candidates_.push_back({t, logit, 0.0f});
            if (static_cast<int>(candidates_.size()) == narrow_) return true;
        }
        return tried >= n_vocab_;
    }

    // The narrow_ largest of an unsorted array, sorted; refused tokens (-inf) go.
    void cut_to_best(llama_token_data_array * array) const {
        const auto better = [](const llama_token_data & a, const llama_token_data & b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; };
        const size_t k = std::min(static_cast<size_t>(narrow_), array->size);
        std::partial_sort(array->data, array->data + k, array->data + array->size, better);
        array->size = k;
        array->sorted = true;
        while (array->size > 0 && array->data[array->size - 1].logit == -std::numeric_limits<float>::infinity()) array->size--;
    }

    void remember(int32_t token) {
        if (params_.penalty_last_n <= 0) return;
        recent_.push_back(token);
        counts_[token]++;
        if (static_cast<int>(recent_.size()) > params_.penalty_last_n) {
            auto oldest = counts_.find(recent_.front());
            if (--oldest->second == 0) counts_.erase(oldest);
            recent_.pop_front();
        }
    }

    // Keskar et al. 2019 (CTRL) for the repeat penalty, OpenAI's definition for presence and frequency.
    void penalise(float * logits) const {
        for (const auto & [token, count] : counts_) {
            float & logit = logits[token];
            logit = logit <= 0 ? logit * params_.repeat_penalty : logit / params_.repeat_penalty;
            logit -= static_cast<float>(count) * params_.frequency_penalty + params_.presence_penalty;
        }
    }

    void logprobs_before(const float * logits) {
        raw_.assign(logits, logits + n_vocab_);
        raw_sum_ = log_sum_exp(logits, n_vocab_);
        top_k(logits, n_vocab_, params_.logprobs, best_);
        position_.assign(1, {-1, 0.0f});
        for (const auto & [logit, token] : best_) position_.emplace_back(token, static_cast<float>(logit - raw_sum_));
    }

    float logprob_of(int32_t token) const { return static_cast<float>(raw_[token] - raw_sum_); }

    static constexpr int kFew = 1000;  // tokens that are faster tried one by one than the whole vocabulary at once

    const llama_vocab * vocab_;
    SamplingParams params_;
    int n_vocab_;
    bool greedy_ = false;
    int narrow_ = 0;  // candidates that the chain sees; 0: the whole vocabulary
    std::unique_ptr<GrammarMatcher> grammar_;  // none before the first token, and while it is asleep
    std::unique_ptr<AnswerWatch> watch_;
    int thought_tokens_ = 0;
    bool woke_ = false;  // a trigger has woken the grammar
    int ending_ = 0;  // tokens of `thought_end` that were forced
    int lacking_ = 0;  // bytes that the last character of the answer lacks
    SamplerPtr dry_, chain_;
    std::deque<int32_t> recent_;
    std::unordered_map<int32_t, int> counts_;
    std::vector<Scored> best_;
    std::vector<llama_token_data> candidates_;
    std::vector<float> raw_;
    double raw_sum_ = 0;
    std::vector<std::pair<int32_t, float>> position_;
};

}  // namespace echorator
