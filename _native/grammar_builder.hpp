// From the syntax tree of a grammar to its automaton.
//
// Pure. The size is counted before anything is built, so that a short text which stands for a huge automaton is refused at no
// cost. The automaton of a rule is Thompson's construction: a fragment has one state to enter and one to leave it by.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar.hpp"
#include "grammar_reader.hpp"
#include "utf8_ranges.hpp"

namespace echorator {

constexpr uint64_t kMostStates = 200'000;
constexpr int64_t kMostLiveStates = 4'000'000;  // of all grammars of the process together

class GrammarBuilder {
public:
    // Raises std::invalid_argument, saying what is wrong: too large, or a rule that begins with itself; std::runtime_error where the
    // grammars that are in use leave no room for another one.
    static std::shared_ptr<const Grammar> build(const GrammarTree & tree) {
        GrammarBuilder builder(tree);
        builder.check_size();
        builder.find_nullable();
        builder.order_rules();
        builder.build_rules();
        builder.finish();
        return builder.grammar_;
    }

private:
    struct Fragment {
        uint32_t enter, leave;
    };
    struct LooseEdge {
        uint32_t from;
        GrammarEdge edge;
    };
    // What characters compile to: states 0 (enter) and 1 (leave), then those between the bytes of a character.
    struct Characters {
        uint32_t states = 2;
        std::vector<LooseEdge> edges;
    };

    explicit GrammarBuilder(const GrammarTree & tree) : tree_(tree), grammar_(std::make_shared<Grammar>()) {
        grammar_->rules.resize(tree.names.size());
        for (size_t i = 0; i < tree.names.size(); i++) grammar_->rules[i].name = tree.names[i];
    }

    // --- size -------------------------------------------------------------------------------------------------------
    // Children are always made before their parents, so that one pass over the nodes is enough.
    void check_size() {
        std::vector<uint64_t> states(tree_.nodes.size());
        characters_.resize(tree_.nodes.size());
        for (size_t i = 0; i < tree_.nodes.size(); i++) {
            const GrammarNode & node = tree_.nodes[i];
            uint64_t sum = 2;
            for (uint32_t child : node.children) sum += states[child];
            if (node.kind == GrammarNode::literal) sum += node.bytes.size();
            if (node.kind == GrammarNode::characters) sum = (characters_[i] = compiled(node.ranges))->states;
            if (node.kind == GrammarNode::repetition) {
                const uint64_t times = std::max<uint64_t>(1, node.most == kUnbounded ? node.least : node.most);
                sum = sum > kMostStates ? sum : sum * times;
            }
            states[i] = std::min(sum, kMostStates + 1);
        }
        uint64_t total = 0;
        for (uint32_t definition : tree_.definitions) total += states[definition];
        grammar_->counted_states = static_cast<int64_t>(std::min(total, kMostStates));
        if ((Grammar::live_states += grammar_->counted_states) > kMostLiveStates) {
            throw std::runtime_error("the grammars in use are too large together; try again later, or make this one smaller");
        }
        if (total > kMostStates) {
            throw std::invalid_argument("with all repetitions written out it has more than " + std::to_string(kMostStates) +
                                        " states; lower the repetitions, or repeat something smaller");
        }
    }

    std::shared_ptr<const Characters> compiled(const CodePointRanges & ranges) {
        std::string key;
        for (auto [low, high] : ranges) key += std::to_string(low) + "-" + std::to_string(high) + ",";
        auto & known = known_characters_[key];
        if (known) return known;
        auto made = std::make_shared<Characters>();
        std::unordered_map<std::string, uint32_t> tails;  // byte ranges that are still to come -> the state where they do
        for (const ByteSequence & sequence : utf8_sequences(ranges)) {
            uint32_t target = 1;
            std::string tail;
            for (int i = sequence.length - 1; i >= 0; i--) {
                const auto [low, high] = sequence.ranges[i];
                tail = std::string{static_cast<char>(low), static_cast<char>(high)} + tail;
                uint32_t from = 0;
                if (i > 0) {
                    const auto [found, is_new] = tails.emplace(tail, made->states);
                    from = found->second;
                    if (!is_new) {
                        target = from;
                        continue;
                    }
                    made->states++;
                }
                GrammarEdge edge;
                edge.kind = GrammarEdge::bytes;
                edge.low = low;
                edge.high = high;
                edge.target = target;
                made->edges.push_back({from, edge});
                target = from;
            }
        }
        return known = made;
    }

