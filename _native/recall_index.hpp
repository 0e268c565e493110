// The memories of one namespace, searched by all signals at once.
//
// Dense and lexical candidates make a pool, which `Ranking` orders; the best k are returned with what each signal gave. Pure: no Python, no
// clock, no storage. Fed by recall_index.pyx, which brings the candidates of the graph where there is one.
//
// Many searches run at the same time, a change runs alone. A memory has a slot; slots of removed ones stay empty until a third of all are,
// then all move up, in order. Over 400 lines, for vectors, words, tokens and links of a slot change together, under one lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lexical_index.hpp"
#include "memory_links.hpp"
#include "ranking.hpp"
#include "recall_values.hpp"
#include "token_signs.hpp"
#include "vector_rows.hpp"

namespace echorator {

class RecallIndex {
public:
    explicit RecallIndex(size_t dim) : dim_(dim), rows_(dim), tokens_(dim) {}

    size_t dim() const { return dim_; }

    size_t sign_width() const { return tokens_.width(); }  // numbers of 64 signs for a token

    // The label must be new, or removed before.
    void add(const Entry & entry, const float * vector, const Term * terms, size_t n_terms, const uint64_t * tokens, size_t n_tokens) {
        std::unique_lock lock(mutex_);
        const Slot slot = static_cast<Slot>(entries_.size());
        entries_.push_back(entry);
        links_.append(entry.session);
        rows_.append(vector);
        tokens_.add(tokens, n_tokens);
        in_graph_.push_back(false);
        live_.push_back(true);
        lexical_.add(slot, terms, n_terms);
        terms_.insert(terms_.end(), terms, terms + n_terms);
        term_ends_.push_back(terms_.size());
        slots_[entry.label] = slot;
        live_count_++;
        if (copied_) changed_.insert(entry.label);
    }

    bool remove(Label label) {
        std::unique_lock lock(mutex_);
        const auto found = slots_.find(label);
        if (found == slots_.end()) return false;
        const Slot slot = found->second;
        const size_t begin = slot ? term_ends_[slot - 1] : 0;
        lexical_.remove(slot, terms_.data() + begin, term_ends_[slot] - begin);
        links_.leave(slot, entries_[slot].session);
        rows_.clear(slot);
        live_[slot] = false;
        if (in_graph_[slot]) graph_dead_++;
        in_graph_[slot] = false;
        entries_[slot] = Entry{};
        slots_.erase(found);
        live_count_--;
        if (entries_.size() > 64 && live_count_ < entries_.size() / 3 * 2) compact();
        return true;
    }

    // Everything of the entry but its label and session. False when it is not there.
    bool update(const Entry & entry) {
        std::unique_lock lock(mutex_);
        const auto found = slots_.find(entry.label);
        if (found == slots_.end()) return false;
        Entry & mine = entries_[found->second];
        const uint64_t session = mine.session;
        mine = entry;
        mine.session = session;
        return true;
    }

    bool get(Label label, Entry & out) const {
        std::shared_lock lock(mutex_);
        const auto found = slots_.find(label);
        if (found == slots_.end()) return false;
        out = entries_[found->second];
        return true;
    }

    void use(const Label * labels, size_t n, double now_s) {
        std::unique_lock lock(mutex_);
        for (size_t i = 0; i < n; i++) {
            const auto found = slots_.find(labels[i]);
            if (found == slots_.end()) continue;
            Entry & entry = entries_[found->second];
            entry.uses += 1;
            entry.last_used_s = std::max(entry.last_used_s, now_s);
        }
    }

    // Sets the weight of the association of two memories, both ways; 0 takes it away.
    void associate(Label a, Label b, float weight) {
        std::unique_lock lock(mutex_);
        const auto left = slots_.find(a), right = slots_.find(b);
        if (left == slots_.end() || right == slots_.end() || a == b) return;
        links_.associate(left->second, right->second, weight);
    }

    size_t size() const {
        std::shared_lock lock(mutex_);
        return live_count_;
    }

    void labels(std::vector<Label> & out) const {
        std::shared_lock lock(mutex_);
        for (Slot s = 0; s < entries_.size(); s++) {
            if (live_[s]) out.push_back(entries_[s].label);
        }
    }

    size_t memory_bytes() const {
        std::shared_lock lock(mutex_);
        size_t bytes = sizeof *this + rows_.memory_bytes() + entries_.capacity() * sizeof(Entry) + links_.memory_bytes();
        bytes += tokens_.memory_bytes() + terms_.capacity() * sizeof(Term) + term_ends_.capacity() * sizeof(size_t);
        bytes += lexical_.memory_bytes() + slots_.size() * 40 + slots_.bucket_count() * 8;
        return bytes;
    }

