"""A simulated memory that obeys llama.cpp's rules, for the planner to plan for.

The simulated model samples a token that depends on all tokens before it, so a request whose cells were shared,
copied, evicted, preempted or rolled back wrongly would answer differently from the same request alone. Each cell also knows the
set of adapters that it was computed with, and each step checks that nothing of another set is in it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from echorator._native.planner_harness import Planner

VOCABULARY = 5
STOP = 0


def sampled(tokens: list[int]) -> int:
    return zlib.crc32(bytes(tokens)) % VOCABULARY


def alone(prompt: list[int], max_tokens: int, request_tokens: int) -> list[int]:
    tokens = list(prompt)
    out: list[int] = []
    while True:
        token = sampled(tokens)
        out.append(token)
        tokens.append(token)
        if token == STOP or len(out) == max_tokens or len(tokens) >= request_tokens:
            return out


@dataclass
class Job:
    prompt: list[int]
    max_tokens: int
    adapter_set: int = 0
    out: list[int] = field(default_factory=list)


class Simulation:
    """A planner, and the memory it believes in. Cells are identities: a shared cell is the same identity twice."""

    def __init__(self, **config: Any) -> None:
        self.config = config
        self.planner = Planner(**config)
        self.whole = bool(config.get("whole_state"))
        self.separate = config.get("layout") == "separate"
        self.tokens: dict[int, list[int]] = {}
        self.cells: dict[int, list[int]] = {}
        self.set_of: list[int] = []  # by cell
        self.waited: dict[int, int] = {}  # steps in a row without a row, by the set of some running request
        self.jobs: dict[int, Job] = {}
        self.done: dict[int, Job] = {}
        self.steps = 0

    def submit(
        self, request: int, prompt: list[int], max_tokens: int, priority: int = 0, use_cache: bool = True, adapter_set: int = 0
    ) -> str:
        result = self.planner.submit(request, prompt, priority, use_cache, 0, adapter_set)
        if result == "ok":
            self.jobs[request] = Job(prompt, max_tokens, adapter_set)
        return result

    def cancel(self, request: int) -> None:
        self.planner.end(request)
        del self.jobs[request]

    def perform(self, ops: list[tuple[str, int, int, int]]) -> None:
        for kind, seq, source, position in ops:
            if kind == "remove":
                assert position == 0 or not self.whole, "a whole state was cut"
                self.tokens[seq] = self.tokens.get(seq, [])[:position]
                self.cells[seq] = self.cells.get(seq, [])[:position]
            else:
                assert not self.tokens.get(seq), "copied into a sequence that is not empty"
                assert len(self.tokens[source]) >= position
                assert len(self.tokens[source]) == position or not self.whole, "a state was copied from where it is not"
                self.tokens[seq] = self.tokens[source][:position]
                self.cells[seq] = self.cells[source][:position]
                if self.separate:
                    self.cells[seq] = [self.new_cell(self.set_of[cell]) for cell in self.cells[seq]]

    def new_cell(self, adapter_set: int) -> int:
        self.set_of.append(adapter_set)
        return len(self.set_of) - 1

    def used(self) -> int:
        return len({c for cells in self.cells.values() for c in cells})

    def step(self, prefill_budget: int = 1 << 30, fails: bool = False) -> None:
        self.steps += 1
        running = {self.jobs[request].adapter_set for request in self.planner.state()["running"]}
        plan = self.planner.plan(prefill_budget)
        self.waited = {one: self.waited.get(one, 0) + 1 for one in running if one != plan["adapter_set"] or not plan["rows"]}
        self.perform(plan["ops"])
        rows = plan["rows"]
        assert len(rows) <= self.config["budget_tokens"], "the token budget was exceeded"
        if plan["decode_rows"]:
            assert len(rows) - plan["decode_rows"] <= prefill_budget, "prefill took more than its share"
        if fails and rows:
            if not self.planner.roll_back():  # nothing to free: what runs is lost, as in the engine
                for request in self.planner.state()["running"]:
                    self.cancel(request)
            return
        wants = {}
        for request, seq, token, position, logits in rows:
            assert self.jobs[request].adapter_set == plan["adapter_set"], "a request was computed with adapters that are not its own"
            held = self.tokens.setdefault(seq, [])
            assert len(held) == position, "a row does not continue its sequence"
            held.append(token)
            self.cells.setdefault(seq, []).append(self.new_cell(plan["adapter_set"]))
            assert {self.set_of[cell] for cell in self.cells[seq]} == {plan["adapter_set"]}, "cells of other adapters are read"
            if logits:
                wants[request] = held
        if self.separate:
            assert all(len(c) <= self.config["cells"] for c in self.cells.values()), "a stream overflowed"
        else:
            assert self.used() <= self.config["cells"], "more cells than there are"
        for request, held in wants.items():
            job = self.jobs[request]
            assert held == job.prompt + job.out, "a sequence holds other tokens than its request"
            token = sampled(held)
            job.out.append(token)
            if token == STOP or len(job.out) == job.max_tokens or not self.planner.append(request, token):
                self.done[request] = self.jobs.pop(request)
                self.planner.end(request)

    def drain(self) -> None:
        bound = self.steps + 200 + 40 * sum(len(j.prompt) + j.max_tokens for j in self.jobs.values())
        while self.jobs:
            self.step()
            assert self.steps < bound, "a request starves"

    def check(self) -> None:
        state = self.planner.state()
        assert len(state["running"]) <= self.config["slots"]
        assert set(state["running"]) | set(state["queue"]) == set(self.jobs)

    def check_end(self) -> None:
        for job in self.done.values():
            assert job.out == alone(job.prompt, job.max_tokens, self.config["request_tokens"])
        self.perform(self.planner.forget())
        assert not any(self.tokens.values()), "a cell leaked"
        state = self.planner.state()
        assert state["cells_used"] == 0
        assert state["tree_nodes"] == 0
        assert state["cached_sequences"] == 0
        assert state["idle"]
