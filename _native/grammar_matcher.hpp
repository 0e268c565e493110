// Where a text stands in its grammar, and which tokens may come next.
//
// Pure. A position is a set of configurations: a state of the automaton and the frame to which its rule returns. Frames are made
// once for their contents and point to their callers, so that all ways of reading a text share what they have in common (a
// graph-structured stack: Tomita 1985; Scott and Johnstone, GLL Parsing, 2010): an ambiguous grammar takes polynomial time and not
// exponential. Sets are made once for their contents too, and remember where each byte leads: inside a repeated part of a grammar
// a byte costs one look-up.
//
// Work is counted and bounded. A grammar that needs more than its budget raises GrammarBudgetError, and only its request ends.
//
// Over 400 lines, since sets, frames and masks are made and dropped together, and all of them spend the same budget.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar.hpp"
#include "token_trie.hpp"

namespace echorator {

// What a request asks for cannot be done; it ends, and no other one is touched.
struct RequestError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct GrammarBudgetError : RequestError {
    using RequestError::RequestError;
};

class GrammarMatcher {
public:
    // One unit of work is an edge followed or a configuration made, about 20 ns. Each token earns what a look at the whole
    // vocabulary and kWorkPerToken need; what is not spent is saved up, to kTokensSaved tokens' worth.
    static constexpr int64_t kWorkPerToken = 25'000, kTokensSaved = 8, kNodesPerUnit = 16;
    static constexpr size_t kMostBytes = 4u << 20;  // of frames and sets together

    GrammarMatcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> trie)
        : grammar_(std::move(grammar)), trie_(std::move(trie)),
          work_per_token_(kWorkPerToken + static_cast<int64_t>(trie_->size()) / kNodesPerUnit), work_(kTokensSaved * work_per_token_),
          calls_(grammar_->rules.size()) {
        start();
        current_ = interned_set({{grammar_->rules[Grammar::kRoot].start, kBottom}});
    }

    // The text may end here.
    bool can_end() { return closed(current_).can_end; }
    // Something other than the end may follow.
    bool can_continue() {
        const Set & set = closed(current_);
        return !set.arcs.empty() || !set.token_arcs.empty();
    }

    bool allows(int32_t token) {
        if (trie_->is_end(token)) return can_end() || names(token);
        return after(token) != kDead;
    }

    // Advances by a token that `allows`; one that it does not allow leaves nothing allowed.
    void accept(int32_t token) {
        work_ = std::min(kTokensSaved * work_per_token_, work_ + work_per_token_);
        if (trie_->is_end(token)) return;
        current_ = after(token);
        if (bytes_ <= kMostBytes / 2) return;
        compact();
        if (bytes_ > kMostBytes / 2) throw GrammarBudgetError("the text nests deeper in its grammar than can be followed");
    }

    // Advances by bytes, each with a token's full budget. Returns false where the grammar refuses them.
    bool accept_bytes(const char * bytes, size_t n) {
        for (size_t i = 0; i < n && current_ != kDead; i++) {
            work_ = kTokensSaved * work_per_token_;
            current_ = step(current_, static_cast<uint8_t>(bytes[i]));
            if (bytes_ > kMostBytes / 2) compact();
        }
        return current_ != kDead;
    }

    // Bit t is set where token t may come next. Valid until the next call of a method.
    const std::vector<uint64_t> & allowed() {
        auto found = masks_.find(current_);
        if (found != masks_.end()) return found->second;
        if (masks_.size() >= kMasks) masks_.clear();
        return masks_.emplace(current_, mask()).first->second;
    }

    int64_t work_left() const { return work_; }

private:
    using SetId = uint32_t;
    using FrameId = uint32_t;
    struct Configuration {
        uint32_t state;
        FrameId frame;
        bool operator==(const Configuration & o) const { return state == o.state && frame == o.frame; }
        bool operator<(const Configuration & o) const { return state != o.state ? state < o.state : frame < o.frame; }
        uint64_t key() const { return static_cast<uint64_t>(state) << 32 | frame; }
    };
    using Configurations = std::vector<Configuration>;
    struct Arc {
        uint8_t low, high;  // byte classes
        Configuration to;
    };
    struct TokenArc {
        uint32_t token;
        bool other;  // any token but this one
        Configuration to;
    };
    struct Set {
        Configurations kernel;  // Invariant: sorted, no two alike. Where the bytes so far may have led.
        bool is_closed = false;
        // What follows from the kernel without another byte:
        bool can_end = false;
        std::vector<Arc> arcs;
        std::vector<TokenArc> token_arcs;
        std::vector<SetId> next;  // by byte class; kUnknown until it is computed
    };
    static constexpr SetId kDead = 0, kUnknown = std::numeric_limits<SetId>::max();
    static constexpr FrameId kBottom = 0;  // of the rule root: it returns to nobody
    static constexpr size_t kMasks = 16;