    // Labels and vectors of all, in order of slots, for a graph that `set_graph` will bring.
    void copy(std::vector<Label> & labels, std::vector<float> & vectors) {
        std::unique_lock lock(mutex_);
        copied_ = true;
        changed_.clear();
        labels.clear();
        vectors.clear();
        labels.reserve(live_count_);
        vectors.reserve(live_count_ * dim_);
        for (Slot s = 0; s < entries_.size(); s++) {
            if (!live_[s]) continue;
            labels.push_back(entries_[s].label);
            vectors.resize(vectors.size() + dim_);
            rows_.copy(s, vectors.data() + vectors.size() - dim_);
        }
    }

    bool row(Label label, float * out) const {
        std::shared_lock lock(mutex_);
        const auto found = slots_.find(label);
        if (found == slots_.end()) return false;
        rows_.copy(found->second, out);
        return true;
    }

    // From now on the graph of this version (0: there is none) has `size` labels, these of them with the vectors they have here; what
    // was added since `copy` is scanned beside it, what was removed since is not found any more.
    void set_graph(const Label * labels, size_t n, size_t size, uint64_t version) {
        std::unique_lock lock(mutex_);
        std::fill(in_graph_.begin(), in_graph_.end(), false);
        graph_version_ = version;
        graph_size_ = graph_dead_ = size;
        for (size_t i = 0; i < n; i++) {
            const auto found = slots_.find(labels[i]);
            if (found == slots_.end() || changed_.count(labels[i])) continue;
            in_graph_[found->second] = true;
            graph_dead_--;
        }
        copied_ = false;
        changed_.clear();
        find_first_outside();
    }

    size_t graph_size() const { std::shared_lock lock(mutex_); return graph_size_; }
    size_t graph_dead() const { std::shared_lock lock(mutex_); return graph_dead_; }
    size_t outside_graph() const { std::shared_lock lock(mutex_); return live_count_ + graph_dead_ - graph_size_; }

    // The nearest by cosine alone, best first: the vector part of `search`.
    Answer nearest(const Query & q, std::vector<std::pair<float, Label>> & out) const {
        std::shared_lock lock(mutex_);
        out.clear();
        std::vector<Slot> candidates;
        const Answer answer = resolve(q, q.k, candidates);
        if (answer != kAnswered) return answer;
        for (const auto & [score, slot] : dense(q, rows_.padded(q.vector, 1), q.k, candidates)) out.push_back({score, entries_[slot].label});
        return kAnswered;
    }

    // The nearest by cosine of those that are in the graph, by a scan: what the graph is measured against.
    void nearest_in_graph(const float * vector, size_t k, std::vector<std::pair<float, Label>> & out) const {
        std::shared_lock lock(mutex_);
        out.clear();
        const Queries query = rows_.padded(vector, 1);
        Nearest best(*this, query, k);
        for (Slot s = 0; s < entries_.size(); s++) {
            if (in_graph_[s]) best.offer(s);
        }
        for (const auto & [score, slot] : best.sorted()) out.push_back({score, entries_[slot].label});
    }

    // Whether a memory has exactly this vector, as it comes back from half precision; true where there is no such memory.
    bool has_vector(Label label, const float * vector) const {
        std::shared_lock lock(mutex_);
        const auto found = slots_.find(label);
        return found == slots_.end() || rows_.equals(found->second, vector);
    }

    // How much each term tells: the less, the more memories have it.
    void idf(const Term * terms, size_t n, float * out) const {
        std::shared_lock lock(mutex_);
        for (size_t i = 0; i < n; i++) out[i] = lexical_.idf(terms[i]);
    }

    // The query moved away from the mean of all vectors, by `share` of it.
    void away(const float * query, double share, float * out) const {
        std::shared_lock lock(mutex_);
        rows_.away(query, share, out);
    }

