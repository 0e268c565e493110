// The account of KV cells: who holds which, and how many are free.
//
// llama.cpp does not say how many cells are in use, and sharing by llama_memory_seq_cp makes cells common to several
// sequences; the planner must know exactly, because a decode that finds no cell fails for the whole batch. Pure: a
// mirror of what the planner asks llama.cpp to do. With separate streams each sequence has cells of its own, and a
// share is a copy.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace echorator {

enum class Layout { unified, separate };

class KvLedger {
public:
    // `cells`: all cells (unified), or those of each sequence (separate).
    KvLedger(Layout layout, int sequences, int cells)
        : layout_(layout), cells_(cells), held_(sequences), references_(layout == Layout::unified ? cells : 0, 0) {
        for (int i = static_cast<int>(references_.size()) - 1; i >= 0; i--) free_.push_back(i);
    }

    int length(int seq) const { return static_cast<int>(held_[seq].size()); }

    // Cells that sequence `seq` may still take.
    int room(int seq) const { return layout_ == Layout::unified ? static_cast<int>(free_.size()) : cells_ - length(seq); }

    int capacity() const { return layout_ == Layout::unified ? cells_ : cells_ * static_cast<int>(held_.size()); }

    int used() const {
        if (layout_ == Layout::unified) return cells_ - static_cast<int>(free_.size());
        int sum = 0;
        for (const auto & cells : held_) sum += static_cast<int>(cells.size());
        return sum;
    }

    void extend(int seq, int n) {
        assert(n <= room(seq));
        for (int i = 0; i < n; i++) {
            int cell = -1;
            if (layout_ == Layout::unified) {
                cell = free_.back();
                free_.pop_back();
                references_[cell] = 1;
            }
            held_[seq].push_back(cell);
        }
    }

    // The first n cells of `src` become those of `dst`, which must be empty.
    void share(int src, int dst, int n) {
        assert(held_[dst].empty() && n <= length(src));
        held_[dst].assign(held_[src].begin(), held_[src].begin() + n);
        if (layout_ == Layout::unified) {
            for (int cell : held_[dst]) references_[cell]++;
        }
    }

    // Keeps the first n cells; returns how many cells that freed.
    int truncate(int seq, int n) {
        auto & cells = held_[seq];
        int freed = 0;
        while (static_cast<int>(cells.size()) > n) {
            const int cell = cells.back();
            cells.pop_back();
            if (layout_ == Layout::separate) {
                freed++;
            } else if (--references_[cell] == 0) {
                free_.push_back(cell);
                freed++;
            }
        }
        return freed;
    }

private:
    Layout layout_;
    int cells_;
    std::vector<std::vector<int32_t>> held_;
    std::vector<int32_t> references_;
    std::vector<int32_t> free_;
};

}  // namespace echorator
