// What to decode next: requests, slots, sequences and a token budget in; memory operations and batch rows out.
//
// Pure: no llama.cpp, no Python, no clock. The engine (engine.hpp) submits and cancels requests, asks for a plan,
// performs it (memory operations in order, then one decode of the rows), commits it, and appends the token that it
// sampled for each row that wanted logits. The planner's own picture (radix tree, cell ledger) follows exactly.
//
//   queued --admit--> running (prefill: more than one token to compute; decode: one) --finish--> cached or gone
//      ^------------------preempt------------------'
//
// Every step: decode rows first (one for each running stream), then prefill chunks under the caller's budget, oldest
// first, then admissions. An admitted prompt takes the longest prefix that any sequence already holds; where a longer
// one is just being computed for another request, it waits for that instead of computing it again. When cells run
// out, cached sequences go first (least recently used), then the youngest running request of the lowest priority gives
// up its cells and is computed again later, so that no request fails for a full cache.
//
// All rows of a step have the same set of LoRA adapters, since llama.cpp applies them to a whole batch. Where requests of several sets
// run, the sets take turns, in the order of their numbers: `turn_steps` steps each, since a change of adapters costs llama.cpp a new
// reservation of its graph, and a turn ends with a step that has a prefill, since such a step is long. So of n sets that run, each has
// a step within (n - 1) * turn_steps + 1 steps, as long as there are cells for it. Slots are given without regard to sets.
//
// A memory with `whole_state` (sliding window, recurrent, hybrid) cannot be cut: a sequence can be continued only from
// exactly where it stands. There the planner keeps checkpoints: cached copies at the end of a prompt and at positions
// where two prompts were seen to part.
//
// Over 400 lines, since one decision touches queue, slots, tree and ledger together; the values are in plan.hpp.
#pragma once

#include <algorithm>
#include <cassert>
#include <climits>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "kv_ledger.hpp"
#include "plan.hpp"
#include "prefix_tree.hpp"

namespace echorator {

class Planner {
public:
    explicit Planner(const PlannerConfig & config)
        : config_(config), ledger_(config.layout, config.sequences, config.cells), sequences_(config.sequences) {
        assert(config.sequences >= config.slots && config.sequences <= kMaxSequences);
    }

    SubmitResult submit(RequestId id, std::vector<Token> prompt, int priority = 0, bool use_cache = true, uint64_t scope = 0, bool scored = false,
                        int adapter_set = 0) {
        if (prompt.empty()) return SubmitResult::empty_prompt;
        if (static_cast<int>(prompt.size()) >= config_.request_tokens) return SubmitResult::too_long;
        if (static_cast<int>(queue_.size()) >= config_.queue_limit) return SubmitResult::queue_full;
        auto r = std::make_unique<Request>();
        r->id = id;
        r->prompt_tokens = static_cast<int>(prompt.size());
        r->tokens = std::move(prompt);
        r->priority = priority;
        r->use_cache = use_cache && config_.prefix_cache;
        r->scope = scope;
        r->scored = scored;
        r->adapter_set = adapter_set;
        r->arrival = next_arrival_++;
        enqueue(r.get());
        requests_.emplace(id, std::move(r));
        return SubmitResult::ok;
    }

    // Ends a request at once: its slot is free, its computed prefix may stay in the cache.
    void end(RequestId id) {
        auto found = requests_.find(id);
        if (found == requests_.end()) return;
        Request * r = found->second.get();
        if (promoted_ == id) promoted_ = 0;
        if (r->state == Request::State::queued) {
            queue_.erase(std::find(queue_.begin(), queue_.end(), r));
        } else {
            running_.erase(std::find(running_.begin(), running_.end(), r));
            retire(r);
        }
        requests_.erase(found);
    }

    // A request that has waited too long beside those of a higher priority goes before all others. One at a time, and only every second
    // admission, so that the higher priority keeps half of them. False: not now, or it does not wait.
    bool promote(RequestId id) {
        auto found = requests_.find(id);
        if (promoted_ != 0 || last_was_promoted_ || found == requests_.end()) return false;
        Request * r = found->second.get();
        if (r->state != Request::State::queued || r->starved) return false;
        queue_.erase(std::find(queue_.begin(), queue_.end(), r));
        r->starved = true;
        enqueue(r);
        promoted_ = id;
        return true;
    }

