# distutils: language = c++
"""The pure C++ core for pytest and Hypothesis: prefix tree, planner, text stream, logit scans, step pace."""

from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

from headers.batch_planner cimport Planner as CPlanner
from headers.kv_ledger cimport Layout
from headers.logits cimport argmax as c_argmax
from headers.logits cimport log_sum_exp as c_log_sum_exp
from headers.logits cimport top_k as c_top_k
from headers.plan cimport Plan as CPlan
from headers.plan cimport PlannerConfig
from headers.plan cimport Request as CRequest
from headers.prefix_tree cimport PrefixTree as CTree
from headers.step_pace cimport StepPace as CPace
from headers.text_stream cimport TextStream as CText


cdef extern from * namespace "echorator" nogil:
    """
    #include "batch_planner.hpp"
    #include "logits.hpp"
    #include "step_pace.hpp"
    #include "text_stream.hpp"
    namespace echorator {
    inline std::vector<std::pair<size_t, std::vector<int>>> path(const PrefixTree & tree, const std::vector<Token> & prompt) {
        std::vector<std::pair<size_t, std::vector<int>>> out;
        tree.match(prompt.data(), prompt.size(), [&](size_t matched, const SeqSet & holders) {
            std::vector<int> seqs;
            for (int i = 0; i < kMaxSequences; i++) {
                if (holders.test(i)) seqs.push_back(i);
            }
            out.emplace_back(matched, seqs);
        });
        return out;
    }
    inline std::vector<RequestId> ids(const Planner & p, bool running) {
        std::vector<RequestId> out;
        if (running) for (const Request * r : p.running()) out.push_back(r->id);
        else for (const Request * r : p.queue()) out.push_back(r->id);
        return out;
    }
    }
    """
    vector[pair[size_t, vector[int]]] path(const CTree & tree, const vector[int32_t] & prompt)
    vector[uint64_t] ids(const CPlanner & planner, cbool running)


cdef class PrefixTree:
    cdef CTree tree

    def insert(self, int seq, tokens):
        cdef vector[int32_t] t = tokens
        self.tree.insert(seq, t.data(), t.size())

    def extend(self, int seq, int token):
        self.tree.extend(seq, token)

    def truncate(self, int seq, size_t n):
        self.tree.truncate(seq, n)

    def erase(self, int seq):
        self.tree.erase(seq)

    def length(self, int seq):
        return self.tree.length(seq)

    def nodes(self):
        return self.tree.nodes()

    def tokens(self, int seq):
        return self.tree.tokens(seq)

    def match(self, prompt):
        return [(m, list(s)) for m, s in path(self.tree, prompt)]


cdef _plan(CPlan & plan):
    return {
        "ops": [(("remove", "copy")[op.kind], op.seq, op.source, op.position) for op in plan.ops],
        "rows": [(r.request, r.seq, r.token, r.position, r.logits) for r in plan.rows],
        "decode_rows": plan.decode_rows,
        "adapter_set": plan.adapter_set,
    }


cdef class Planner:
    cdef unique_ptr[CPlanner] planner
    cdef CPlan last

    def __init__(self, *, int slots, int sequences, int cells, int request_tokens, int budget_tokens, int queue_limit=1000,
                 str layout="unified", bint whole_state=False, bint prefix_cache=True, int worth_sharing=1, int worth_waiting=4,
                 int worth_keeping=4, int starvation_limit=64, int turn_steps=4):
        cdef PlannerConfig c
        c.slots, c.sequences, c.cells, c.request_tokens = slots, sequences, cells, request_tokens
        c.budget_tokens, c.queue_limit = budget_tokens, queue_limit
        c.layout = Layout.unified if layout == "unified" else Layout.separate
        c.whole_state, c.prefix_cache = whole_state, prefix_cache
        c.worth_sharing, c.worth_waiting, c.worth_keeping = worth_sharing, worth_waiting, worth_keeping
        c.starvation_limit, c.turn_steps = starvation_limit, turn_steps
        self.planner.reset(new CPlanner(c))

    def submit(self, uint64_t request, prompt, int priority=0, bint use_cache=True, uint64_t scope=0, int adapter_set=0):
        code = self.planner.get().submit(request, prompt, priority, use_cache, scope, False, adapter_set)
        return ("ok", "queue_full", "empty_prompt", "too_long")[<int> code]

    def forget_scope(self, uint64_t scope):
        self.planner.get().forget_scope(scope)

    def promote(self, uint64_t request):
        return self.planner.get().promote(request)

    def end(self, uint64_t request):
        self.planner.get().end(request)

    def append(self, uint64_t request, int token):
        return self.planner.get().append(request, token)

    def plan(self, int prefill_budget=2147483647):
        self.last = self.planner.get().plan(prefill_budget)
        return _plan(self.last)

    def roll_back(self):
        return self.planner.get().roll_back(self.last)

    def forget(self):
        return [(("remove", "copy")[op.kind], op.seq, op.source, op.position) for op in self.planner.get().forget()]

    def request(self, uint64_t request):
        cdef const CRequest * r = self.planner.get().find(request)
        return None if r is NULL else (r.prompt_tokens, r.cached_tokens, r.preemptions)

    def state(self):
        cdef CPlanner * p = self.planner.get()
        return {
            "idle": p.idle(), "running": list(ids(p[0], True)), "queue": list(ids(p[0], False)), "cells_used": p.cells_used(),
            "cells": p.cells(), "cached_sequences": p.cached_sequences(), "tree_nodes": p.tree_nodes(),
            "admitted": p.stats().admitted, "preemptions": p.stats().preemptions, "evictions": p.stats().evictions,
            "cached_tokens": p.stats().cached_tokens, "checkpoints": p.stats().checkpoints,
        }


cdef class TextStream:
    cdef unique_ptr[CText] text

    def __init__(self, stops=()):
        self.text.reset(new CText([s.encode() for s in stops]))

    def feed(self, bytes data):
        """Returns (bytes that may be sent, index of the stop text that matched or -1)."""
        cdef string out
        which = self.text.get().feed(data, len(data), out)
        return <bytes> out, which

    def finish(self):
        cdef string out
        self.text.get().finish(out)
        return <bytes> out


def argmax(const float[::1] x):
    return c_argmax(&x[0], <int> x.shape[0])


def top_k(const float[::1] x, int k):
    cdef vector[pair[float, int32_t]] out
    c_top_k(&x[0], <int> x.shape[0], k, out)
    return [(t, v) for v, t in out]


def log_sum_exp(const float[::1] x):
    return c_log_sum_exp(&x[0], <int> x.shape[0])


cdef class StepPace:
    cdef unique_ptr[CPace] pace

    def __init__(self, double stall_factor, int most_tokens):
        self.pace.reset(new CPace(stall_factor, most_tokens))

    def prefill_budget(self, int streams, int waiting):
        return self.pace.get().prefill_budget(streams, waiting)

    def observe(self, int streams, int prefill_rows, double seconds):
        self.pace.get().observe(streams, prefill_rows, seconds)
