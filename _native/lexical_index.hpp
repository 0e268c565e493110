// BM25 over term ids: what FTS5 computes, for one namespace only, without its statistics from other tenants.
//
// Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009):
//   score = sum over query terms of idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length)),
//   idf = ln(1 + (n - df + 0.5) / (df + 0.5)).
// Term at a time into an array of accumulators. Pure; documents are slot numbers, given in rising order; those
// removed stay in the lists until `compact`, but no statistic counts them. Feeds recall_index.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace echorator {

using Slot = uint32_t;
using Term = uint64_t;
constexpr float kK1 = 0.9f, kB = 0.75f;  // the field's usual b; 0.4, which is fitted to passages of one length, loses on chats whose turns vary

class LexicalIndex {
public:
    // Scratch of one search, kept by its thread: scores by slot, zero but for those in `touched`.
    struct Scores {
        std::vector<float> of;
        std::vector<float> covered;  // idf of the query terms that the document has
        std::vector<Slot> touched;
        float idf_sum = 0;           // of all query terms

        void clear() {
            for (Slot s : touched) of[s] = covered[s] = 0;
            touched.clear();
            idf_sum = 0;
        }
    };

    // `terms` in any order, with repeats.
    void add(Slot slot, const Term * terms, size_t n) {
        lengths_.resize(slot + 1, 0);
        lengths_[slot] = static_cast<uint16_t>(std::min<size_t>(n, UINT16_MAX));
        total_ += lengths_[slot];
        documents_++;
        each(terms, n, [&](Term term, size_t count) {
            List & list = lists_[term];
            list.live++;
            list.postings.push_back({slot, static_cast<uint32_t>(std::min<size_t>(count, UINT16_MAX))});
        });
    }

    // The same terms as were added.
    void remove(Slot slot, const Term * terms, size_t n) {
        total_ -= lengths_[slot];
        documents_--;
        lengths_[slot] = 0;
        each(terms, n, [&](Term term, size_t) {
            auto found = lists_.find(term);
            if (found == lists_.end()) return;
            if (--found->second.live == 0) {
                lists_.erase(found);
                return;
            }
            auto & postings = found->second.postings;
            const auto at = std::lower_bound(postings.begin(), postings.end(), slot, [](const Posting & p, Slot s) { return p.slot < s; });
            if (at != postings.end() && at->slot == slot) postings.erase(at);
        });
    }

    template <class Admits>
    void score(const Term * query, size_t n, size_t slots, Scores & out, Admits admits) const {
        if (out.of.size() < slots) {
            out.of.resize(slots, 0);
            out.covered.resize(slots, 0);
        }
        const float mean = mean_length();
        each(query, n, [&](Term term, size_t) {
            const auto found = lists_.find(term);
            const float idf = this->idf(term);
            out.idf_sum += idf;
            if (found == lists_.end()) return;
            for (const Posting & p : found->second.postings) {
                if (!admits(p.slot)) continue;
                const float tf = static_cast<float>(p.count);
                const float norm = kK1 * (1.0f - kB + kB * static_cast<float>(lengths_[p.slot]) / mean);
                if (out.covered[p.slot] == 0) out.touched.push_back(p.slot);
                out.covered[p.slot] += idf;
                out.of[p.slot] += idf * tf * (kK1 + 1.0f) / (tf + norm);
            }
        });
    }

    // Terms that stand for one of the query's, after `score`: each scores as much as its weight, in place of its idf, and covers nothing.
    template <class Admits>
    void score_examples(const Term * terms, const float * weights, size_t n, Scores & out, Admits admits) const {
        const float mean = mean_length();
        for (size_t i = 0; i < n; i++) {
            const auto found = lists_.find(terms[i]);
            if (found == lists_.end()) continue;
            for (const Posting & p : found->second.postings) {
                if (!admits(p.slot)) continue;
                const float tf = static_cast<float>(p.count);
                const float norm = kK1 * (1.0f - kB + kB * static_cast<float>(lengths_[p.slot]) / mean);
                if (out.of[p.slot] == 0) out.touched.push_back(p.slot);
                out.of[p.slot] += weights[i] * tf * (kK1 + 1.0f) / (tf + norm);
            }
        }
    }

    float idf(Term term) const {
        const auto found = lists_.find(term);
        const float df = found == lists_.end() ? 0.0f : static_cast<float>(found->second.live);
        return std::log(1.0f + (static_cast<float>(documents_) - df + 0.5f) / (df + 0.5f));
    }

    size_t length(Slot slot) const { return lengths_[slot]; }  // in terms
    float mean_length() const { return documents_ ? std::max(1.0f, static_cast<float>(total_) / static_cast<float>(documents_)) : 1.0f; }

    // Slots get new numbers, in the same order; kNone for those that are gone.
    void renumber(const std::vector<Slot> & now, Slot none) {
        for (auto & [term, list] : lists_) {
            size_t kept = 0;
            for (const Posting & p : list.postings) {
                if (now[p.slot] != none) list.postings[kept++] = {now[p.slot], p.count};
            }
            list.postings.resize(kept);
        }
        std::vector<uint16_t> lengths;
        for (size_t old = 0; old < lengths_.size(); old++) {
            if (now[old] != none) lengths.push_back(lengths_[old]);
        }
        lengths_ = std::move(lengths);
    }

    size_t memory_bytes() const {
        size_t bytes = lengths_.capacity() * sizeof(uint16_t) + lists_.bucket_count() * sizeof(void *);
        for (const auto & [term, list] : lists_) bytes += 64 + list.postings.capacity() * sizeof(Posting);
        return bytes;
    }

private:
    struct Posting {
        Slot slot;
        uint32_t count;
    };
    struct List {
        uint32_t live = 0;
        std::vector<Posting> postings;
    };

    template <class Visit>
    static void each(const Term * terms, size_t n, Visit visit) {
        std::vector<Term> sorted(terms, terms + n);
        std::sort(sorted.begin(), sorted.end());
        for (size_t i = 0; i < sorted.size();) {
            size_t end = i;
            while (end < sorted.size() && sorted[end] == sorted[i]) end++;
            visit(sorted[i], end - i);
            i = end;
        }
    }

    std::unordered_map<Term, List> lists_;
    std::vector<uint16_t> lengths_;
    uint64_t total_ = 0;
    uint64_t documents_ = 0;
};

}  // namespace echorator