    // Records the token sampled for a request. False: the request has reached the end of its context and is to be ended.
    bool append(RequestId id, Token token) {
        Request * r = requests_.at(id).get();
        r->tokens.push_back(token);
        if (tree_.holds(r->seq)) tree_.extend(r->seq, token);
        return static_cast<int>(r->tokens.size()) < config_.request_tokens;
    }

    // `prefill_budget`: prefill rows of this step at most, when streams decode beside them.
    Plan plan(int prefill_budget = INT_MAX) {
        Plan plan;
        plan.ops.swap(pending_);
        step_++;
        for (auto & s : sequences_) s.ready = s.computed;
        keep_checkpoints(plan);
        scored_left_ = config_.scored_rows;
        plan_running(plan, prefill_budget);
        while (plan.rows.empty() && running_.size() > 1) {  // prefills hold each other's cells
            preempt(victim());
            plan_running(plan, prefill_budget);
        }
        admit(plan);
        take_pending(plan);
        plan.adapter_set = turn_;
        turn_left_ = static_cast<int>(plan.rows.size()) > plan.decode_rows ? 0 : turn_left_ - 1;
        for (const Row & row : plan.rows) requests_.at(row.request)->planned = false;
        return plan;
    }

    // The decode of this plan found no cells in llama.cpp (a fragmented or windowed memory): takes its rows back and
    // frees memory, so that the next plan is smaller. False: nothing could be freed.
    bool roll_back(const Plan & plan) {
        for (auto it = plan.rows.rbegin(); it != plan.rows.rend(); ++it) {
            Sequence & s = sequences_[it->seq];
            s.computed--;
            ledger_.truncate(it->seq, s.computed);
        }
        for (auto & s : sequences_) s.ready = std::min(s.ready, s.computed);
        if (evict(-1)) return true;
        if (running_.size() < 2) return false;
        preempt(victim());
        return true;
    }

    // --- what is going on -------------------------------------------------------------------------------------
    bool idle() const { return requests_.empty() && pending_.empty(); }
    // Streams that decode, and requests that have a slot, or could have one now, but no token yet.
    std::pair<int, int> streams_and_waiting() const {
        int streams = 0;
        for (const Request * r : running_) streams += remaining(r) == 1;
        const int free = config_.slots - busy();
        return {streams, busy() - streams + std::min(free, queued())};
    }
    int queued() const { return static_cast<int>(queue_.size()); }
    int busy() const { return static_cast<int>(running_.size()); }
    int cells_used() const { return ledger_.used(); }
    int cells() const { return ledger_.capacity(); }
    int cached_sequences() const {
        return static_cast<int>(std::count_if(sequences_.begin(), sequences_.end(), [](const Sequence & s) { return s.cached; }));
    }
    size_t tree_nodes() const { return tree_.nodes(); }
    const PlannerStats & stats() const { return stats_; }
    const PlannerConfig & config() const { return config_; }
    const std::vector<Request *> & running() const { return running_; }
    const std::deque<Request *> & queue() const { return queue_; }
    const Request * find(RequestId id) const {
        auto found = requests_.find(id);
        return found == requests_.end() ? nullptr : found->second.get();
    }
    int computed(const Request * r) const { return r->seq < 0 ? 0 : sequences_[r->seq].computed; }
    std::vector<Token> sequence_tokens(Seq seq) const { return tree_.tokens(seq); }
    int sequence_length(Seq seq) const { return ledger_.length(seq); }

    // Drops what is cached of a scope; what runs of it is not kept when it ends, and nobody gets its cells meanwhile.
    void forget_scope(uint64_t scope) {
        for (auto & [id, request] : requests_) {
            if (request->scope == scope) request->use_cache = false;
        }
        for (Seq i = 0; i < config_.sequences; i++) {
            if (sequences_[i].cached && sequences_[i].scope == scope) clear(i);
        }
    }

    // Drops the whole prefix cache; returns the operations that follow from it and from requests that ended.
    std::vector<MemoryOp> forget() {
        while (evict(-1)) {
        }
        return std::exchange(pending_, {});
    }

private:
    // A sequence is free (no owner, not cached), running (an owner) or cached. Invariants of all of them between two calls:
    struct Sequence {
        Request * owner = nullptr;  // in running_, with owner->seq this sequence; owner != nullptr implies !cached
        bool cached = false;        // kept for others; implies computed > 0, and tree_ holds exactly its computed tokens
        int computed = 0;    // tokens with cells, this step's rows included; computed == ledger_.length(seq), 0 where it is free
        int ready = 0;       // those of earlier steps: what others may copy now; 0 <= ready <= computed
        uint64_t scope = 0;  // of the request that computed it; cells never pass into another scope
        int adapter_set = 0;  // likewise
        uint64_t used = 0;   // step of the last use; used <= step_
    };

