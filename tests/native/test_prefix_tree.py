"""The radix tree against plain lists."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from echorator._native.planner_harness import PrefixTree
from tests.support.rounds import rounds

tokens = st.lists(st.integers(0, 2), max_size=12)
sequences = st.integers(0, 7)


def common(a: list[int], b: list[int]) -> int:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


class TreeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tree = PrefixTree()
        self.held: dict[int, list[int]] = {}

    @rule(seq=sequences, new=tokens)
    def insert(self, seq: int, new: list[int]) -> None:
        if seq in self.held:
            self.tree.erase(seq)
        self.tree.insert(seq, new)
        self.held[seq] = list(new)

    @rule(seq=sequences, token=st.integers(0, 2))
    def extend(self, seq: int, token: int) -> None:
        if seq in self.held:
            self.tree.extend(seq, token)
            self.held[seq].append(token)

    @rule(seq=sequences, n=st.integers(0, 12))
    def truncate(self, seq: int, n: int) -> None:
        if seq in self.held:
            n = min(n, len(self.held[seq]))
            self.tree.truncate(seq, n)
            del self.held[seq][n:]

    @rule(seq=sequences)
    def erase(self, seq: int) -> None:
        self.tree.erase(seq)
        self.held.pop(seq, None)

    @rule(prompt=tokens)
    def match(self, prompt: list[int]) -> None:
        path = self.tree.match(prompt)
        for matched, holders in path:
            assert holders, "a node without a holder"
            for seq in holders:
                assert common(self.held[seq], prompt) >= matched
        deepest: dict[int, int] = {}
        for matched, holders in path:
            for seq in holders:
                deepest[seq] = max(deepest.get(seq, 0), matched)
        for seq, held in self.held.items():
            assert deepest.get(seq, 0) == common(held, prompt)

    @invariant()
    def holds_what_was_put_in(self) -> None:
        for seq, held in self.held.items():
            assert self.tree.tokens(seq) == held
            assert self.tree.length(seq) == len(held)
        if not any(self.held.values()):
            assert self.tree.nodes() == 0


TreeMachine.TestCase.settings = settings(max_examples=rounds(200))
TestPrefixTree = TreeMachine.TestCase
