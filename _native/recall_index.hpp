// The memories of one namespace, searched by all signals at once.
//
// Dense and lexical candidates make a pool; their scores become standard scores over the pool and are summed; what is
// above the mean spreads to neighbouring turns, to associated memories and to its session; activation, importance,
// affect and goals are added; the best k are returned with what each signal gave. Pure: no Python, no clock, no
// storage. Fed by recall_index.pyx, which brings the candidates of the graph where there is one.
//
// Over 400 lines, for a search touches vectors, words, links and edges together; the pure parts have their own files.
// Many searches run at the same time, a change runs alone. A memory has a slot; slots of removed ones stay empty
// until a third of all are, then all move up, in order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "activation.hpp"
#include "half_dot.hpp"
#include "lexical_index.hpp"

namespace echorator {

using Label = uint64_t;
constexpr Slot kNone = std::numeric_limits<Slot>::max();
enum Signal { kDense, kLexical, kNeighbours, kSession, kAssociation, kActivation, kImportance, kAffect, kGoal, kSignals };

struct Entry {
    Label label = 0;
    uint64_t session = 0;  // hash; 0: none
    double said_s = 0, created_s = 0, last_used_s = 0, valid_from_s = 0;
    double valid_to_s = 0, expires_s = 0;  // 0: holds, and never expires
    float uses = 1, importance = 0, valence = 0, arousal = 0;
    uint32_t speaker = 0;  // hash
    uint8_t kind = 0;
};

struct Query {
    const float * vector = nullptr;  // dim numbers of unit length; null: no dense signal
    const Term * terms = nullptr;
    size_t n_terms = 0;
    float weights[kSignals] = {1, 1, 0.4f, 0.3f, 0.2f, 0.1f, 0.1f, 0.05f, 0.1f};
    double now_s = 0;
    double as_of_s = 0;          // what held then
    bool superseded = false;     // what no longer holds too
    double since_s = -1e300, before_s = 1e300;
    uint32_t kinds = ~0u;        // bit by kind
    uint64_t session = 0;        // only this one; 0: all
    uint32_t speaker = 0;        // only this one; 0: all
    const Label * only = nullptr;  // n_only labels, no others; null: all
    size_t n_only = 0;
    const char * marked = nullptr;  // 1 by slot of one of `only`; `search` sets it
    float valence = 0, arousal = 0;
    const float * goals = nullptr;  // n_goals rows of dim numbers, each a unit vector times its priority
    size_t n_goals = 0;
    size_t k = 10;
    size_t pool = 128;           // candidates of each of the two first signals
    uint64_t graph = 0;          // version of the graph that `candidates` come from; slots outside it are scanned; 0: scan all
    const Label * candidates = nullptr;  // the graph's nearest, best first
    size_t n_candidates = 0;
};

// Whether a search by candidates of a graph could be answered; one that scans always is.
enum Answer {
    kAnswered,
    kReplaced,  // the query's graph is not the index's any more
    kTooFew,    // so many candidates are gone or not asked for that the graph may hold better ones: bring more, or scan
};

struct Hit {
    Label label = 0;
    float score = 0;
    float signals[kSignals] = {};
    float similarity = 0;  // cosine
    float coverage = 0;    // share of the query's idf that its words cover, 0..1
};

class RecallIndex {
public:
    explicit RecallIndex(size_t dim) : dim_(dim), width_((dim + kLanes - 1) / kLanes * kLanes), dot_(best_dot()) {}

    size_t dim() const { return dim_; }

    // The label must be new, or removed before.
    void add(const Entry & entry, const float * vector, const Term * terms, size_t n_terms) {
        std::unique_lock lock(mutex_);
        const Slot slot = static_cast<Slot>(entries_.size());
        entries_.push_back(entry);
        links_.push_back({});
        rows_.resize(rows_.size() + width_, 0);
        Half * row = rows_.data() + static_cast<size_t>(slot) * width_;
        for (size_t i = 0; i < dim_; i++) row[i] = half_of(vector[i]);
        in_graph_.push_back(false);
        live_.push_back(true);
        lexical_.add(slot, terms, n_terms);
        terms_.insert(terms_.end(), terms, terms + n_terms);
        term_ends_.push_back(terms_.size());
        slots_[entry.label] = slot;
        live_count_++;
        if (copied_) changed_.insert(entry.label);
        append_to_session(slot);
    }