    // The best k by all signals, best first.
    Answer search(const Query & asked, std::vector<Hit> & hits) const {
        std::shared_lock lock(mutex_);
        Query q = asked;
        std::vector<char> marked(q.only ? entries_.size() : 0);
        for (size_t i = 0; q.only && i < q.n_only; i++) {
            if (const auto found = slots_.find(q.only[i]); found != slots_.end()) marked[found->second] = 1;
        }
        if (q.only) q.marked = marked.data();
        std::vector<Slot> candidates;
        const Answer answer = resolve(q, q.pool, candidates);
        if (answer != kAnswered) return answer;
        static thread_local Words words;
        words.clear();
        const auto admits = [&](Slot s) { return live_[s] && admitted(s, q); };
        lexical_.score(q.terms, q.n_terms, entries_.size(), words, admits);
        lexical_.score_examples(q.examples, q.example_weights, q.n_examples, words, admits);

        const Queries vector = rows_.padded(q.vector, 1), moved = rows_.padded(q.away ? q.away : q.vector, 1);
        const Queries goals = rows_.padded(q.goals, q.n_goals);
        std::vector<Candidate> found = pool(q, moved, words, candidates);
        const View view{*this, q, goals};
        Ranking(view, q, found).rank();

        const size_t k = std::min(q.k, found.size());
        const auto better = [&](const Candidate & a, const Candidate & b) {
            return a.score != b.score ? a.score > b.score : entries_[a.slot].label > entries_[b.slot].label;
        };
        std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(k), found.end(), better);
        hits.assign(k, {});
        for (size_t i = 0; i < k; i++) {
            const Candidate & c = found[i];
            hits[i].label = entries_[c.slot].label;
            hits[i].score = c.score;
            std::copy(c.signals, c.signals + kSignals, hits[i].signals);
            hits[i].similarity = dot(vector, 0, c.slot);
            hits[i].likeness = c.tokens;
            hits[i].coverage = words.idf_sum > 0 ? words.covered[c.slot] / words.idf_sum : 0.0f;
        }
        return kAnswered;
    }

private:
    using Scored = std::pair<float, Slot>;
    using Queries = VectorRows::Queries;
    using Words = LexicalIndex::Scores;

    // What `Ranking` sees of the index during one search.
    struct View {
        const RecallIndex & index;
        const Query & q;
        const Queries & goals;

        const Entry & entry(Slot slot) const { return index.entries_[slot]; }
        const MemoryLinks & links() const { return index.links_; }
        bool admits(Slot slot) const { return index.live_[slot] && index.admitted(slot, q); }
        size_t terms(Slot slot) const { return index.lexical_.length(slot); }
        float mean_terms() const { return index.lexical_.mean_length(); }
        float goal(size_t g, Slot slot) const { return index.dot(goals, g, slot); }
    };

    float dot(const Queries & queries, size_t i, Slot slot) const { return rows_.dot(queries, i, slot); }

    bool admitted(Slot slot, const Query & q) const {
        const Entry & e = entries_[slot];
        if (q.marked && !q.marked[slot]) return false;
        if (e.expires_s != 0 && e.expires_s <= q.now_s) return false;
        if (!(q.kinds >> e.kind & 1u) || e.said_s < q.since_s || e.said_s >= q.before_s) return false;
        if (q.session && e.session != q.session) return false;
        if (q.speaker && e.speaker != q.speaker) return false;
        return q.superseded || (e.valid_from_s <= q.as_of_s && (e.valid_to_s == 0 || e.valid_to_s > q.as_of_s));
    }

    // The candidates that are still the graph's and admitted, best first, at most n. A search of a graph finds the last of its
    // candidates less surely than the first: the query's k must be among the first half, or all of the graph among the candidates.
    Answer resolve(const Query & q, size_t n, std::vector<Slot> & out) const {
        if (!q.vector || !q.graph) return kAnswered;
        if (q.graph != graph_version_) return kReplaced;
        size_t sure = 0;
        for (size_t i = 0; i < q.n_candidates && out.size() < n; i++) {
            const auto found = slots_.find(q.candidates[i]);
            if (found == slots_.end() || !in_graph_[found->second] || !admitted(found->second, q)) continue;
            out.push_back(found->second);
            if (2 * i < q.n_candidates) sure++;
        }
        const bool enough = out.size() >= n && sure >= std::min(q.k, n);
        return enough || q.n_candidates >= graph_size_ ? kAnswered : kTooFew;
    }

    // The best n by cosine of all that are offered. Ties go to the later slot.
    class Nearest {
    public:
        Nearest(const RecallIndex & index, const Queries & vector, size_t n) : index_(index), vector_(vector), n_(n) {
            heap_.reserve(std::min(n, index.live_count_) + 1);
        }

        void offer(Slot s) {
            const float score = index_.dot(vector_, 0, s);
            if (heap_.size() == n_ && (n_ == 0 || !(score > heap_.front().first || (score == heap_.front().first && s > heap_.front().second)))) return;
            heap_.push_back({score, s});
            std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
            if (heap_.size() > n_) {
                std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
                heap_.pop_back();
            }
        }

