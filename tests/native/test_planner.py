"""The planner against a simulated memory (`planner_simulation`), under arbitrary submits, cancels and steps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from echorator._native.planner_harness import Planner
from tests.native.planner_simulation import Simulation, alone
from tests.support.rounds import rounds

configs = st.fixed_dictionaries(
    {
        "slots": st.integers(1, 4),
        "budget_tokens": st.integers(4, 24),
        "layout": st.sampled_from(["unified", "separate"]),
        "prefix_cache": st.booleans(),
        "worth_sharing": st.integers(1, 6),
        "worth_waiting": st.integers(1, 6),
        "starvation_limit": st.integers(1, 8),
        "turn_steps": st.integers(1, 5),
    }
)


def simulation(config: dict[str, object], cells: int, extra: int, whole: bool) -> Simulation:
    slots = config["slots"]
    assert isinstance(slots, int)
    unified = config["layout"] == "unified" or whole
    if whole:
        config = config | {"layout": "unified"}
    return Simulation(**config, cells=cells, request_tokens=cells, whole_state=whole, sequences=slots + (extra if unified else 0))


class PlannerMachine(RuleBasedStateMachine):
    @initialize(config=configs, cells=st.integers(12, 60), extra=st.integers(0, 4), whole=st.booleans())
    def start(self, config: dict[str, object], cells: int, extra: int, whole: bool) -> None:
        self.sim = simulation(config, cells, extra, whole)
        self.next_id = 1

    # Prompts from two letters, so that prefixes are shared and part at every position.
    @rule(
        prompt=st.lists(st.integers(1, 2), min_size=1, max_size=40),
        max_tokens=st.integers(1, 12),
        priority=st.integers(-1, 1),
        use_cache=st.booleans(),
        adapter_set=st.integers(0, 2),
    )
    def submit(self, prompt: list[int], max_tokens: int, priority: int, use_cache: bool, adapter_set: int) -> None:
        result = self.sim.submit(self.next_id, prompt, max_tokens, priority, use_cache, adapter_set)
        assert result == ("ok" if len(prompt) < self.sim.config["request_tokens"] else "too_long")
        self.next_id += 1

    # Many prompts that share a long prefix and arrive at once.
    @rule(prefix=st.lists(st.integers(1, 2), min_size=6, max_size=10), count=st.integers(2, 6), sets=st.integers(1, 3))
    def burst(self, prefix: list[int], count: int, sets: int) -> None:
        for i in range(count):
            self.submit([*prefix, 1 + i % 4], 3, 0, True, i % sets)

    @precondition(lambda self: self.sim.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.sim.cancel(data.draw(st.sampled_from(sorted(self.sim.jobs))))

    @precondition(lambda self: self.sim.jobs)
    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        self.sim.planner.promote(data.draw(st.sampled_from(sorted(self.sim.jobs))))

    @rule(prefill_budget=st.integers(1, 24), fails=st.sampled_from([False] * 7 + [True]))
    def step(self, prefill_budget: int, fails: bool) -> None:
        self.sim.step(prefill_budget, fails)

    @invariant()
    def consistent(self) -> None:
        if hasattr(self, "sim"):
            self.sim.check()

    def teardown(self) -> None:
        if hasattr(self, "sim"):
            self.sim.drain()
            self.sim.check_end()


PlannerMachine.TestCase.settings = settings(
    max_examples=rounds(400), stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TestPlanner = PlannerMachine.TestCase


def make(**changes: object) -> Simulation:
    config: dict[str, object] = {
        "slots": 4,
        "sequences": 8,
        "cells": 256,
        "request_tokens": 256,
        "budget_tokens": 64,
        "worth_waiting": 4,
        "worth_keeping": 4,
    }
    return Simulation(**(config | changes))


def test_a_burst_computes_its_prefix_once() -> None:
    sim = make(slots=8, sequences=16)
    prefix = [1, 2] * 20
    for i in range(8):
        sim.submit(i + 1, [*prefix, 3, i % 5], 4)
    sim.drain()
    assert sim.planner.state()["cached_tokens"] >= 7 * len(prefix)
    sim.check_end()


@pytest.mark.parametrize("layout", ["unified", "separate"])
def test_a_prefix_of_a_generating_sequence_is_shared(layout: str) -> None:
    sim = make(layout=layout, sequences=4, cells=128, request_tokens=128)
    sim.submit(1, [1, 2] * 20, 60)
    sim.step()
    sim.step()
    sim.submit(2, [1, 2] * 20, 4)
    sim.step()
    request = sim.planner.request(2)
    assert request is not None
    assert request[1] == 39  # all but the one token that must be computed for its logits
    sim.drain()
    sim.check_end()


def test_a_conversation_goes_on_in_its_sequence_however_short_it_is() -> None:
    sim = make(layout="separate", sequences=4, cells=128, request_tokens=128, worth_sharing=100)
    sim.submit(1, [1, 2] * 10, 4)
    sim.drain()
    sim.submit(2, [1, 2] * 10 + [3, 1], 4)
    sim.submit(3, [1, 2] * 10 + [4, 1], 4)
    sim.step()
    shared = [request[1] for i in (2, 3) if (request := sim.planner.request(i)) is not None]
    assert shared == [20, 0]  # one goes on, and a copy for the other is not worth it
    sim.drain()
    sim.check_end()


def test_a_full_cache_preempts_the_youngest_and_loses_nothing() -> None:
    sim = make(cells=40, request_tokens=40, prefix_cache=False)
    talkative = [p for p in itertools.product([1, 2, 3], repeat=8) if len(alone(list(p), 20, 40)) >= 12]
    for i in range(4):
        sim.submit(i + 1, list(talkative[i]), 20)
    sim.drain()
    assert sim.planner.state()["preemptions"] > 0
    sim.check_end()


def test_priorities_go_first_and_the_others_still_get_on() -> None:
    sim = make(slots=1, sequences=1, starvation_limit=3, prefix_cache=False)
    sim.submit(1, [1, 2], 2, priority=-5)
    for i in range(20):
        sim.submit(i + 2, [2, i % 5], 2, priority=5)
    finished: list[int] = []
    while sim.jobs:
        before = set(sim.done)
        sim.step()
        finished += sorted(set(sim.done) - before)
    assert 1 < finished.index(1) + 1 <= 5  # after three admissions of later ones at most


def test_what_waits_too_long_has_every_second_turn() -> None:
    sim = make(slots=1, sequences=1, starvation_limit=1000, prefix_cache=False)
    for i in range(3):
        sim.submit(i + 1, [1, i], 2, priority=-5)
    for i in range(20):
        sim.submit(i + 10, [2, i % 5], 2, priority=5)
    sim.step()  # the first of the higher priority runs
    begun: list[int] = []
    while sim.jobs:
        for low in (1, 2, 3):
            sim.planner.promote(low)
        before = set(sim.done)
        sim.step()
        begun += sorted(set(sim.done) - before)
    assert [begun.index(low) for low in (1, 2, 3)] == [1, 3, 5]
    sim.check_end()


def test_who_runs_or_has_ended_is_not_promoted() -> None:
    sim = make(slots=1, sequences=1)
    sim.submit(1, [1, 2], 3)
    sim.submit(2, [2, 1], 3)
    sim.step()
    assert not sim.planner.promote(1), "it runs"
    assert not sim.planner.promote(99), "nobody"
    assert sim.planner.promote(2)
    sim.submit(3, [1, 1], 3)
    assert not sim.planner.promote(3), "one at a time"
    sim.cancel(2)
    assert sim.planner.promote(3), "the one before has gone"
    sim.drain()


@pytest.mark.parametrize("whole", [False, True])
def test_the_next_turn_of_a_chat_continues_its_sequence(whole: bool) -> None:
    sim = make(whole_state=whole)
    sim.submit(1, [1, 2, 3, 4] * 8, 6)
    sim.drain()
    answer = sim.done[1].out
    sim.submit(2, [1, 2, 3, 4] * 8 + answer + [1, 1, 1], 4)
    sim.step()
    request = sim.planner.request(2)
    cached = request[1] if request else 0
    assert cached == 32 + len(answer) - 1  # the last sampled token was never computed
    sim.drain()
    sim.check_end()


def test_whole_states_are_kept_where_prompts_part() -> None:
    sim = make(whole_state=True, slots=2, sequences=8)
    prefix = [1, 2, 3, 4] * 8
    for request, tail in ((1, [1, 1, 1]), (2, [2, 2, 2]), (3, [3, 3, 3])):
        sim.submit(request, prefix + tail, 2)
        sim.drain()
    assert sim.planner.state()["checkpoints"] > 0
    sim.submit(4, [*prefix, 4, 4], 2)
    sim.step()
    assert sim.planner.state()["cached_tokens"] >= len(prefix)  # the third and the fourth found the state at the parting
    sim.drain()
    sim.check_end()


@given(n=st.integers(1, 30))
def test_the_queue_is_bounded(n: int) -> None:
    sim = make(queue_limit=5)
    results = [sim.submit(i + 1, [1], 1) for i in range(n)]
    assert results.count("ok") == min(n, 5)
    assert results[5:] == ["queue_full"] * max(0, n - 5)


def test_an_empty_prompt_is_refused() -> None:
    assert make().submit(1, [], 1) == "empty_prompt"


def test_cells_are_shared_within_a_scope_only_and_forgotten_with_it() -> None:
    planner = Planner(slots=2, sequences=8, cells=800, request_tokens=100, budget_tokens=64)
    prompt = list(range(40))

    def cached(request: int, scope: int) -> int:
        assert planner.submit(request, prompt, scope=scope) == "ok"
        planner.plan()
        planner.plan()
        found = planner.request(request)
        assert found is not None
        planner.end(request)
        planner.plan()
        return found[1]

    assert cached(1, scope=7) == 0
    assert cached(2, scope=7) == 39
    assert cached(3, scope=8) == 0
    assert cached(4, scope=0) == 0
    assert cached(5, scope=8) == 39
    planner.forget_scope(7)
    assert cached(6, scope=7) == 0
    assert cached(7, scope=8) == 39


def test_a_scope_that_is_forgotten_while_it_runs_leaves_nothing_behind() -> None:
    planner = Planner(slots=2, sequences=8, cells=800, request_tokens=100, budget_tokens=64)
    prompt = list(range(40))
    planner.submit(1, prompt, scope=7)
    planner.plan()
    planner.forget_scope(7)
    planner.submit(2, prompt, scope=7)  # not from the cells of the one that still runs
    planner.plan()
    found = planner.request(2)
    assert found is not None
    assert found[1] == 0
    planner.end(1)
    planner.end(2)
    planner.plan()
    planner.submit(3, prompt, scope=7)
    planner.plan()
    again = planner.request(3)
    assert again is not None
    assert again[1] == 39  # of request 2, which began after it