    int remaining(const Request * r) const { return static_cast<int>(r->tokens.size()) - sequences_[r->seq].computed; }

    static bool before(const Request * a, const Request * b) {
        if (a->starved != b->starved) return a->starved;
        return a->priority != b->priority ? a->priority > b->priority : a->arrival < b->arrival;
    }

    void enqueue(Request * r) {
        queue_.insert(std::upper_bound(queue_.begin(), queue_.end(), r, before), r);
    }

    // --- cells ------------------------------------------------------------------------------------------------
    void clear(Seq seq) {
        tree_.erase(seq);
        if (ledger_.length(seq) > 0) pending_.push_back({MemoryOp::remove, seq, -1, 0});
        ledger_.truncate(seq, 0);
        sequences_[seq] = Sequence{};
    }

    // Drops the least recently used cached sequence other than `keep`.
    bool evict(Seq keep) {
        Seq oldest = -1;
        for (Seq i = 0; i < config_.sequences; i++) {
            if (!sequences_[i].cached || i == keep) continue;
            if (oldest < 0 || sequences_[i].used < sequences_[oldest].used) oldest = i;
        }
        if (oldest < 0) return false;
        clear(oldest);
        stats_.evictions++;
        return true;
    }

    // The running request that gives way: the lowest priority, then the youngest.
    Request * victim() const { return *std::max_element(running_.begin(), running_.end(), before); }

    void preempt(Request * r) {
        clear(r->seq);
        running_.erase(std::find(running_.begin(), running_.end(), r));
        r->seq = -1;
        r->cuts.clear();
        r->state = Request::State::queued;
        r->preemptions++;
        stats_.preemptions++;
        enqueue(r);
    }

    // Makes room for `n` more tokens of a running request; false: it was itself the one to give way.
    bool make_room(Request * r, int n) {
        while (ledger_.room(r->seq) < n) {
            if (evict(-1)) continue;
            Request * out = victim();
            assert(!out->planned);  // streams are planned in the order of `before`, victims come last
            preempt(out);
            if (out == r) return false;
        }
        return true;
    }

    // --- rows -------------------------------------------------------------------------------------------------
    void add_rows(Plan & plan, Request * r, int n) {
        Sequence & s = sequences_[r->seq];
        ledger_.extend(r->seq, n);
        for (int i = 0; i < n; i++) {
            const int position = s.computed++;
            const bool last = position + 1 == static_cast<int>(r->tokens.size());
            plan.rows.push_back({r->id, r->seq, r->tokens[position], position, last || scores(r, position)});
        }
        s.used = step_;
        r->planned = true;
    }

    // --- turns of the sets of adapters --------------------------------------------------------------------------
    void begin_turn(int adapter_set) {
        turn_ = adapter_set;
        turn_left_ = config_.turn_steps;
    }

    // The lowest set above the one whose turn it is that has a running request, else the lowest of all. Some request runs.
    int next_set() const {
        const auto later = [this](const Request * a, const Request * b) {
            return std::make_pair(a->adapter_set <= turn_, a->adapter_set) < std::make_pair(b->adapter_set <= turn_, b->adapter_set);
        };
        return (*std::min_element(running_.begin(), running_.end(), later))->adapter_set;
    }

    // The rows of running requests: of the set whose turn it is, or of the next one that gets a row at all.
    void plan_running(Plan & plan, int prefill_budget) {
        budget_ = config_.budget_tokens;
        const auto runs = [this](const Request * r) { return r->adapter_set == turn_; };
        std::set<int> tried;
        while (plan.rows.empty() && !running_.empty()) {
            if (turn_left_ <= 0 || !tried.empty() || std::none_of(running_.begin(), running_.end(), runs)) begin_turn(next_set());
            if (!tried.insert(turn_).second) return;
            plan_decode(plan);
            const int left = config_.budget_tokens - static_cast<int>(plan.rows.size());
            const bool streams = std::any_of(running_.begin(), running_.end(), [this](const Request * r) { return r->planned || remaining(r) == 1; });
            budget_ = streams ? std::min(left, prefill_budget) : left;
            plan_running_prefills(plan);
        }
    }

