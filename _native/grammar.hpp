// A grammar as an automaton over bytes: what a text may be, and which byte or token may come next.
//
// Made by grammar_reader.hpp from GBNF text, walked by grammar_matcher.hpp; immutable, so that requests share it. Each rule is a
// nondeterministic automaton of its own with one final state; a call edge enters another rule and goes on behind it. Characters
// are their UTF-8 bytes, so that a token which ends in the middle of a character needs no special case.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace echorator {

struct GrammarEdge {
    enum Kind : uint8_t {
        bytes,        // one byte, `low` to `high`
        call,         // the rule `value`
        token,        // the token `value` as a whole
        other_token,  // any token but `value`, and none that ends the text
        skip,         // nothing
    };
    uint32_t target = 0;
    uint32_t value = 0;
    Kind kind = skip;
    uint8_t low = 0, high = 0;
};

struct GrammarRule {
    std::string name;
    uint32_t start = 0;
    uint32_t order = 0;     // Invariant: a rule that can begin with another one comes before it, so no rule begins with itself.
    bool nullable = false;  // may be empty
};

struct Grammar {
    static constexpr uint32_t kRoot = 0;  // index of the rule `root`
    inline static std::atomic<int64_t> live_states = 0;  // of all grammars of the process; each takes about 40 bytes

    Grammar() = default;
    Grammar(const Grammar &) = delete;
    Grammar & operator=(const Grammar &) = delete;
    ~Grammar() { live_states -= counted_states; }

    std::vector<GrammarRule> rules;
    std::vector<GrammarEdge> edges;    // grouped by the state that they leave
    std::vector<uint32_t> first_edge;  // of state s: edges[first_edge[s]] up to edges[first_edge[s + 1]]
    std::vector<bool> final;           // by state: the rule may end here
    std::vector<bool> only_final;      // by state: the rule ends here, nothing else can follow
    std::array<uint8_t, 256> byte_class{};  // bytes that no edge tells apart have one class
    int byte_classes = 1;
    int64_t counted_states = 0;  // its part of live_states

    uint32_t states() const { return static_cast<uint32_t>(final.size()); }
};

}  // namespace echorator
