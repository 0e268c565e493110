"""The scans over a row of logits against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native import planner_harness as native
from tests.support.rounds import rounds


def row(seed: int, n: int, distinct: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n).astype(np.float32)
    if distinct:
        x = np.round(x * distinct).astype(np.float32)  # many equals
    x[rng.random(n) < 0.05] = -np.inf
    x[0] = max(x[0], np.float32(-3.0))
    return x


rows = st.builds(row, st.integers(0, 1 << 30), st.integers(1, 3000), st.sampled_from([0, 1, 3]))


@given(x=rows)
@settings(max_examples=rounds(300))
def test_argmax_is_the_first_of_the_largest(x: np.ndarray) -> None:
    assert native.argmax(x) == int(np.argmax(x))


@given(x=rows, k=st.integers(1, 100))
@settings(max_examples=rounds(300))
def test_top_k_is_sorted_with_the_lower_token_first(x: np.ndarray, k: int) -> None:
    order = sorted(range(len(x)), key=lambda i: (-x[i], i))[:k]
    assert native.top_k(x, k) == [(i, x[i]) for i in order]


@given(x=rows)
@settings(max_examples=rounds(100))
def test_log_sum_exp(x: np.ndarray) -> None:
    finite = x.astype(np.float64)
    expected = np.log(np.exp(finite - finite.max()).sum()) + finite.max()
    assert native.log_sum_exp(x) == pytest.approx(expected, rel=1e-9, abs=1e-9)
