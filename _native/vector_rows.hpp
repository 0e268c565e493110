// The vectors of the slots in half precision, and their mean. Pure; slots as in lexical_index.hpp. Feeds recall_index.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "half_dot.hpp"
#include "lexical_index.hpp"

namespace echorator {

class VectorRows {
public:
    using Queries = std::vector<float>;  // of width() numbers each, as `dot` takes them

    explicit VectorRows(size_t dim) : dim_(dim), width_((dim + kLanes - 1) / kLanes * kLanes), dot_(best_dot()), sum_(dim, 0) {}

    // Of the next slot.
    void append(const float * vector) {
        rows_.resize(rows_.size() + width_, 0);
        Half * row = rows_.data() + rows_.size() - width_;
        for (size_t i = 0; i < dim_; i++) row[i] = half_of(vector[i]);
        count(row, 1);
    }

    void clear(Slot slot) {
        Half * row = rows_.data() + static_cast<size_t>(slot) * width_;
        count(row, -1);
        std::fill_n(row, width_, Half{0});
    }

    void copy(Slot slot, float * out) const {
        for (size_t i = 0; i < dim_; i++) out[i] = float_of(row(slot)[i]);
    }

    // Whether the slot has exactly this vector, as it comes back from half precision.
    bool equals(Slot slot, const float * vector) const {
        for (size_t i = 0; i < dim_; i++) {
            if (float_of(row(slot)[i]) != vector[i]) return false;
        }
        return true;
    }

    // n rows of dim numbers, each with zeros up to the width; rows of zeros where there are none.
    Queries padded(const float * rows, size_t n) const {
        Queries out(n * width_, 0);
        for (size_t i = 0; rows && i < n; i++) std::copy_n(rows + i * dim_, dim_, out.data() + i * width_);
        return out;
    }

    float dot(const Queries & queries, size_t i, Slot slot) const { return dot_(queries.data() + i * width_, row(slot), width_); }

    // The query less a share of the mean of all vectors that are not zero.
    void away(const float * query, double share, float * out) const {
        if (vectors_) share /= static_cast<double>(vectors_);
        for (size_t i = 0; i < dim_; i++) out[i] = static_cast<float>(query[i] - share * sum_[i]);
    }

    // Slots get new numbers, in the same order; `none` for those that are gone.
    void renumber(const std::vector<Slot> & now, Slot none) {
        size_t kept = 0;
        for (size_t slot = 0; slot < now.size(); slot++) {
            if (now[slot] == none) continue;
            if (kept != slot) std::copy_n(row(static_cast<Slot>(slot)), width_, rows_.data() + kept * width_);
            kept++;
        }
        rows_.resize(kept * width_);
        rows_.shrink_to_fit();
    }

    size_t memory_bytes() const { return rows_.capacity() * sizeof(Half) + sum_.capacity() * sizeof(double); }

private:
    const Half * row(Slot slot) const { return rows_.data() + static_cast<size_t>(slot) * width_; }

    void count(const Half * row, int sign) {
        bool any = false;
        for (size_t i = 0; i < dim_; i++) {
            const float value = float_of(row[i]);
            sum_[i] += sign * value;
            any = any || value != 0;
        }
        if (any) vectors_ += sign > 0 ? 1 : -1;
    }

    const size_t dim_, width_;
    const Dot dot_;
    std::vector<Half> rows_;
    std::vector<double> sum_;  // of all vectors
    long vectors_ = 0;         // that are not zero
};

}  // namespace echorator
