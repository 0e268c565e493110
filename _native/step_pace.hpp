// How much prefill may ride on a decode step, so that a long prompt does not stall the running streams.
//
// Pure: durations in, a token budget out. A step without prefill, of about as many streams, sets the pace, and a mixed
// step may take `stall_factor` times as long. That is for the few who wait beside many who stream; where more than one
// request waits for its first token for every four streams, each step takes a whole batch of prefill, since
// small chunks cost throughput (on a CPU a chunk of 32 tokens has about half the speed of one of 512).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

namespace echorator {

class StepPace {
public:
    // `batch_tokens`: rows of one step at most.
    StepPace(double stall_factor, int batch_tokens) : factor_(stall_factor), most_(batch_tokens) {}

    // Prefill rows of the next step, beside `streams` decode rows, while `waiting` requests have no token yet.
    int prefill_budget(int streams, int waiting) const {
        if (kStreamsAWaiter * waiting >= streams) return most_;
        const double quiet = quiet_s(streams);
        double budget = kFirst;
        if (quiet > 0 && token_s_ > 0) budget = quiet * (factor_ - 1) / token_s_;
        return static_cast<int>(std::clamp(budget, static_cast<double>(std::min(kLeast, most_)), static_cast<double>(most_)));
    }

    void observe(int streams, int prefill_rows, double seconds) {
        if (streams <= 0) return;
        if (prefill_rows == 0) {
            double & known = quiet_s_[bucket(streams)];
            known = known == 0 ? seconds : known + kSmoothing * (seconds - known);
            return;
        }
        const double quiet = quiet_s(streams);
        if (quiet == 0 || seconds <= quiet) return;
        // What a prefill token cost in this step, a part of the fixed costs of a mixed step included.
        const double cost = (seconds - quiet) / prefill_rows;
        token_s_ = token_s_ == 0 ? cost : token_s_ + 0.5 * (cost - token_s_);
    }

private:
    static constexpr double kSmoothing = 0.1;
    static constexpr int kLeast = 32;    // tokens: a prompt always gets on
    static constexpr double kFirst = 64;  // tokens: before anything is measured
    static constexpr int kStreamsAWaiter = 4;
    static constexpr int kBuckets = 9;   // streams by powers of two

    static int bucket(int streams) { return std::min(kBuckets - 1, static_cast<int>(std::log2(streams))); }

    // Of the nearest known number of streams; 0: nothing is known.
    double quiet_s(int streams) const {
        const int at = bucket(streams);
        for (int away = 0; away < kBuckets; away++) {
            if (at - away >= 0 && quiet_s_[at - away] > 0) return quiet_s_[at - away];
            if (at + away < kBuckets && quiet_s_[at + away] > 0) return quiet_s_[at + away];
        }
        return 0;
    }

    double factor_;
    int most_;
    std::array<double, kBuckets> quiet_s_{};
    double token_s_ = 0;
};

}  // namespace echorator