    // A set of configurations that is emptied at no cost.
    class Seen {
    public:
        void clear() {
            if (++round_ == 0) {
                std::fill(slots_.begin(), slots_.end(), Slot{});
                round_ = 1;
            }
            count_ = 0;
        }
        bool insert(uint64_t key) {
            if (count_ * 2 >= slots_.size()) grow();
            Slot & slot = find(key);
            if (slot.round == round_) return false;
            slot = {key, round_};
            count_++;
            return true;
        }

    private:
        struct Slot {
            uint64_t key = 0;
            uint32_t round = 0;
        };
        Slot & find(uint64_t key) {
            size_t i = (key * 0x9E3779B97F4A7C15ull) >> 32;
            while (true) {
                Slot & slot = slots_[i++ & (slots_.size() - 1)];
                if (slot.round != round_ || slot.key == key) return slot;
            }
        }
        void grow() {
            std::vector<Slot> old(slots_.size() * 2);
            old.swap(slots_);
            for (const Slot & slot : old) {
                if (slot.round == round_) find(slot.key) = slot;
            }
        }
        std::vector<Slot> slots_ = std::vector<Slot>(64);
        uint32_t round_ = 1;
        size_t count_ = 0;
    };

    void start() {
        sets_.assign(1, Set{});
        sets_[kDead].is_closed = true;
        frames_.assign(1, {});
        set_ids_.clear();
        frame_ids_.clear();
        masks_.clear();
        bytes_ = 0;
    }

    void spend(int64_t units) {
        work_ -= units;
        if (work_ < 0) throw GrammarBudgetError("the grammar needs too much work for one token: it is too ambiguous, or repeats too much; make it simpler");
    }

    void keep(size_t bytes) {
        bytes_ += bytes;
        if (bytes_ > kMostBytes) throw GrammarBudgetError("the grammar needs more than " + std::to_string(kMostBytes >> 20) + " MiB for one token; make it simpler");
    }

    template <class Items> static uint64_t hash_of(const Items & items) {
        uint64_t h = items.size();
        for (const Configuration & c : items) h = (h ^ c.key()) * 0x9E3779B97F4A7C15ull + (h >> 29);
        return h;
    }

    static void sort(Configurations & items) {
        std::sort(items.begin(), items.end());
        items.erase(std::unique(items.begin(), items.end()), items.end());
    }

    SetId interned_set(Configurations kernel) {
        if (kernel.empty()) return kDead;
        sort(kernel);
        const uint64_t hash = hash_of(kernel);
        const auto [begin, end] = set_ids_.equal_range(hash);
        for (auto i = begin; i != end; ++i) {
            if (sets_[i->second].kernel == kernel) return i->second;
        }
        const auto id = static_cast<SetId>(sets_.size());
        keep(sizeof(Set) + 64 + kernel.size() * sizeof(Configuration));
        sets_.emplace_back();
        sets_.back().kernel = std::move(kernel);
        set_ids_.emplace(hash, id);
        return id;
    }

    FrameId interned_frame(Configurations returns) {
        sort(returns);
        const uint64_t hash = hash_of(returns);
        const auto [begin, end] = frame_ids_.equal_range(hash);
        for (auto i = begin; i != end; ++i) {
            if (frames_[i->second] == returns) return i->second;
        }
        const auto id = static_cast<FrameId>(frames_.size());
        keep(sizeof(Configurations) + 64 + returns.size() * sizeof(Configuration));
        frames_.push_back(std::move(returns));
        frame_ids_.emplace(hash, id);
        return id;
    }

