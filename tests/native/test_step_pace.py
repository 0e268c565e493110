"""The prefill budget settles where a mixed step takes the allowed time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.planner_harness import StepPace
from tests.support.rounds import rounds


@given(
    factor=st.floats(1.2, 4),
    quiet_s=st.floats(1e-3, 0.1),
    fixed_share=st.floats(0, 0.5),
    per_token_share=st.floats(1e-3, 1e-2),
)
@settings(max_examples=rounds(200))
def test_it_settles_at_the_target(factor: float, quiet_s: float, fixed_share: float, per_token_share: float) -> None:
    pace = StepPace(factor, 4096)

    def took(prefill: int) -> float:
        return quiet_s * (1 + (fixed_share + per_token_share * prefill if prefill else 0))

    for _ in range(20):
        pace.observe(8, 0, took(0))
    for _ in range(200):
        budget = pace.prefill_budget(8, 1)
        pace.observe(8, budget, took(budget))
    target = factor * quiet_s
    if took(32) <= target <= took(4096):
        assert took(pace.prefill_budget(8, 1)) == pytest.approx(target, rel=0.1)
    else:
        assert pace.prefill_budget(8, 1) in (32, 4096)


def test_many_who_wait_are_not_held_up_by_few_who_stream() -> None:
    pace = StepPace(2.0, 512)
    for _ in range(20):
        pace.observe(8, 0, 0.003)
        pace.observe(8, 40, 0.006)
    assert pace.prefill_budget(8, 1) == pytest.approx(40, abs=1)
    assert pace.prefill_budget(9, 2) == pytest.approx(40, abs=1)
    assert pace.prefill_budget(8, 2) == 512
    assert pace.prefill_budget(0, 1) == 512


def test_a_prompt_always_gets_on() -> None:
    pace = StepPace(1.0, 512)
    for _ in range(100):
        pace.observe(8, 0, 0.001)
        pace.observe(8, pace.prefill_budget(8, 1), 10.0)
    assert pace.prefill_budget(8, 1) == 32