    // --- which rules may be empty -------------------------------------------------------------------------------------
    // A node that becomes nullable tells its parents; each is told once a child, so the whole takes linear time.
    void find_nullable() {
        const size_t n = tree_.nodes.size(), rules = tree_.names.size();
        std::vector<std::vector<uint32_t>> parents(n), references(rules), defines(n);
        std::vector<uint32_t> missing(n);
        std::vector<uint32_t> news;
        nullable_.assign(n, false);
        for (uint32_t i = 0; i < n; i++) {
            const GrammarNode & node = tree_.nodes[i];
            for (uint32_t child : node.children) parents[child].push_back(i);
            if (node.kind == GrammarNode::rule) references[node.value].push_back(i);
            missing[i] = static_cast<uint32_t>(node.children.size());
            const bool empty = (node.kind == GrammarNode::literal && node.bytes.empty()) || (node.kind == GrammarNode::sequence && node.children.empty()) ||
                               (node.kind == GrammarNode::repetition && node.least == 0);
            if (empty) news.push_back(i);
        }
        for (uint32_t rule = 0; rule < rules; rule++) defines[tree_.definitions[rule]].push_back(rule);
        while (!news.empty()) {
            const uint32_t i = news.back();
            news.pop_back();
            if (nullable_[i]) continue;
            nullable_[i] = true;
            for (uint32_t parent : parents[i]) {
                const bool all = tree_.nodes[parent].kind == GrammarNode::sequence;
                if (--missing[parent] == 0 || !all) news.push_back(parent);
            }
            for (uint32_t rule : defines[i]) {
                grammar_->rules[rule].nullable = true;
                news.insert(news.end(), references[rule].begin(), references[rule].end());
            }
        }
    }

    // --- which rule comes first -----------------------------------------------------------------------------------------
    // The rules that a rule can begin with.
    std::vector<uint32_t> beginnings(uint32_t rule) const {
        std::vector<uint32_t> found, pending{tree_.definitions[rule]};
        while (!pending.empty()) {
            const GrammarNode & node = tree_.nodes[pending.back()];
            pending.pop_back();
            if (node.kind == GrammarNode::rule) found.push_back(node.value);
            for (uint32_t child : node.children) {
                pending.push_back(child);
                if (node.kind == GrammarNode::sequence && !nullable_[child]) break;
            }
        }
        return found;
    }

    // Topological order by a depth-first search. Raises std::invalid_argument where a rule begins with itself.
    void order_rules() {
        enum : uint8_t { unseen, open, placed };
        struct Visit {
            uint32_t rule;
            std::vector<uint32_t> next;
        };
        std::vector<uint8_t> state(grammar_->rules.size(), unseen);
        auto order = static_cast<uint32_t>(grammar_->rules.size());
        for (uint32_t first = 0; first < state.size(); first++) {
            if (state[first] != unseen) continue;
            std::vector<Visit> path{{first, beginnings(first)}};
            state[first] = open;
            while (!path.empty()) {
                Visit & visit = path.back();
                if (visit.next.empty()) {
                    state[visit.rule] = placed;
                    grammar_->rules[visit.rule].order = --order;
                    path.pop_back();
                    continue;
                }
                const uint32_t rule = visit.next.back();
                visit.next.pop_back();
                if (state[rule] == open) {
                    throw std::invalid_argument("the rule " + tree_.names[rule] +
                                                " begins with itself, directly or through other rules; write a repetition instead, as in a (\"+\" a)*");
                }
                if (state[rule] == unseen) {
                    state[rule] = open;
                    path.push_back({rule, beginnings(rule)});
                }
            }
        }
    }

    // --- the automaton -----------------------------------------------------------------------------------------------
    uint32_t state() {
        grammar_->final.push_back(false);
        return grammar_->states() - 1;
    }

    void edge(uint32_t from, uint32_t to, GrammarEdge::Kind kind, uint32_t value = 0, uint8_t low = 0, uint8_t high = 0) {
        edges_.push_back({from, {to, value, kind, low, high}});
    }

    void build_rules() {
        for (size_t i = 0; i < tree_.definitions.size(); i++) {
            const Fragment whole = fragment(tree_.definitions[i]);
            grammar_->rules[i].start = whole.enter;
            grammar_->final[whole.leave] = true;
        }
    }

