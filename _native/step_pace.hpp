// How much prefill may ride on a decode step, so that a long prompt does not stall the running streams.
//
// Pure: durations in, a token budget out. A quiet step (decode rows only) sets the pace; a mixed step may take
// `stall_factor` times as long. The budget follows the measured durations: after each mixed step it is scaled by
// target / measured, within bounds, so that it settles where mixed steps take the target time.
#pragma once

#include <algorithm>

namespace echorator {

class StepPace {
public:
    StepPace(double stall_factor, int most_tokens) : factor_(stall_factor), most_(most_tokens), budget_(std::min(64, most_tokens)) {}

    // Prefill rows of the next step, when `decode_rows` streams decode in it.
    int prefill_budget() const { return static_cast<int>(budget_); }

    void observe(int decode_rows, int prefill_rows, double seconds) {
        if (decode_rows == 0) return;
        if (prefill_rows == 0) {
            quiet_s_ = quiet_s_ == 0 ? seconds : quiet_s_ + kSmoothing * (seconds - quiet_s_);
            return;
        }
        if (quiet_s_ == 0) quiet_s_ = seconds / factor_;
        const double used = static_cast<double>(prefill_rows) / budget_;
        if (used < 0.5) return;  // a short rest of a prompt says little
        const double scale = std::clamp(factor_ * quiet_s_ / seconds, 0.7, 1.2);
        budget_ = std::clamp(budget_ * scale, static_cast<double>(std::min(kLeast, most_)), static_cast<double>(most_));
    }

private:
    static constexpr double kSmoothing = 0.1;
    static constexpr int kLeast = 16;  // tokens: a prompt always gets on
    double factor_;
    int most_;
    double budget_;
    double quiet_s_ = 0;
};

}  // namespace echorator
