// The values that the planner takes and gives: its configuration, a request, a plan. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "kv_ledger.hpp"
#include "prefix_tree.hpp"

namespace echorator {

using RequestId = uint64_t;

struct PlannerConfig {
    int slots = 1;           // requests computed at the same time
    int sequences = 1;       // llama.cpp sequences: those of the slots and of the prefix cache
    int cells = 512;         // of all sequences (unified) or of each (separate)
    int request_tokens = 512;  // the longest prompt + answer
    int budget_tokens = 512;   // rows of one step at most
    int scored_rows = 32;      // rows of one step whose logits are wanted for prompts that are scored, at most
    int queue_limit = 512;
    Layout layout = Layout::unified;
    bool whole_state = false;
    bool prefix_cache = true;
    int worth_sharing = 1;      // tokens: a shorter common prefix is not copied (a copy between streams costs)
    int worth_waiting = 16;     // tokens: so much more must come to wait for another's prefill
    int worth_keeping = 64;     // tokens: a checkpoint must save this many (whole_state)
    int starvation_limit = 64;  // admissions that may overtake a request before it goes first
    int turn_steps = 4;         // steps in a row of one set of adapters at most, while requests of another one run
};

enum class SubmitResult { ok, queue_full, empty_prompt, too_long };

// An operation on llama.cpp's memory. remove: positions [from, end) of `seq`; copy: [0, from) of `source` into the
// empty `seq` (unified), or all of it, then cut at `from` (separate streams can only be copied whole).
struct MemoryOp {
    enum Kind { remove, copy } kind;
    Seq seq;
    Seq source;
    int from;
};

struct Row {
    RequestId request;
    Seq seq;
    Token token;
    int position;
    bool logits;
};

struct Plan {
    std::vector<MemoryOp> ops;  // to be performed in this order, before the rows are decoded
    std::vector<Row> rows;      // size() <= budget_tokens; rows of one sequence have consecutive positions
    int decode_rows = 0;        // the first of `rows`: one of each running stream of the set. 0 <= decode_rows <= rows.size()
    int adapter_set = 0;        // that all rows are computed with (adapters.hpp)
    bool empty() const { return ops.empty() && rows.empty(); }
};

struct PlannerStats {
    uint64_t admitted = 0, preemptions = 0, evictions = 0, cached_tokens = 0, checkpoints = 0;
};

struct Request {
    enum class State { queued, running };
    RequestId id = 0;
    std::vector<Token> tokens;  // the prompt, then what was sampled; Planner's `computed` of its sequence never exceeds their number
    int prompt_tokens = 0;      // 1 <= prompt_tokens <= tokens.size()
    int priority = 0;
    bool use_cache = true;
    bool scored = false;  // the logits of every position of the prompt are wanted, so that all of it is computed
    uint64_t scope = 0;  // cells are shared within one scope only: a tenant never gets another's
    int adapter_set = 0;  // cells are shared within one set only: another one computes other values
    uint64_t arrival = 0;
    State state = State::queued;
    Seq seq = -1;            // seq >= 0 exactly where state is running
    int cached_tokens = -1;  // set by the first admission; then 0 <= cached_tokens < prompt_tokens
    int overtaken = 0;      // admissions of later arrivals while this one was queued
    bool starved = false;   // overtaken too often: goes first now
    int preemptions = 0;
    bool planned = false;   // has rows in the plan being made
    RequestId waits_for = 0;  // the request whose prefill computes this one's prefix (0: none; always 0 while running),
    int waits_until = 0;      // until so many tokens of it are ready
    std::vector<int> cuts;  // positions where a prefill chunk must end, ascending, each once; empty unless whole_state and running
};

}  // namespace echorator