    // The logits of this position tell how likely the next token of the prompt was.
    static bool scores(const Request * r, int position) { return r->scored && position + 1 < r->prompt_tokens; }

    void plan_decode(Plan & plan) {
        std::vector<Request *> streams;
        for (Request * r : running_) {
            if (r->adapter_set == turn_ && remaining(r) == 1) streams.push_back(r);
        }
        std::sort(streams.begin(), streams.end(), before);  // so that those that may give way come last
        for (Request * r : streams) {
            if (r->state != Request::State::running || !make_room(r, 1)) continue;
            add_rows(plan, r, 1);
            plan.decode_rows++;
        }
        take_pending(plan);
    }

    void plan_running_prefills(Plan & plan) {
        for (Request * r : running_) {
            if (r->adapter_set == turn_ && !r->planned && remaining(r) > 1) plan_prefill(plan, r);
        }
    }

    void plan_prefill(Plan & plan, Request * r) {
        int n = std::min(remaining(r), budget_);
        if (config_.whole_state) {
            for (int cut : r->cuts) {
                if (cut > sequences_[r->seq].computed) {
                    n = std::min(n, cut - sequences_[r->seq].computed);
                    break;
                }
            }
        }
        while (n > ledger_.room(r->seq) && evict(-1)) {
        }
        n = std::min(n, ledger_.room(r->seq));
        const bool scored = scores(r, sequences_[r->seq].computed);
        if (scored) n = std::min(n, scored_left_);
        if (n <= 0) return;
        if (scored) scored_left_ -= n;
        add_rows(plan, r, n);
        budget_ -= n;
        take_pending(plan);
    }

    // Operations caused by evictions and preemptions of this very plan come before its decode.
    void take_pending(Plan & plan) {
        plan.ops.insert(plan.ops.end(), pending_.begin(), pending_.end());
        pending_.clear();
    }

    // --- prefixes ---------------------------------------------------------------------------------------------
    struct Match {
        Seq seq = -1;  // holds `tokens` of the prompt, ready to be copied or continued
        int tokens = 0;
        Seq coming = -1;  // computes `coming_tokens` of it right now
        int coming_tokens = 0;
        int parted = 0;  // tokens shared with any sequence at all
    };

    Match best_match(const Request * r) const {
        Match best;
        if (!r->use_cache || r->scored) return best;
        const int limit = static_cast<int>(r->tokens.size()) - 1;  // one token must be computed for its logits
        tree_.match(r->tokens.data(), r->tokens.size(), [&](size_t matched, const SeqSet & holders) {
            const int shared = std::min(static_cast<int>(matched), limit);
            for (Seq i = 0; i < config_.sequences; i++) {
                const Sequence & s = sequences_[i];
                if (!holders.test(i) || s.scope != r->scope || s.adapter_set != r->adapter_set || (s.owner && !s.owner->use_cache)) continue;
                best.parted = std::max(best.parted, shared);
                int usable = std::min(shared, s.ready);
                if (config_.whole_state && usable < s.ready) usable = 0;  // it stands elsewhere
                if (usable > best.tokens || (usable == best.tokens && usable > 0 && s.cached && !sequences_[best.seq].cached)) {
                    best.seq = i;
                    best.tokens = usable;
                }
                if (s.owner == nullptr) continue;
                const int planned = static_cast<int>(s.owner->tokens.size());
                int coming = std::min(shared, planned - 1);
                if (config_.whole_state && coming < s.computed) coming = 0;  // it has passed that position
                if (coming > s.ready && coming > best.coming_tokens) {
                    best.coming = i;
                    best.coming_tokens = coming;
                }
            }
        });
        // A prefix that is too short to be copied is still used where its own sequence can go on with it.
        if (best.seq >= 0 && best.tokens < config_.worth_sharing && !takes_over(best)) best.seq = -1, best.tokens = 0;
        return best;
    }

    // True while the prefix this request waits for is still being computed.
    bool still_waiting(Request * r) {
        if (r->waits_for == 0) return false;
        const Request * other = find(r->waits_for);
        if (other != nullptr && other->seq >= 0 && sequences_[other->seq].ready < r->waits_until) return true;
        r->waits_for = 0;
        return false;
    }