    // Follows what takes no byte: skips, returns and calls. A rule is entered once all its callers at this position are known:
    // rules are taken in their order, and a rule can only be called by the rules before it.
    const Set & closed(SetId id) {
        if (sets_[id].is_closed) return sets_[id];
        const Grammar & g = *grammar_;
        bool can_end = false;
        std::vector<Arc> arcs;
        std::vector<TokenArc> token_arcs;
        seen_.clear();
        todo_ = sets_[id].kernel;
        called_.clear();
        try {
            while (true) {
                while (!todo_.empty()) {
                    const Configuration c = todo_.back();
                    todo_.pop_back();
                    if (!seen_.insert(c.key())) continue;
                    if (g.final[c.state]) {
                        if (c.frame == kBottom) {
                            can_end = true;
                        } else {
                            spend(static_cast<int64_t>(frames_[c.frame].size()));
                            todo_.insert(todo_.end(), frames_[c.frame].begin(), frames_[c.frame].end());
                        }
                    }
                    const uint32_t last = g.first_edge[c.state + 1];
                    spend(1 + last - g.first_edge[c.state]);
                    for (uint32_t e = g.first_edge[c.state]; e < last; e++) follow(g.edges[e], c, arcs, token_arcs);
                }
                if (called_.empty()) break;
                std::pop_heap(called_.begin(), called_.end(), later_);
                const uint32_t rule = called_.back().second;
                called_.pop_back();
                Configurations returns;
                returns.swap(calls_[rule]);
                todo_.push_back({g.rules[rule].start, interned_frame(std::move(returns))});
            }
        } catch (...) {
            for (const auto & [order, rule] : called_) calls_[rule].clear();
            throw;
        }
        keep(arcs.size() * sizeof(Arc) + token_arcs.size() * sizeof(TokenArc));
        Set & set = sets_[id];
        set.can_end = can_end;
        set.arcs = std::move(arcs);
        set.token_arcs = std::move(token_arcs);
        set.is_closed = true;
        return set;
    }

    void follow(const GrammarEdge & edge, Configuration c, std::vector<Arc> & arcs, std::vector<TokenArc> & token_arcs) {
        const Grammar & g = *grammar_;
        const Configuration to{edge.target, c.frame};
        switch (edge.kind) {
            case GrammarEdge::skip: todo_.push_back(to); break;
            case GrammarEdge::bytes: arcs.push_back({g.byte_class[edge.low], g.byte_class[edge.high], to}); break;
            case GrammarEdge::token: token_arcs.push_back({edge.value, false, to}); break;
            case GrammarEdge::other_token: token_arcs.push_back({edge.value, true, to}); break;
            case GrammarEdge::call: {
                if (g.rules[edge.value].nullable) todo_.push_back(to);
                Configurations & returns = calls_[edge.value];
                if (returns.empty()) {
                    called_.emplace_back(g.rules[edge.value].order, edge.value);
                    std::push_heap(called_.begin(), called_.end(), later_);
                }
                // A call at the very end of a rule returns to where that rule returns, so that a rule which goes on by calling
                // itself at its end needs no frame for each round.
                if (g.only_final[edge.target] && c.frame != kBottom && frames_[c.frame].size() == 1) {
                    returns.push_back(frames_[c.frame][0]);
                } else {
                    returns.push_back(to);
                }
                break;
            }
        }
    }

    SetId step(SetId id, uint8_t byte) {
        const uint8_t byte_class = grammar_->byte_class[byte];
        if (!sets_[id].next.empty() && sets_[id].next[byte_class] != kUnknown) return sets_[id].next[byte_class];
        if (id == kDead) return kDead;
        const Set & set = closed(id);
        Configurations kernel;
        for (const Arc & arc : set.arcs) {
            if (arc.low <= byte_class && byte_class <= arc.high) kernel.push_back(arc.to);
        }
        spend(1 + static_cast<int64_t>(set.arcs.size() + kernel.size()));
        const SetId to = interned_set(std::move(kernel));
        Set & from = sets_[id];  // interned_set may have moved the sets
        if (from.next.empty()) {
            keep(static_cast<size_t>(grammar_->byte_classes) * sizeof(SetId));
            from.next.assign(static_cast<size_t>(grammar_->byte_classes), kUnknown);
        }
        from.next[byte_class] = to;
        return to;
    }

    // The grammar asks for this very token next.
    bool names(int32_t token) {
        const auto & arcs = closed(current_).token_arcs;
        return std::any_of(arcs.begin(), arcs.end(), [token](const TokenArc & a) { return !a.other && a.token == static_cast<uint32_t>(token); });
    }

