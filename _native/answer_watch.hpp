// Follows the text of an answer as it comes: whether it is within a thought, and when a text comes that wakes a grammar.
//
// Pure. Fed by sampler.hpp with the bytes of each token. A thought stands between two markers, and what is thought wakes nothing: a model may
// think about a tool without calling it.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace echorator {

struct WatchParams {
    std::string thought_open, thought_close;  // the markers of a thought; empty: the model does not think
    bool in_thought = false;                  // the prompt ends within a thought
    std::vector<std::string> triggers;        // each wakes the grammar, which begins with the trigger's first byte
    bool wakes = false;                       // without triggers: the grammar wakes where the thought that the prompt opened ends

    bool empty() const { return thought_open.empty() && thought_close.empty() && triggers.empty() && !wakes; }
};

class AnswerWatch {
public:
    explicit AnswerWatch(WatchParams params) : params_(std::move(params)), in_thought_(params_.in_thought) {
        longest_ = std::max(params_.thought_open.size(), params_.thought_close.size());
        for (const auto & trigger : params_.triggers) longest_ = std::max(longest_, trigger.size());
        asleep_ = params_.wakes || !params_.triggers.empty();
    }

    bool in_thought() const { return in_thought_; }
    bool asleep() const { return asleep_; }

    // Takes the next bytes. Returns whether the grammar wakes by them; `woken` then has the bytes that it begins with.
    bool feed(const std::string & bytes, std::string & woken) {
        tail_ += bytes;
        for (;;) {
            if (in_thought_) {
                const size_t end = params_.thought_close.empty() ? std::string::npos : tail_.find(params_.thought_close);
                if (end == std::string::npos) break;
                tail_.erase(0, end + params_.thought_close.size());
                in_thought_ = false;
                if (params_.wakes && asleep_) return wake(0, woken);
                continue;
            }
            const size_t open = params_.thought_open.empty() ? std::string::npos : tail_.find(params_.thought_open);
            const size_t trigger = asleep_ ? first_trigger() : std::string::npos;
            if (trigger < open) return wake(trigger, woken);
            if (open == std::string::npos) break;
            tail_.erase(0, open + params_.thought_open.size());
            in_thought_ = true;
        }
        if (tail_.size() >= longest_) tail_.erase(0, tail_.size() - (longest_ ? longest_ - 1 : 0));
        return false;
    }

private:
    size_t first_trigger() const {
        size_t first = std::string::npos;
        for (const auto & trigger : params_.triggers) first = std::min(first, tail_.find(trigger));
        return first;
    }

    bool wake(size_t at, std::string & woken) {
        woken = tail_.substr(at);
        tail_.clear();
        asleep_ = false;
        return true;
    }

    WatchParams params_;
    size_t longest_ = 0;  // bytes of the longest marker
    bool in_thought_, asleep_ = false;
    std::string tail_;  // the last bytes, in which a marker may have begun
};

}  // namespace echorator