    // --- admission --------------------------------------------------------------------------------------------
    void admit(Plan & plan) {
        size_t at = 0;
        while (static_cast<int>(running_.size()) < config_.slots && at < queue_.size() && budget_ > 0) {
            Request * r = queue_[at];
            if (still_waiting(r)) {
                at++;
                continue;
            }
            const Match match = best_match(r);
            if (match.coming >= 0 && match.coming_tokens >= match.tokens + config_.worth_waiting) {
                Request * other = sequences_[match.coming].owner;
                r->waits_for = other->id;
                r->waits_until = match.coming_tokens;
                if (config_.whole_state) add_cut(other, match.coming_tokens);
                at++;
                continue;
            }
            queue_.erase(queue_.begin() + static_cast<ptrdiff_t>(at));
            if (!start(plan, r, match)) {  // no room: it stays at the head, and what comes later waits with it
                enqueue(r);
                break;
            }
            last_was_promoted_ = r->id == promoted_;
            if (last_was_promoted_) promoted_ = 0;
            count_overtaken(r->arrival);
        }
    }

    void count_overtaken(uint64_t arrival) {
        std::vector<Request *> starved;
        for (Request * r : queue_) {
            if (r->arrival < arrival && ++r->overtaken >= config_.starvation_limit && !r->starved) starved.push_back(r);
        }
        for (Request * r : starved) {
            queue_.erase(std::find(queue_.begin(), queue_.end(), r));
            r->starved = true;
            enqueue(r);
        }
    }

    static void add_cut(Request * r, int position) {
        auto at = std::lower_bound(r->cuts.begin(), r->cuts.end(), position);
        if (at == r->cuts.end() || *at != position) r->cuts.insert(at, position);
    }

    // whole_state: where a prefill must stop so that its state can be kept for others.
    void add_cuts(Request * r, int shared, int parted) {
        const int least = shared + config_.worth_keeping;
        const int last = static_cast<int>(r->tokens.size()) - 1;
        if (parted >= least) add_cut(r, parted);
        if (last >= least) add_cut(r, last);
        for (const Request * other : queue_) {
            if (!other->use_cache || other->scope != r->scope || other->adapter_set != r->adapter_set) continue;
            const size_t n = std::min(r->tokens.size(), other->tokens.size());
            const auto parting = std::mismatch(r->tokens.begin(), r->tokens.begin() + static_cast<ptrdiff_t>(n), other->tokens.begin());
            const int common = std::min(static_cast<int>(parting.first - r->tokens.begin()), last);
            if (common >= least) add_cut(r, common);
        }
    }

    // Tokens of admitted prompts that have no cells yet.
    int outstanding() const {
        int sum = 0;
        for (const Request * r : running_) sum += remaining(r);
        return sum;
    }

    Seq free_sequence() const {  // -1: none
        for (Seq i = 0; i < config_.sequences; i++) {
            if (sequences_[i].owner == nullptr && !sequences_[i].cached) return i;
        }
        return -1;
    }

    // A free sequence, else the least recently used cached one other than `keep`; -1: none.
    Seq take_sequence(Seq keep) {
        const Seq free = free_sequence();
        if (free >= 0) return free;
        return evict(keep) ? take_sequence(keep) : -1;
    }

    // Whether the matched cached sequence itself goes on, instead of a copy of it.
    bool takes_over(const Match & match) const {
        const Sequence & s = sequences_[match.seq];
        if (!s.cached) return false;
        if (config_.whole_state) return false;
        if (config_.layout == Layout::separate) return 2 * match.tokens >= s.computed;  // a copy moves every cell
        if (match.tokens == s.computed) return true;
        // A copy is free while a sequence is; then the end of this one is worth less than another conversation.
        return free_sequence() < 0 && 16 * (s.computed - match.tokens) <= match.tokens;
    }