        std::vector<Scored> & sorted() {
            std::sort_heap(heap_.begin(), heap_.end(), std::greater<>());
            return heap_;
        }

    private:
        const RecallIndex & index_;
        const Queries & vector_;
        const size_t n_;
        std::vector<Scored> heap_;
    };

    // The best n by cosine, best first: of the graph's candidates and all outside it, or of all.
    std::vector<Scored> dense(const Query & q, const Queries & vector, size_t n, const std::vector<Slot> & candidates) const {
        if (!q.vector || n == 0) return {};
        Nearest best(*this, vector, n);
        for (Slot s : candidates) best.offer(s);
        for (Slot s = q.graph ? first_outside_ : 0; s < entries_.size(); s++) {
            if ((!q.graph || !in_graph_[s]) && live_[s] && admitted(s, q)) best.offer(s);
        }
        return std::move(best.sorted());
    }

    std::vector<Candidate> pool(const Query & q, const Queries & vector, const Words & words, const std::vector<Slot> & candidates) const {
        std::vector<Scored> lexical;
        lexical.reserve(words.touched.size());
        for (Slot s : words.touched) lexical.push_back({words.of[s], s});
        const size_t n = std::min(q.pool, lexical.size());
        std::partial_sort(lexical.begin(), lexical.begin() + static_cast<ptrdiff_t>(n), lexical.end(), std::greater<>());
        lexical.resize(n);

        std::vector<Candidate> out;
        std::unordered_map<Slot, bool> seen;
        for (const auto & [score, s] : dense(q, vector, q.pool, candidates)) {
            seen[s] = true;
            out.push_back(candidate(q, s, score, words));
        }
        for (const auto & [score, s] : lexical) {
            if (!seen.count(s)) out.push_back(candidate(q, s, dot(vector, 0, s), words));
        }
        return out;
    }

    Candidate candidate(const Query & q, Slot slot, float dense, const Words & words) const {
        Candidate c;
        c.slot = slot;
        c.dense = dense;
        c.words = slot < words.of.size() ? words.of[slot] : 0.0f;
        c.tokens = q.n_tokens ? tokens_.likeness(slot, q.tokens, q.token_weights, q.n_tokens) : -1.0f;
        return c;
    }

    void find_first_outside() {
        first_outside_ = 0;
        while (first_outside_ < entries_.size() && (in_graph_[first_outside_] || !live_[first_outside_])) first_outside_++;
    }

    void compact() {
        std::vector<Slot> now(entries_.size(), kNone);
        Slot next = 0;
        for (Slot s = 0; s < entries_.size(); s++) {
            if (live_[s]) now[s] = next++;
        }
        lexical_.renumber(now, kNone);
        links_.renumber(now);
        tokens_.renumber(now, kNone);
        rows_.renumber(now, kNone);
        for (Slot s = 0; s < entries_.size(); s++) {
            const Slot to = now[s];
            if (to == kNone) continue;
            entries_[to] = entries_[s];
            in_graph_[to] = in_graph_[s];
            slots_[entries_[to].label] = to;
        }
        size_t kept = 0, begin = 0;
        for (Slot s = 0; s < now.size(); s++) {
            const size_t end = term_ends_[s];
            if (now[s] != kNone) {
                std::copy(terms_.begin() + static_cast<ptrdiff_t>(begin), terms_.begin() + static_cast<ptrdiff_t>(end), terms_.begin() + static_cast<ptrdiff_t>(kept));
                kept += end - begin;
                term_ends_[now[s]] = kept;
            }
            begin = end;
        }
        terms_.resize(kept);
        term_ends_.resize(next);
        entries_.resize(next);
        in_graph_.resize(next);
        live_.assign(next, true);
        entries_.shrink_to_fit();
        find_first_outside();
    }

    const size_t dim_;
    mutable std::shared_mutex mutex_;
    VectorRows rows_;
    std::vector<Entry> entries_;
    MemoryLinks links_;
    TokenSigns tokens_;
    std::vector<bool> in_graph_, live_;
    std::unordered_map<Label, Slot> slots_;
    LexicalIndex lexical_;
    std::vector<Term> terms_;  // of all memories, one after the other
    std::vector<size_t> term_ends_;
    size_t live_count_ = 0, graph_size_ = 0, graph_dead_ = 0;  // graph_dead_: labels of the graph that are gone or changed
    uint64_t graph_version_ = 0;
    Slot first_outside_ = 0;  // no slot before it is to be scanned beside the graph
    bool copied_ = false;     // a graph is being built
    std::unordered_set<Label> changed_;  // since then
};

}  // namespace echorator