    bool remove(Label label) {
        std::unique_lock lock(mutex_);
        const auto found = slots_.find(label);
        if (found == slots_.end()) return false;
        const Slot slot = found->second;
        const size_t begin = slot ? term_ends_[slot - 1] : 0;
        lexical_.remove(slot, terms_.data() + begin, term_ends_[slot] - begin);
        leave_session(slot);
        edges_.erase(slot);
        std::fill_n(rows_.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(slot) * width_), width_, Half{0});
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
        set_edge(left->second, right->second, weight);
        set_edge(right->second, left->second, weight);
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
        size_t bytes = sizeof *this + rows_.capacity() * sizeof(Half) + entries_.capacity() * sizeof(Entry) + links_.capacity() * sizeof(Link);
        bytes += terms_.capacity() * sizeof(Term) + term_ends_.capacity() * sizeof(size_t);
        bytes += lexical_.memory_bytes() + slots_.size() * 40 + slots_.bucket_count() * 8;
        for (const auto & [slot, edges] : edges_) bytes += 56 + edges.capacity() * sizeof(Edge);
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
            const Half * row = row_of(s);
            for (size_t i = 0; i < dim_; i++) vectors.push_back(float_of(row[i]));
        }
    }

    bool row(Label label, float * out) const {
        std::shared_lock lock(mutex_);
        const auto found = slots_.find(label);
        if (found == slots_.end()) return false;
        const Half * row = row_of(found->second);
        for (size_t i = 0; i < dim_; i++) out[i] = float_of(row[i]);
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
        for (const auto & [score, slot] : dense(q, padded(q.vector, 1), q.k, candidates)) out.push_back({score, entries_[slot].label});
        return kAnswered;
    }

    // The nearest by cosine of those that are in the graph, by a scan: what the graph is measured against.
    void nearest_in_graph(const float * vector, size_t k, std::vector<std::pair<float, Label>> & out) const {
        std::shared_lock lock(mutex_);
        out.clear();
        const Rows query = padded(vector, 1);
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
        if (found == slots_.end()) return true;
        const Half * row = row_of(found->second);
        for (size_t i = 0; i < dim_; i++) {
            if (float_of(row[i]) != vector[i]) return false;
        }
        return true;
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

        const Rows vector = padded(q.vector, 1), goals = padded(q.goals, q.n_goals);
        std::vector<Candidate> found = pool(q, vector, words, candidates);
        standardise(q, found);
        Places at;
        at.reserve(found.size() * 4);
        for (size_t i = 0; i < found.size(); i++) at.emplace(found[i].slot, i);
        spread(q, vector, found, at, words);
        for (Candidate & c : found) add_signals(q, goals, c);

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
            hits[i].similarity = c.similarity;
            hits[i].coverage = words.idf_sum > 0 ? words.covered[c.slot] / words.idf_sum : 0.0f;
        }
        return kAnswered;
    }