    // Where a token leads: by its bytes, or as a whole where the grammar names it.
    SetId after(int32_t token) {
        SetId by_bytes = trie_->text(token).empty() ? kDead : current_;
        for (const char c : trie_->text(token)) {
            by_bytes = step(by_bytes, static_cast<uint8_t>(c));
            if (by_bytes == kDead) break;
        }
        const Set & set = closed(current_);
        if (set.token_arcs.empty()) return by_bytes;
        Configurations kernel = sets_[by_bytes].kernel;
        for (const TokenArc & arc : set.token_arcs) {
            if ((arc.token == static_cast<uint32_t>(token)) != arc.other) kernel.push_back(arc.to);
        }
        spend(static_cast<int64_t>(set.token_arcs.size() + kernel.size()));
        return interned_set(std::move(kernel));
    }

    std::vector<uint64_t> mask() {
        std::vector<uint64_t> bits((trie_->vocabulary() + 63) / 64);
        const auto allow = [&bits](int32_t token) { bits[static_cast<size_t>(token) / 64] |= 1ull << (token % 64); };
        std::vector<SetId> path{current_};
        int64_t visited = 0;
        for (size_t i = 0; i < trie_->size();) {
            const TokenTrie::Node & node = trie_->node(i);
            if (++visited % kNodesPerUnit == 0) spend(1);
            const SetId to = step(path[node.depth - 1], node.byte);
            if (to == kDead) {
                i = node.behind;
                continue;
            }
            path.resize(node.depth);
            path.push_back(to);
            for (uint32_t t = node.first_token; t < trie_->node(i + 1).first_token; t++) allow(trie_->token(t));
            i++;
        }
        if (!closed(current_).token_arcs.empty()) {
            spend(static_cast<int64_t>(trie_->vocabulary()) / kNodesPerUnit);
            for (const TokenArc & arc : closed(current_).token_arcs) {
                if (!arc.other) {
                    allow(static_cast<int32_t>(arc.token));
                    continue;
                }
                for (size_t t = 0; t < trie_->vocabulary(); t++) {
                    if (t != arc.token && !trie_->is_end(static_cast<int32_t>(t))) allow(static_cast<int32_t>(t));
                }
            }
        }
        if (can_end()) {
            for (int32_t end : trie_->ends()) allow(end);
        }
        return bits;
    }

    // Forgets all sets and frames but those that the current position needs.
    void compact() {
        Configurations kernel = sets_[current_].kernel;
        std::vector<Configurations> frames;
        frames.swap(frames_);
        start();
        // A frame was made after all frames that it returns to, so that going up by number meets those first.
        std::vector<bool> needed(frames.size(), false);
        for (const Configuration & c : kernel) needed[c.frame] = true;
        for (size_t i = frames.size(); i-- > 1;) {
            if (!needed[i]) continue;
            for (const Configuration & c : frames[i]) needed[c.frame] = true;
        }
        std::vector<FrameId> moved(frames.size(), kBottom);
        for (size_t i = 1; i < frames.size(); i++) {
            if (!needed[i]) continue;
            for (Configuration & c : frames[i]) c.frame = moved[c.frame];
            moved[i] = interned_frame(std::move(frames[i]));
        }
        for (Configuration & c : kernel) c.frame = moved[c.frame];
        current_ = interned_set(std::move(kernel));
    }

    std::shared_ptr<const Grammar> grammar_;
    std::shared_ptr<const TokenTrie> trie_;
    std::vector<Set> sets_;
    std::vector<Configurations> frames_;  // by frame: where its rule returns to
    std::unordered_multimap<uint64_t, SetId> set_ids_;
    std::unordered_multimap<uint64_t, FrameId> frame_ids_;
    std::unordered_map<SetId, std::vector<uint64_t>> masks_;
    SetId current_ = kDead;
    int64_t work_per_token_, work_;
    size_t bytes_ = 0;

    // Of closed(), kept for their memory.
    Seen seen_;
    Configurations todo_;
    std::vector<Configurations> calls_;                  // by rule: where its callers at this position go on; empty between calls
    std::vector<std::pair<uint32_t, uint32_t>> called_;  // a heap of (order, rule), the least order on top
    static constexpr auto later_ = [](const std::pair<uint32_t, uint32_t> & a, const std::pair<uint32_t, uint32_t> & b) { return a.first > b.first; };
};

}  // namespace echorator
