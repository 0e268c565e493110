// Late interaction in one bit a dimension: each token of a text is the signs of its vector, and a question fits a text as well as its
// tokens fit the best of the text's tokens.
//
// MaxSim of Khattab and Zaharia, "ColBERT" (2020), over the signs alone, as in Yamada et al. (2021): the share of equal signs stands
// for the cosine. Signs lost nothing against float16 on dialogues (bench/MEMORY.md) and take a 32nd of it. Pure; slots as in
// lexical_index.hpp. Feeds recall_index.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lexical_index.hpp"

namespace echorator {

inline int differing_plain(const uint64_t * a, const uint64_t * b, size_t n) {
    int count = 0;
    for (size_t i = 0; i < n; i++) count += __builtin_popcountll(a[i] ^ b[i]);
    return count;
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) inline int differing_popcnt(const uint64_t * a, const uint64_t * b, size_t n) {
    int count = 0;
    for (size_t i = 0; i < n; i++) count += __builtin_popcountll(a[i] ^ b[i]);
    return count;
}
#endif

using Differing = int (*)(const uint64_t *, const uint64_t *, size_t);

inline Differing best_differing() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return differing_popcnt;
#endif
    return differing_plain;
}

class TokenSigns {
public:
    explicit TokenSigns(size_t dim) : dim_(dim), width_((dim + 63) / 64), differing_(best_differing()) {}

    size_t width() const { return width_; }  // numbers of 64 signs for a token

    // Slots rise. `signs` has n rows of width() numbers; signs beyond the dimension are 0.
    void add(const uint64_t * signs, size_t n) {
        signs_.insert(signs_.end(), signs, signs + n * width_);
        ends_.push_back(signs_.size());
    }

    size_t count(Slot slot) const { return (ends_[slot] - begin(slot)) / width_; }

    // The weighted mean, over the question's tokens, of the greatest share of equal signs, scaled to 0 for half of them (no likeness) and
    // 1 for all; -1 where the slot has no token or the weights are 0.
    float likeness(Slot slot, const uint64_t * tokens, const float * weights, size_t n) const {
        const uint64_t * first = signs_.data() + begin(slot);
        const uint64_t * last = signs_.data() + ends_[slot];
        if (first == last) return -1;
        float sum = 0, total = 0;
        for (size_t i = 0; i < n; i++) {
            int best = static_cast<int>(dim_);
            for (const uint64_t * row = first; row != last; row += width_) best = std::min(best, differing_(tokens + i * width_, row, width_));
            sum += weights[i] * std::max(0.0f, 1.0f - 2.0f * static_cast<float>(best) / static_cast<float>(dim_));
            total += weights[i];
        }
        return total > 0 ? sum / total : -1;
    }

    // Slots get new numbers, in the same order; `none` for those that are gone.
    void renumber(const std::vector<Slot> & now, Slot none) {
        size_t kept = 0, next = 0, from = 0;
        for (size_t slot = 0; slot < ends_.size(); slot++) {
            const size_t end = ends_[slot];
            if (now[slot] != none) {
                std::copy(signs_.begin() + static_cast<ptrdiff_t>(from), signs_.begin() + static_cast<ptrdiff_t>(end), signs_.begin() + static_cast<ptrdiff_t>(kept));
                kept += end - from;
                ends_[next++] = kept;
            }
            from = end;
        }
        signs_.resize(kept);
        ends_.resize(next);
        signs_.shrink_to_fit();
    }

    size_t memory_bytes() const { return signs_.capacity() * sizeof(uint64_t) + ends_.capacity() * sizeof(size_t); }

private:
    size_t begin(Slot slot) const { return slot ? ends_[slot - 1] : 0; }

    const size_t dim_, width_;
    const Differing differing_;
    std::vector<uint64_t> signs_;
    std::vector<size_t> ends_;  // by slot, into signs_
};

}  // namespace echorator