    bool start(Plan & plan, Request * r, const Match & match) {
        Seq seq = -1;
        int shared = match.tokens;
        if (match.seq >= 0 && takes_over(match)) {
            seq = match.seq;
        } else {
            seq = take_sequence(match.seq);
            if (seq < 0 && match.seq >= 0 && sequences_[match.seq].cached) seq = match.seq;
            if (seq < 0) return false;
        }
        // Room for the whole prompt, and a token for each stream beside it, or it would be preempted at once.
        const int needed = static_cast<int>(r->tokens.size()) - shared;
        if (config_.layout == Layout::unified) {
            const int least = needed + outstanding() + static_cast<int>(running_.size());
            while (ledger_.room(seq) < least && evict(match.seq)) {
            }
            if (ledger_.room(seq) < least) {
                if (!running_.empty()) return false;
                clear(match.seq);  // alone, and the rest of the cached sequence is in the way
                shared = 0;
                seq = take_sequence(-1);
            }
        }
        take_pending(plan);
        Sequence & s = sequences_[seq];
        if (shared > 0 && seq == match.seq) {
            if (s.computed > shared) {
                plan.ops.push_back({MemoryOp::remove, seq, -1, shared});
                ledger_.truncate(seq, shared);
            }
            tree_.erase(seq);
        } else {
            if (sequences_[seq].cached) clear(seq), take_pending(plan);
            if (shared > 0) {
                plan.ops.push_back({MemoryOp::copy, seq, match.seq, shared});
                ledger_.share(match.seq, seq, shared);
                sequences_[match.seq].used = step_;
            }
        }
        s = Sequence{r, false, shared, shared, r->scope, r->adapter_set, step_};
        if (r->use_cache) tree_.insert(seq, r->tokens.data(), r->tokens.size());
        r->seq = seq;
        r->state = Request::State::running;
        r->waits_for = 0;
        r->cuts.clear();
        if (config_.whole_state && r->use_cache) add_cuts(r, shared, match.parted);
        if (r->cached_tokens < 0) {
            r->cached_tokens = shared;
            stats_.cached_tokens += static_cast<uint64_t>(shared);
        }
        stats_.admitted++;
        running_.push_back(r);
        if (plan.rows.empty()) begin_turn(r->adapter_set);
        if (r->adapter_set == turn_) plan_prefill(plan, r);
        return true;
    }

    // --- the end of a request, and checkpoints ------------------------------------------------------------------
    void retire(Request * r) {
        const Seq seq = r->seq;
        Sequence & s = sequences_[seq];
        if (!r->use_cache || s.computed == 0) {
            clear(seq);
            return;
        }
        if (tree_.length(seq) > static_cast<size_t>(s.computed)) tree_.truncate(seq, static_cast<size_t>(s.computed));
        s.owner = nullptr;
        s.cached = true;
        s.used = step_;
    }

    // whole_state: copies sequences that stand at a cut, before they go on.
    void keep_checkpoints(Plan & plan) {
        if (!config_.whole_state) return;
        for (Request * r : running_) {
            Sequence & s = sequences_[r->seq];
            if (r->cuts.empty() || r->cuts.front() > s.computed) continue;
            const bool here = r->cuts.front() == s.computed;
            r->cuts.erase(r->cuts.begin());
            if (!here) continue;
            const Seq spare = take_sequence(-1);
            if (spare < 0) continue;
            take_pending(plan);
            plan.ops.push_back({MemoryOp::copy, spare, r->seq, s.computed});
            ledger_.share(r->seq, spare, s.computed);
            tree_.insert(spare, r->tokens.data(), static_cast<size_t>(s.computed));
            sequences_[spare] = Sequence{nullptr, true, s.computed, s.computed, s.scope, s.adapter_set, step_};
            stats_.checkpoints++;
        }
    }

    PlannerConfig config_;
    KvLedger ledger_;
    PrefixTree tree_;
    std::vector<Sequence> sequences_;
    // Invariants between two calls:
    std::map<RequestId, std::unique_ptr<Request>> requests_;  // each is in exactly one of queue_ and running_, as its state says
    std::deque<Request *> queue_;      // sorted by `before`: starved, then priority, then arrival
    std::vector<Request *> running_;   // by admission; size() <= config_.slots
    std::vector<MemoryOp> pending_;    // follow from evictions and ends since the last plan; the next plan begins with them
    PlannerStats stats_;
    uint64_t next_arrival_ = 0;        // above every request's arrival
    RequestId promoted_ = 0;  // 0, or a request in queue_ that is starved
    bool last_was_promoted_ = false;  // the last admission was that of one
    uint64_t step_ = 0;
    int turn_ = 0, turn_left_ = 0;  // the set of adapters of the last plan, and how many more steps it has before others
    int budget_ = 0, scored_left_ = 0;  // rows that the plan being made may still have; meaningless between two calls
};

}  // namespace echorator
