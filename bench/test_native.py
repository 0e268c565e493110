"""Benchmarks the native parts that run at every step, with pytest-benchmark: python -m pytest bench --benchmark-only."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from echorator._native import planner_harness as native


def test_planner_step_of_32_streams(benchmark: BenchmarkFixture) -> None:
    rng = random.Random(1)
    planner = native.Planner(slots=32, sequences=64, cells=65_536, request_tokens=65_536, budget_tokens=2048)
    for request in range(1, 33):
        planner.submit(request, [rng.randrange(30_000) for _ in range(24)])

    def step() -> None:
        for request, _, _, _, logits in planner.plan()["rows"]:
            if logits:
                planner.append(request, 7)

    benchmark(step)


def test_match_of_2000_tokens_among_64_sequences(benchmark: BenchmarkFixture) -> None:
    rng = random.Random(1)
    tree = native.PrefixTree()
    prefix = [rng.randrange(30_000) for _ in range(1900)]
    for seq in range(64):
        tree.insert(seq, [*prefix[: 30 * seq], *(rng.randrange(30_000) for _ in range(200))])
    prompt = [*prefix, *(rng.randrange(30_000) for _ in range(100))]
    assert benchmark(tree.match, prompt)[-1][0] >= 1890


def test_text_of_a_token(benchmark: BenchmarkFixture) -> None:
    text = native.TextStream(["</answer>", "\n\n"])
    benchmark(text.feed, " répondre".encode())


@pytest.mark.parametrize("vocabulary", [32_000, 150_000])
def test_argmax(benchmark: BenchmarkFixture, vocabulary: int) -> None:
    benchmark(native.argmax, np.random.default_rng(1).standard_normal(vocabulary).astype(np.float32))


@pytest.mark.parametrize("vocabulary", [32_000, 150_000])
def test_top_40(benchmark: BenchmarkFixture, vocabulary: int) -> None:
    benchmark(native.top_k, np.random.default_rng(1).standard_normal(vocabulary).astype(np.float32), 40)
