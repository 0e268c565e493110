// Scans over one row of logits: the hot part of sampling, since a vocabulary has 32,000 to 260,000 entries.
//
// Pure, and vectorised by the compiler; on x86-64 Linux with GCC the loader picks the variant for the machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define ECHORATOR_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ECHORATOR_SIMD
#endif

namespace echorator {

constexpr int kBlock = 256;  // logits; a block is looked at only if its maximum matters

// Maximum of kBlock floats.
ECHORATOR_SIMD inline float block_max(const float * x) {
    float lanes[16];
    for (int j = 0; j < 16; j++) lanes[j] = x[j];
    for (int i = 16; i < kBlock; i += 16) {
        for (int j = 0; j < 16; j++) lanes[j] = lanes[j] > x[i + j] ? lanes[j] : x[i + j];
    }
    float best = lanes[0];
    for (int j = 1; j < 16; j++) best = best > lanes[j] ? best : lanes[j];
    return best;
}

// Index of the largest logit, the first of equals.
inline int32_t argmax(const float * x, int n) {
    int best_at = 0;
    float best = x[0];
    int i = 0;
    for (; i + kBlock <= n; i += kBlock) {
        if (!(block_max(x + i) > best)) continue;
        for (int j = i; j < i + kBlock; j++) {
            if (x[j] > best) best = x[j], best_at = j;
        }
    }
    for (; i < n; i++) {
        if (x[i] > best) best = x[i], best_at = i;
    }
    return best_at;
}

using Scored = std::pair<float, int32_t>;  // logit, token

// The k largest logits, the largest first; of equals the lower token first. k is cut to n.
inline void top_k(const float * x, int n, int k, std::vector<Scored> & out) {
    const auto better = [](const Scored & a, const Scored & b) { return a.first != b.first ? a.first > b.first : a.second < b.second; };
    out.clear();
    k = std::min(k, n);
    if (k <= 0) return;
    const auto offer = [&](int j) {
        const Scored entry{x[j], j};
        if (static_cast<int>(out.size()) < k) {
            out.push_back(entry);
            std::push_heap(out.begin(), out.end(), better);  // the worst on top
        } else if (better(entry, out.front())) {
            std::pop_heap(out.begin(), out.end(), better);
            out.back() = entry;
            std::push_heap(out.begin(), out.end(), better);
        }
    };
    int i = 0;
    for (; i + kBlock <= n; i += kBlock) {
        if (static_cast<int>(out.size()) == k && !(block_max(x + i) > out.front().first)) continue;
        for (int j = i; j < i + kBlock; j++) offer(j);
    }
    for (; i < n; i++) offer(i);
    std::sort(out.begin(), out.end(), better);
}

// log(sum(exp(x))), for log-probabilities.
inline double log_sum_exp(const float * x, int n) {
    const double top = x[argmax(x, n)];
    double sum = 0;
    for (int i = 0; i < n; i++) sum += std::exp(static_cast<double>(x[i]) - top);
    return top + std::log(sum);
}

// Of one position: (token, log-probability), then the `top` most likely ones. `best` is scratch.
inline std::vector<std::pair<int32_t, float>> logprobs_of(const float * x, int n, int32_t token, int top, std::vector<Scored> & best) {
    const double sum = log_sum_exp(x, n);
    top_k(x, n, top, best);
    std::vector<std::pair<int32_t, float>> out{{token, static_cast<float>(x[token] - sum)}};
    for (const auto & [logit, t] : best) out.emplace_back(t, static_cast<float>(logit - sum));
    return out;
}

}  // namespace echorator