private:
    struct Link {
        Slot before = kNone, after = kNone;  // in the session
    };
    struct Edge {
        Slot to;
        float weight;
    };
    struct Candidate {
        Slot slot = 0;
        float similarity = 0, words = 0, evidence = 0, score = 0;
        float signals[kSignals] = {};
    };
    using Scored = std::pair<float, Slot>;
    using Rows = std::vector<float>;  // of width_ numbers each, as dot_ takes them
    using Places = std::unordered_map<Slot, size_t>;  // of candidates
    using Words = LexicalIndex::Scores;

    const Half * row_of(Slot slot) const { return rows_.data() + static_cast<size_t>(slot) * width_; }

    // n rows of dim_ numbers, each with zeros up to width_; rows of zeros where there are none.
    Rows padded(const float * rows, size_t n) const {
        Rows out(n * width_, 0);
        for (size_t i = 0; rows && i < n; i++) std::copy_n(rows + i * dim_, dim_, out.data() + i * width_);
        return out;
    }

    float dot(const Rows & rows, size_t i, Slot slot) const { return dot_(rows.data() + i * width_, row_of(slot), width_); }

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
        Nearest(const RecallIndex & index, const Rows & vector, size_t n) : index_(index), vector_(vector), n_(n) {
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
        const Rows & vector_;
        const size_t n_;
        std::vector<Scored> heap_;
    };

    // The best n by cosine, best first: of the graph's candidates and all outside it, or of all.
    std::vector<Scored> dense(const Query & q, const Rows & vector, size_t n, const std::vector<Slot> & candidates) const {
        if (!q.vector || n == 0) return {};
        Nearest best(*this, vector, n);
        for (Slot s : candidates) best.offer(s);
        for (Slot s = q.graph ? first_outside_ : 0; s < entries_.size(); s++) {
            if ((!q.graph || !in_graph_[s]) && live_[s] && admitted(s, q)) best.offer(s);
        }
        return std::move(best.sorted());
    }

    std::vector<Candidate> pool(const Query & q, const Rows & vector, const Words & words, const std::vector<Slot> & candidates) const {
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
            out.push_back(candidate(s, score, words));
        }
        for (const auto & [score, s] : lexical) {
            if (!seen.count(s)) out.push_back(candidate(s, dot(vector, 0, s), words));
        }
        return out;
    }

    static Candidate candidate(Slot slot, float similarity, const Words & words) {
        Candidate c;
        c.slot = slot;
        c.similarity = similarity;
        c.words = slot < words.of.size() ? words.of[slot] : 0.0f;
        return c;
    }

    // Standard scores over the pool, with kPrior observations at 0 so that a pool of one or two still says something.
    static void standardise(const Query & q, std::vector<Candidate> & pool) {
        constexpr double kPrior = 4;
        const auto moments = [&](float Candidate::*field) {
            double sum = 0, squares = 0;
            for (const Candidate & c : pool) sum += c.*field, squares += static_cast<double>(c.*field) * (c.*field);
            const double n = static_cast<double>(pool.size()) + kPrior, mean = sum / n;
            return std::pair<double, double>(mean, std::sqrt(std::max(squares / n - mean * mean, 1e-12)));
        };
        const auto [dense_mean, dense_sd] = moments(&Candidate::similarity);
        const auto [words_mean, words_sd] = moments(&Candidate::words);
        const bool dense_says = q.vector && dense_sd > 1e-5, words_say = words_sd > 1e-5;
        for (Candidate & c : pool) {
            float d = dense_says ? q.weights[kDense] * static_cast<float>((c.similarity - dense_mean) / dense_sd) : 0.0f;
            float w = words_say ? q.weights[kLexical] * static_cast<float>((c.words - words_mean) / words_sd) : 0.0f;
            if (d + w <= 0) d = w = 0;
            c.signals[kDense] = d;
            c.signals[kLexical] = w;
            c.evidence = d + w;
        }
    }

    void spread(const Query & q, const Rows & vector, std::vector<Candidate> & found, Places & at, const Words & words) const {
        constexpr float kSecond = 0.375f;  // of a neighbour's neighbour, relative to a neighbour
        constexpr size_t kTop = 3;         // a session is as telling as the mean of its three best
        const size_t sources = found.size();
        const auto give = [&](Slot to, Signal signal, float amount) {
            auto [place, fresh] = at.emplace(to, found.size());
            if (fresh) {
                if (!live_[to] || !admitted(to, q)) {
                    at.erase(place);
                    return;
                }
                found.push_back(candidate(to, dot(vector, 0, to), words));
            }
            found[place->second].signals[signal] += amount;
        };
        const float near = q.weights[kNeighbours], linked = q.weights[kAssociation];
        for (size_t i = 0; i < sources; i++) {
            const float evidence = found[i].evidence;
            const Slot slot = found[i].slot;
            if (evidence <= 0) continue;
            if (near != 0) {
                for (Slot Link::*way : {&Link::before, &Link::after}) {
                    const Slot one = links_[slot].*way;
                    if (one == kNone) continue;
                    give(one, kNeighbours, near * evidence);
                    const Slot two = links_[one].*way;
                    if (two != kNone) give(two, kNeighbours, near * kSecond * evidence);
                }
            }
            if (linked != 0) {
                const auto edges = edges_.find(slot);
                if (edges == edges_.end()) continue;
                for (const Edge & edge : edges->second) give(edge.to, kAssociation, linked * edge.weight * evidence);
            }
        }
        if (q.weights[kSession] == 0) return;
        std::unordered_map<uint64_t, std::vector<float>> sessions;
        const auto so_far = [](const Candidate & c) { return c.evidence + c.signals[kNeighbours] + c.signals[kAssociation]; };
        for (const Candidate & c : found) {
            if (entries_[c.slot].session) sessions[entries_[c.slot].session].push_back(so_far(c));
        }
        std::unordered_map<uint64_t, float> telling;
        for (auto & [session, scores] : sessions) {
            const size_t n = std::min(kTop, scores.size());
            std::partial_sort(scores.begin(), scores.begin() + static_cast<ptrdiff_t>(n), scores.end(), std::greater<>());
            float sum = 0;
            for (size_t i = 0; i < n; i++) sum += scores[i];
            telling[session] = sum / static_cast<float>(kTop);
        }
        for (Candidate & c : found) {
            if (entries_[c.slot].session) c.signals[kSession] = q.weights[kSession] * telling[entries_[c.slot].session];
        }
    }

    void add_signals(const Query & q, const Rows & goals, Candidate & c) const {
        const Entry & e = entries_[c.slot];
        const double level = base_level(e.uses, e.created_s, e.last_used_s, q.now_s);
        c.signals[kActivation] = q.weights[kActivation] * static_cast<float>(retrieval_probability(level));
        c.signals[kImportance] = q.weights[kImportance] * e.importance;
        // Mood congruence (Bower 1981): nearness in the plane, times the mood's intensity, so that a neutral mood prefers nothing.
        const float dv = (q.valence - e.valence) / 2.0f, da = q.arousal - e.arousal;
        const float intensity = std::min(1.0f, std::sqrt(q.valence * q.valence + q.arousal * q.arousal));
        c.signals[kAffect] = q.weights[kAffect] * intensity * (1.0f - std::min(1.0f, std::sqrt((dv * dv + da * da) / 2.0f)));
        float best = 0;
        for (size_t g = 0; g < q.n_goals; g++) best = std::max(best, dot(goals, g, c.slot));
        c.signals[kGoal] = q.weights[kGoal] * best;
        for (float signal : c.signals) c.score += signal;
    }

    void append_to_session(Slot slot) {
        const uint64_t session = entries_[slot].session;
        if (!session) return;
        auto [last, fresh] = tails_.emplace(session, slot);
        if (fresh) return;
        links_[slot].before = last->second;
        links_[last->second].after = slot;
        last->second = slot;
    }

    void leave_session(Slot slot) {
        const uint64_t session = entries_[slot].session;
        if (!session) return;
        const Link link = links_[slot];
        if (link.before != kNone) links_[link.before].after = link.after;
        if (link.after != kNone) links_[link.after].before = link.before;
        if (link.after == kNone) {
            if (link.before == kNone) tails_.erase(session);
            else tails_[session] = link.before;
        }
        links_[slot] = {};
    }

    void set_edge(Slot from, Slot to, float weight) {
        auto & edges = edges_[from];
        const auto found = std::find_if(edges.begin(), edges.end(), [&](const Edge & e) { return e.to == to; });
        if (weight <= 0) {
            if (found != edges.end()) edges.erase(found);
            if (edges.empty()) edges_.erase(from);
        } else if (found != edges.end()) {
            found->weight = weight;
        } else {
            edges.push_back({to, weight});
        }
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
        const auto moved = [&](Slot s) { return s == kNone ? kNone : now[s]; };
        lexical_.renumber(now, kNone);
        for (Slot s = 0; s < entries_.size(); s++) {
            const Slot to = now[s];
            if (to == kNone) continue;
            entries_[to] = entries_[s];
            links_[to] = {moved(links_[s].before), moved(links_[s].after)};
            in_graph_[to] = in_graph_[s];
            if (to != s) std::copy_n(rows_.begin() + static_cast<ptrdiff_t>(s * width_), width_, rows_.begin() + static_cast<ptrdiff_t>(to * width_));
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
        links_.resize(next);
        in_graph_.resize(next);
        live_.assign(next, true);
        rows_.resize(static_cast<size_t>(next) * width_);
        entries_.shrink_to_fit();
        rows_.shrink_to_fit();
        for (auto & [session, slot] : tails_) slot = now[slot];
        std::unordered_map<Slot, std::vector<Edge>> edges;
        for (auto & [slot, list] : edges_) {
            if (now[slot] == kNone) continue;
            std::vector<Edge> kept;
            for (const Edge & e : list) {
                if (now[e.to] != kNone) kept.push_back({now[e.to], e.weight});
            }
            if (!kept.empty()) edges.emplace(now[slot], std::move(kept));
        }
        edges_ = std::move(edges);
        find_first_outside();
    }

    const size_t dim_, width_;
    const Dot dot_;
    mutable std::shared_mutex mutex_;
    std::vector<Half> rows_;
    std::vector<Entry> entries_;
    std::vector<Link> links_;
    std::vector<bool> in_graph_, live_;
    std::unordered_map<Label, Slot> slots_;
    std::unordered_map<uint64_t, Slot> tails_;  // session -> its last memory
    std::unordered_map<Slot, std::vector<Edge>> edges_;
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
