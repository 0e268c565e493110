// The values of a recall: what the index keeps of a memory, what is asked, and what is found. Pure; shared by recall_index.hpp and
// ranking.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "lexical_index.hpp"

namespace echorator {

using Label = uint64_t;
constexpr Slot kNone = std::numeric_limits<Slot>::max();
enum Signal {
    kDense, kLexical, kNeighbours, kSession, kAssociation, kActivation, kImportance, kAffect, kGoal, kTokens, kForm, kSignals
};

struct Entry {
    Label label = 0;
    uint64_t session = 0;  // hash; 0: none
    double said_s = 0, created_s = 0, last_used_s = 0, valid_from_s = 0;
    double valid_to_s = 0, expires_s = 0;  // 0: holds, and never expires
    float uses = 1, importance = 0, valence = 0, arousal = 0;
    float asks = 0;        // share of the text that asks, 0..1
    uint32_t speaker = 0;  // hash
    uint8_t kind = 0;
    bool dated = false;    // the text names a time
};

struct Query {
    const float * vector = nullptr;  // dim numbers of unit length; null: no dense signal
    const float * away = nullptr;    // dim numbers: what the scan ranks by in its place, see `RecallIndex::away`; null: `vector`
    const Term * terms = nullptr;
    size_t n_terms = 0;
    const Term * examples = nullptr;  // n_examples terms that stand for one of `terms`, each with its weight
    const float * example_weights = nullptr;
    size_t n_examples = 0;
    const uint64_t * tokens = nullptr;  // n_tokens rows of signs, see token_signs.hpp
    const float * token_weights = nullptr;
    size_t n_tokens = 0;
    float weights[kSignals] = {};
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
    const uint32_t * named = nullptr;  // n_named speakers whom the question names
    size_t n_named = 0;
    bool dates = false;          // it asks for a time
    double when_from_s = 0, when_to_s = 0;  // it names this time; both 0: none
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
    float likeness = 0;    // of the query's tokens to the best of the memory's, 0..1; negative where either has none
};

}  // namespace echorator
