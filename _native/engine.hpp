// One llama.cpp context and its decode thread.
//
// Fed by submit() and cancel() from any thread; feeds drain() with events. A step: take the inbox, plan
// (batch_planner.hpp), perform the plan's memory operations, llama_decode, sample each row that wanted logits
// (sampler.hpp), turn tokens into sendable text (text_stream.hpp), hand over. The thread never touches Python; it
// wakes its reader at most once a step, through an eventfd.
//
// kv_layout: with `unified` all slots share all cells, a prefix is shared at no cost, and a request may use the whole
// context; attention then runs over the cells of all sequences with a mask, which costs where contexts share little.
// With `separate` each slot has its own cells: attention sees only those, sharing is a copy, and a request has
// context / slots. `auto` takes `separate` where that costs no request length, that is where each slot's part
// reaches the trained context, and `unified` otherwise.
//
// Over 400 lines, since all of it is one thread's loop and the locks around it; the values are in engine_values.hpp.
#pragma once

#include <llama.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch_planner.hpp"
#include "engine_layout.hpp"
#include "engine_values.hpp"
#include "sampler.hpp"
#include "step_pace.hpp"
#include "text_stream.hpp"
#include "vocabulary.hpp"

namespace echorator {

inline double now_s() {  // CLOCK_MONOTONIC, as Python's time.monotonic()
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Engine {
public:
    Engine(llama_model * model, EngineOptions options) : options_(std::move(options)), model_(model), vocab_(llama_model_get_vocab(model)) {
        whole_state_ = keeps_whole_state(model, options_.context);
        sequences_ = settle_layout(model, options_, kMaxSequences);
        context_ = llama_init_from_model(model_, options_.context);
        if (!context_) throw std::runtime_error("llama.cpp could not allocate the context; try fewer context tokens or slots");
        memory_ = llama_get_memory(context_);
        if (!memory_) {
            llama_free(context_);
            throw std::invalid_argument("this model has no memory to generate with; it only embeds");
        }
        try {
            options_.adapters.apply(context_, applied_set_);
        } catch (...) {
            llama_free(context_);
            throw;
        }
        planner_ = std::make_unique<Planner>(planner_config());
        pace_ = std::make_unique<StepPace>(options_.stall_factor, static_cast<int>(llama_n_batch(context_)));
        for (Token t = 0; t < llama_vocab_n_tokens(vocab_); t++) {
            if (llama_vocab_is_eog(vocab_, t)) end_tokens_.push_back(t);
        }
        const auto rows = static_cast<size_t>(llama_n_batch(context_));
        row_tokens_.resize(rows);
        row_positions_.resize(rows);
        row_counts_.assign(rows, 1);
        row_sequences_.resize(rows);
        row_sequence_pointers_.resize(rows);
        row_logits_.resize(rows);
        for (size_t i = 0; i < rows; i++) row_sequence_pointers_[i] = &row_sequences_[i];
        event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (event_fd_ < 0) {
            llama_free(context_);
            throw std::runtime_error("no file descriptor is left for the engine; raise the limit of open files");
        }
        thread_ = std::thread([this] { run(); });
    }

    ~Engine() {
        close();
        if (event_fd_ >= 0) ::close(event_fd_);
    }
    Engine(const Engine &) = delete;
    Engine & operator=(const Engine &) = delete;

    // Queues a request. `code` tells what went wrong when 0 is returned.
    RequestId submit(SubmitArgs args, SubmitResult & code) {
        auto job = std::make_unique<Job>(Sampler(vocab_, args.sampling, request_tokens()), TextStream(std::move(args.stops)), args);
        job->sampler.see_prompt(args.prompt);
        code = SubmitResult::ok;
        if (args.prompt.empty()) code = SubmitResult::empty_prompt;
        if (static_cast<int>(args.prompt.size()) >= request_tokens()) code = SubmitResult::too_long;
        if (code != SubmitResult::ok) return 0;
        std::lock_guard<std::mutex> lock(inbox_mutex_);
        if (waiting_ >= options_.queue_limit) {
            code = SubmitResult::queue_full;
            return 0;
        }
        waiting_++;
        job->event.request = next_id_++;
        job->event.submitted_s = now_s();
        job->event.prompt_tokens = static_cast<int>(args.prompt.size());
        job->prompt = std::move(args.prompt);
        const RequestId id = job->event.request;
        inbox_.push_back(std::move(job));
        inbox_ready_.notify_one();
        return id;
    }

    void cancel(RequestId id) {
        std::lock_guard<std::mutex> lock(inbox_mutex_);
        cancels_.push_back(id);
        inbox_ready_.notify_one();
    }

    std::vector<Event> drain() {
        uint64_t count = 0;
        [[maybe_unused]] const auto n = ::read(event_fd_, &count, sizeof count);
        std::lock_guard<std::mutex> lock(outbox_mutex_);
        std::vector<Event> events;
        events.swap(outbox_);
        return events;
    }

    // Drops what the prefix cache has of a scope, before the next step.
    void forget_scope(uint64_t scope) {
        std::lock_guard<std::mutex> lock(inbox_mutex_);
        forgotten_scopes_.push_back(scope);
        inbox_ready_.notify_one();
    }

    // Ends the thread within one step; what still runs gets a "cancelled" event.
    void close() {
        {
            std::lock_guard<std::mutex> lock(inbox_mutex_);
            closing_ = true;
            inbox_ready_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
        if (context_) {
            llama_free(context_);
            context_ = nullptr;
        }
    }

    EngineStats stats() const {
        std::lock_guard<std::mutex> lock(stats_mutex_);
        return stats_;
    }
    std::vector<SlotState> slots() const {
        std::lock_guard<std::mutex> lock(stats_mutex_);
        return slot_states_;
    }
    // Seconds that the step of now has taken so far; 0 between two steps.
    double step_s() const {
        const double began = step_began_s_;
        return began > 0 ? now_s() - began : 0;
    }
    int event_fd() const { return event_fd_; }
    int request_tokens() const { return request_tokens_; }
    bool unified() const { return options_.context.kv_unified; }
    bool whole_state() const { return whole_state_; }

private:
    struct Job {
        Job(Sampler s, TextStream t, const SubmitArgs & args)
            : sampler(std::move(s)), text(std::move(t)), max_tokens(args.max_tokens), prompt_logprobs(args.prompt_logprobs), priority(args.priority),
              deadline_s(args.deadline_s), ignore_eos(args.ignore_eos), use_cache(args.use_cache), scope(args.scope),
              adapter_set(args.adapter_set), logprobs(args.sampling.logprobs >= 0) {}
        Sampler sampler;
        TextStream text;
        int max_tokens, prompt_logprobs, priority;
        int scored = 0;  // tokens of the prompt whose log-probabilities are in an event
        double deadline_s;
        bool ignore_eos, use_cache;
        uint64_t scope;
        int adapter_set;
        bool logprobs;
        std::vector<Token> prompt;
        Event event;        // what waits to be handed over
        double handed_s = 0;  // when the last event went out
    };
    using Jobs = std::unordered_map<RequestId, std::unique_ptr<Job>>;
    struct Draw {
        RequestId request = 0;
        Job * job = nullptr;
        float * logits = nullptr;
        int scored = -1;       // the position in the prompt whose token is scored, not sampled; -1: it is sampled
        Token token = -1;      // the one that is scored; or the one that was sampled, and stays -1 where that failed
        bool refused = false;  // by what the request asks
        std::vector<std::pair<int32_t, float>> logprobs;  // of a scored position
    };
    static constexpr Token kPromptOnly = -3;  // in place of a token: none is wanted
    static constexpr int kParallelRows = 4;
    static constexpr double kGatherPause = 0.0006, kGatherLongest = 0.004;  // seconds
    static constexpr double kMessagePause = 0.008;  // seconds between two messages of a stream, at least

    PlannerConfig planner_config() {
        PlannerConfig p;
        p.slots = options_.slots;
        p.sequences = sequences_;
        p.layout = unified() ? Layout::unified : Layout::separate;
        p.cells = static_cast<int>(unified() ? llama_n_ctx(context_) : llama_n_ctx_seq(context_));
        const int trained = llama_model_n_ctx_train(model_);
        request_tokens_ = trained > 0 ? std::min(p.cells, trained) : p.cells;
        p.request_tokens = request_tokens_;
        p.budget_tokens = static_cast<int>(llama_n_batch(context_));
        p.queue_limit = INT_MAX;  // bounded at submit()
        p.whole_state = whole_state_;
        p.prefix_cache = options_.prefix_cache;
        if (p.layout == Layout::separate) p.worth_sharing = std::max(16, p.cells / 32);
        return p;
    }

    // --- the thread -------------------------------------------------------------------------------------------
    void run() {
        while (take_inbox()) {
            const double start = now_s();
            step_began_s_ = start;
            decode_s_ = sampling_s_ = 0;
            bool computed = false;
            try {
                computed = step(start);
            } catch (const std::exception & e) {
                fail_all(e.what());
            }
            publish(now_s() - start, computed);
            wake();  // after publish(): who hears of an end sees its slot free
            step_began_s_ = 0;
        }
        for (auto & [id, job] : jobs_) finish(*job, Finish::cancelled);
        jobs_.clear();
        wake();
    }

    // False: there was nothing to compute.
    bool step(double start) {
        expire(start);
        age(start);
        const auto [streams, waiting] = planner_->streams_and_waiting();
        const Plan plan = planner_->plan(pace_->prefill_budget(streams, waiting));
        perform(plan.ops);
        if (!plan.rows.empty()) {
            note_admissions(start);
            decode(plan);
        }
        hand_over(plan.decode_rows);
        return !plan.rows.empty();
    }

    // Waits for work; false: close.
    bool take_inbox() {
        std::vector<std::unique_ptr<Job>> arrived;
        std::vector<RequestId> cancelled;
        std::vector<uint64_t> scopes;
        {
            std::unique_lock<std::mutex> lock(inbox_mutex_);
            if (planner_->idle()) {
                inbox_ready_.wait(lock, [this] { return closing_ || !inbox_.empty() || !cancels_.empty() || !forgotten_scopes_.empty(); });
                gather(lock);
            }
            arrived.swap(inbox_);
            cancelled.swap(cancels_);
            scopes.swap(forgotten_scopes_);
            if (closing_) {
                for (auto & job : arrived) {
                    const RequestId id = job->event.request;
                    jobs_.emplace(id, std::move(job));
                }
                return false;
            }
        }
        for (uint64_t scope : scopes) planner_->forget_scope(scope);
        for (auto & job : arrived) {
            const RequestId id = job->event.request;
            planner_->submit(id, std::move(job->prompt), job->priority, job->use_cache, job->scope, job->prompt_logprobs >= 0,
                             job->adapter_set);
            requests_++;
            prompt_tokens_ += static_cast<uint64_t>(job->event.prompt_tokens);
            jobs_.emplace(id, std::move(job));
        }
        for (RequestId id : cancelled) end(id, Finish::cancelled);
        return true;
    }

    // After an idle time: requests that come together begin together, in one batch. A request that comes alone waits
    // kGatherPause for the next one; a burst for as long as it lasts, at most kGatherLongest.
    void gather(std::unique_lock<std::mutex> & lock) {
        const double end = now_s() + kGatherLongest;
        while (!inbox_.empty() && static_cast<int>(inbox_.size()) < options_.slots && now_s() < end) {
            const size_t known = inbox_.size();
            const auto more = [&] { return closing_ || inbox_.size() > known; };
            if (!inbox_ready_.wait_for(lock, std::chrono::duration<double>(kGatherPause), more) || closing_) return;
        }
    }

    void expire(double now) {
        std::vector<RequestId> late;
        for (const auto & [id, job] : jobs_) {
            if (job->deadline_s > 0 && now >= job->deadline_s) late.push_back(id);
        }
        for (RequestId id : late) end(id, Finish::deadline);
    }

    // The oldest request that waits behind a higher priority for too long has its turn.
    void age(double now) {
        const auto & queue = planner_->queue();
        if (queue.size() < 2 || queue.front()->priority == queue.back()->priority) return;
        RequestId oldest = 0;
        double since = now - options_.priority_wait_s;
        for (const Request * r : queue) {
            const double submitted = jobs_.at(r->id)->event.submitted_s;
            if (r->priority < queue.front()->priority && !r->starved && submitted <= since) {
                since = submitted;
                oldest = r->id;
            }
        }
        if (oldest != 0) planner_->promote(oldest);
    }

    void perform(const std::vector<MemoryOp> & ops) {
        for (const MemoryOp & op : ops) {
            if (op.kind == MemoryOp::remove) {
                if (!llama_memory_seq_rm(memory_, op.seq, op.from, -1)) throw std::logic_error("a sequence was cut that cannot be");
            } else if (unified() && !whole_state_) {
                llama_memory_seq_cp(memory_, op.source, op.seq, 0, op.from);
            } else {
                llama_memory_seq_cp(memory_, op.source, op.seq, -1, -1);
                if (!whole_state_) llama_memory_seq_rm(memory_, op.seq, op.from, -1);
            }
        }
    }

    void note_admissions(double now) {
        for (const Request * r : planner_->running()) {
            Job & job = *jobs_.at(r->id);
            if (job.event.admitted_s != 0) continue;
            job.event.admitted_s = now;
            job.event.cached_tokens = r->cached_tokens;
            std::lock_guard<std::mutex> lock(inbox_mutex_);
            waiting_--;
        }
    }

    void decode(const Plan & plan) {
        const int n = static_cast<int>(plan.rows.size());
        for (int i = 0; i < n; i++) {
            const Row & row = plan.rows[i];
            row_tokens_[i] = row.token;
            row_positions_[i] = row.position;
            row_sequences_[i] = row.seq;
            row_logits_[i] = row.logits;
        }
        llama_batch batch{};
        batch.n_tokens = n;
        batch.token = row_tokens_.data();
        batch.pos = row_positions_.data();
        batch.n_seq_id = row_counts_.data();
        batch.seq_id = row_sequence_pointers_.data();
        batch.logits = row_logits_.data();
        const double start = now_s();
        const bool changes = plan.adapter_set != applied_set_;
        if (changes) {
            options_.adapters.apply(context_, plan.adapter_set);
            applied_set_ = plan.adapter_set;
        }
        const int code = llama_decode(context_, batch);
        if (code == 0) llama_synchronize(context_);
        const double end_of_decode = now_s();
        decode_s_ = end_of_decode - start;
        computed_rows_ += static_cast<uint64_t>(n);
        if (code == 1 && planner_->roll_back(plan)) return;
        if (code != 0) throw std::runtime_error("llama.cpp failed to compute the batch (code " + std::to_string(code) + ")");
        if (!changes) pace_->observe(plan.decode_rows, n - plan.decode_rows, decode_s_);  // a change of adapters takes time of its own
        sample(plan);
        for (Draw & draw : draws_) {
            if (draw.scored >= 0) {
                take_score(draw);
            } else {
                take(draw);
            }
        }
        sampling_s_ = now_s() - end_of_decode;
    }

    // The token of each row that wanted logits. The threads are those that llama.cpp has just computed with (the same
    // OpenMP team, which still spins), so that handing work to them costs nothing; each row has a sampler of its own.
    void sample(const Plan & plan) {
        draws_.clear();
        for (size_t i = 0; i < plan.rows.size(); i++) {
            const Row & row = plan.rows[i];
            if (!row.logits) continue;
            Draw draw;
            draw.request = row.request;
            draw.job = jobs_.at(row.request).get();
            draw.logits = llama_get_logits_ith(context_, static_cast<int32_t>(i));
            if (row.position + 1 < draw.job->event.prompt_tokens) {
                draw.scored = row.position + 1;
                draw.token = planner_->find(row.request)->tokens[static_cast<size_t>(draw.scored)];
            }
            draws_.push_back(std::move(draw));
        }
        const int n = static_cast<int>(draws_.size());
        const int threads = n < kParallelRows ? 1 : options_.context.n_threads;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
        for (int i = 0; i < n; i++) {
            Draw & draw = draws_[i];
            try {
                static const std::vector<Token> none;
                if (draw.scored >= 0) {
                    std::vector<Scored> best;
                    draw.logprobs = logprobs_of(draw.logits, llama_vocab_n_tokens(vocab_), draw.token, draw.job->prompt_logprobs, best);
                } else if (draw.job->max_tokens == 0) {
                    draw.token = kPromptOnly;
                } else {
                    draw.token = draw.job->sampler.sample(draw.logits, draw.job->ignore_eos ? end_tokens_ : none);
                }
            } catch (const RequestError & e) {
                draw.job->event.message = e.what();
                draw.refused = true;
            } catch (const std::exception & e) {  // must not leave the parallel region
                draw.job->event.message = e.what();
            }
        }
    }

    // A position that was computed before, and was lost with its cells, is told once.
    void take_score(Draw & draw) {
        Job & job = *draw.job;
        begin_scores(draw.request, job);
        if (draw.scored != job.scored) return;
        job.event.prompt_logprobs.push_back(std::move(draw.logprobs));
        job.scored++;
    }

    // The first token has nothing before it that could make it likely.
    void begin_scores(RequestId id, Job & job) {
        if (job.prompt_logprobs < 0 || job.scored > 0) return;
        job.event.prompt_logprobs.push_back({{planner_->find(id)->tokens[0], 0.0f}});
        job.scored = 1;
    }

    void take(const Draw & draw) {
        Job & job = *draw.job;
        const Token token = draw.token;
        begin_scores(draw.request, job);
        if (token == kTextComplete) return end(draw.request, Finish::stop);
        if (token == kPromptOnly) return end(draw.request, Finish::length);
        if (token < 0) return end(draw.request, draw.refused ? Finish::refused : Finish::error);
        Event & event = job.event;
        if (event.completion_tokens++ == 0) event.first_token_s = now_s();
        completion_tokens_++;
        event.tokens.push_back(token);
        event.thought_tokens = job.sampler.thought_tokens();
        if (job.logprobs) event.logprobs.push_back(job.sampler.logprobs());
        if (llama_vocab_is_eog(vocab_, token)) {
            event.end_token = token;
            return end(draw.request, Finish::stop);
        }
        const std::string bytes = job.sampler.text_of(token);
        const int stop = job.text.feed(bytes.data(), bytes.size(), event.text, job.sampler.stops_apply());
        if (stop >= 0) {
            event.stop = job.text.stop(stop);
            return end(draw.request, Finish::stop);
        }
        const bool room = planner_->append(draw.request, token);
        if (!room || event.completion_tokens == job.max_tokens) end(draw.request, Finish::length);
    }

    // The batch could not be computed: everything that runs is lost, the queue is not.
    void fail_all(const std::string & why) {
        std::vector<RequestId> lost;
        for (const Request * r : planner_->running()) lost.push_back(r->id);
        for (RequestId id : lost) {
            jobs_.at(id)->event.message = why;
            end(id, Finish::error);
        }
        planner_->forget();  // its operations are all done by this one:
        llama_memory_clear(memory_, true);
    }

    void end(RequestId id, Finish reason) {
        auto found = jobs_.find(id);
        if (found == jobs_.end()) return;
        Job & job = *found->second;
        if (const Request * r = planner_->find(id)) job.event.preemptions = r->preemptions;
        if (job.event.admitted_s == 0) {
            std::lock_guard<std::mutex> lock(inbox_mutex_);
            waiting_--;
        }
        planner_->end(id);
        finish(job, reason);
        jobs_.erase(found);
    }

    void finish(Job & job, Finish reason) {
        if (job.event.stop.empty()) job.text.finish(job.event.text);
        job.event.finish = reason;
        job.event.finished_s = now_s();
        ready_.push_back(std::move(job.event));
    }

    // Hands over finished requests and the streams whose turn it is. A message costs the server and the client time,
    // which a model of a few milliseconds a token feels: a stream gets one at most every kMessagePause, and all
    // streams together messages_per_s. So a token goes out at once where it took longer than that.
    void hand_over(int streams) {
        const double interval = std::max(kMessagePause, streams / options_.messages_per_s);
        const double now = now_s();
        for (auto & [id, job] : jobs_) {
            Event & event = job->event;
            if ((event.tokens.empty() && event.prompt_logprobs.empty()) || (job->handed_s > 0 && now - job->handed_s < interval)) continue;
            job->handed_s = now;
            Event out;
            out.request = id;
            out.text.swap(event.text);
            out.tokens.swap(event.tokens);
            out.logprobs.swap(event.logprobs);
            out.prompt_logprobs.swap(event.prompt_logprobs);
            ready_.push_back(std::move(out));
        }
    }

    void wake() {
        if (ready_.empty()) return;
        {
            std::lock_guard<std::mutex> lock(outbox_mutex_);
            for (Event & event : ready_) outbox_.push_back(std::move(event));
        }
        ready_.clear();
        const uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(event_fd_, &one, sizeof one);
    }

    void publish(double step_s, bool computed) {
        std::lock_guard<std::mutex> lock(stats_mutex_);
        EngineStats & s = stats_;
        s.busy = planner_->busy();
        s.queued = planner_->queued();
        s.cells = planner_->cells();
        s.cells_used = planner_->cells_used();
        s.cached_sequences = planner_->cached_sequences();
        s.requests = requests_;
        s.prompt_tokens = prompt_tokens_;
        s.cached_tokens = planner_->stats().cached_tokens;
        s.completion_tokens = completion_tokens_;
        s.steps += computed;
        s.preemptions = planner_->stats().preemptions;
        s.evictions = planner_->stats().evictions;
        s.checkpoints = planner_->stats().checkpoints;
        s.computed_rows = computed_rows_;
        s.decode_s += decode_s_;
        s.sampling_s += sampling_s_;
        s.scheduling_s += step_s - decode_s_ - sampling_s_;
        slot_states_.clear();
        for (const Request * r : planner_->running()) {
            const int total = static_cast<int>(r->tokens.size());
            const int done = planner_->computed(r);
            slot_states_.push_back({r->id, r->prompt_tokens, r->cached_tokens, done, total - r->prompt_tokens, total - done <= 1});
        }
    }

    EngineOptions options_;
    llama_model * model_;
    const llama_vocab * vocab_;
    llama_context * context_ = nullptr;
    llama_memory_t memory_ = nullptr;
    bool whole_state_ = false;
    int sequences_ = 1, request_tokens_ = 0;
    int applied_set_ = 0;  // the set of adapters that the context computes with now
    std::unique_ptr<Planner> planner_;
    std::unique_ptr<StepPace> pace_;
    std::vector<Token> end_tokens_;

    std::vector<Token> row_tokens_;
    std::vector<llama_pos> row_positions_;
    std::vector<int32_t> row_counts_;
    std::vector<llama_seq_id> row_sequences_;
    std::vector<llama_seq_id *> row_sequence_pointers_;
    std::vector<int8_t> row_logits_;

    std::mutex inbox_mutex_;
    std::condition_variable inbox_ready_;
    std::vector<std::unique_ptr<Job>> inbox_;
    std::vector<RequestId> cancels_;
    std::vector<uint64_t> forgotten_scopes_;
    RequestId next_id_ = 1;
    int waiting_ = 0;  // submitted and not yet admitted
    bool closing_ = false;

    Jobs jobs_;  // the thread's own
    std::vector<Draw> draws_;
    std::vector<Event> ready_;
    uint64_t requests_ = 0, prompt_tokens_ = 0, completion_tokens_ = 0, computed_rows_ = 0;
    double decode_s_ = 0, sampling_s_ = 0;
    std::atomic<double> step_began_s_ = 0;

    std::mutex outbox_mutex_;
    std::vector<Event> outbox_;
    int event_fd_ = -1;

    mutable std::mutex stats_mutex_;
    EngineStats stats_;
    std::vector<SlotState> slot_states_;
    std::thread thread_;  // last: it starts when all else is there
};

}  // namespace echorator