    // Recursive over the tree, whose depth the reader bounds.
    Fragment fragment(uint32_t index) {
        const GrammarNode & node = tree_.nodes[index];
        switch (node.kind) {
            case GrammarNode::literal: {
                const uint32_t enter = state();
                uint32_t last = enter;
                for (const char c : node.bytes) {
                    const uint32_t next = state();
                    edge(last, next, GrammarEdge::bytes, 0, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
                    last = next;
                }
                return {enter, last};
            }
            case GrammarNode::characters: {
                const Characters & characters = *characters_[index];
                const uint32_t first = grammar_->states();
                for (uint32_t i = 0; i < characters.states; i++) state();
                for (const LooseEdge & e : characters.edges) edge(first + e.from, first + e.edge.target, GrammarEdge::bytes, 0, e.edge.low, e.edge.high);
                return {first, first + 1};
            }
            case GrammarNode::rule: return single(GrammarEdge::call, node.value);
            case GrammarNode::token: return single(GrammarEdge::token, node.value);
            case GrammarNode::other_token: return single(GrammarEdge::other_token, node.value);
            case GrammarNode::sequence: {
                const uint32_t enter = state();
                uint32_t last = enter;
                for (uint32_t child : node.children) {
                    const Fragment part = fragment(child);
                    edge(last, part.enter, GrammarEdge::skip);
                    last = part.leave;
                }
                return {enter, last};
            }
            case GrammarNode::alternatives: {
                const Fragment whole{state(), state()};
                literals(node, whole);
                for (uint32_t child : node.children) {
                    if (tree_.nodes[child].kind == GrammarNode::literal) continue;
                    const Fragment part = fragment(child);
                    edge(whole.enter, part.enter, GrammarEdge::skip);
                    edge(part.leave, whole.leave, GrammarEdge::skip);
                }
                return whole;
            }
            case GrammarNode::repetition: break;
        }
        return repetition(node);
    }

    // The alternatives that are literals, as a tree of their bytes: a choice of a thousand words has few bytes to begin with.
    void literals(const GrammarNode & alternatives, Fragment whole) {
        std::unordered_map<uint64_t, uint32_t> known;  // state, byte -> the state behind it
        for (uint32_t child : alternatives.children) {
            const GrammarNode & node = tree_.nodes[child];
            if (node.kind != GrammarNode::literal) continue;
            uint32_t last = whole.enter;
            for (const char c : node.bytes) {
                const auto byte = static_cast<uint8_t>(c);
                const auto [found, is_new] = known.emplace(static_cast<uint64_t>(last) << 8 | byte, grammar_->states());
                if (is_new) edge(last, state(), GrammarEdge::bytes, 0, byte, byte);
                last = found->second;
            }
            edge(last, whole.leave, GrammarEdge::skip);
        }
    }

    Fragment single(GrammarEdge::Kind kind, uint32_t value) {
        const Fragment made{state(), state()};
        edge(made.enter, made.leave, kind, value);
        return made;
    }

    Fragment repetition(const GrammarNode & node) {
        const Fragment whole{state(), state()};
        const uint32_t copies = node.most == kUnbounded ? std::max(1u, node.least) : node.most;
        uint32_t last = whole.enter;
        Fragment part{last, last};
        for (uint32_t i = 0; i < copies; i++) {
            if (i >= node.least) edge(last, whole.leave, GrammarEdge::skip);
            part = fragment(node.children[0]);
            edge(last, part.enter, GrammarEdge::skip);
            last = part.leave;
        }
        if (node.most == kUnbounded) edge(last, part.enter, GrammarEdge::skip);
        edge(last, whole.leave, GrammarEdge::skip);
        return whole;
    }

    // --- the final form -----------------------------------------------------------------------------------------------
    void finish() {
        Grammar & g = *grammar_;
        const uint32_t n = g.states();
        g.first_edge.assign(n + 1, 0);
        for (const LooseEdge & e : edges_) g.first_edge[e.from + 1]++;
        for (uint32_t s = 0; s < n; s++) g.first_edge[s + 1] += g.first_edge[s];
        g.edges.resize(edges_.size());
        std::vector<uint32_t> next(g.first_edge.begin(), g.first_edge.end() - 1);
        std::array<bool, 257> border{};
        for (const LooseEdge & e : edges_) {
            g.edges[next[e.from]++] = e.edge;
            if (e.edge.kind == GrammarEdge::bytes) border[e.edge.low] = border[e.edge.high + 1] = true;
        }
        for (int byte = 1; byte < 256; byte++) {
            if (border[byte]) g.byte_classes++;
            g.byte_class[byte] = static_cast<uint8_t>(g.byte_classes - 1);
        }
        // A state is only-final if nothing but skips lead on from it, and these to an only-final state. The chains are short and
        // have a single skip each, so that following one is enough; any other state counts as one where something can follow.
        g.only_final.assign(n, false);
        for (uint32_t s = 0; s < n; s++) {
            uint32_t at = s;
            for (int hops = 0; hops < 64 && !g.final[at] && g.first_edge[at + 1] - g.first_edge[at] == 1; hops++) {
                const GrammarEdge & only = g.edges[g.first_edge[at]];
                if (only.kind != GrammarEdge::skip) break;
                at = only.target;
            }
            g.only_final[s] = g.final[at] && g.first_edge[at + 1] == g.first_edge[at];
        }
    }

    const GrammarTree & tree_;
    std::shared_ptr<Grammar> grammar_;
    std::vector<bool> nullable_;  // by node
    std::vector<std::shared_ptr<const Characters>> characters_;  // by node
    std::unordered_map<std::string, std::shared_ptr<const Characters>> known_characters_;
    std::vector<LooseEdge> edges_;
};

inline std::shared_ptr<const Grammar> make_grammar(const std::string & text, const TokenFinder & find_token) {
    return GrammarBuilder::build(GrammarReader::read(text, find_token));
}

}  // namespace echorator
