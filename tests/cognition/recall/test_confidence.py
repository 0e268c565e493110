"""The calibrated curve: near the truth, well calibrated on what it has not seen, monotone whatever it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echorator.cognition.recall.confidence import DEFAULT_CURVE, MAX_POINTS, Curve, expected_calibration_error, fit, fit_of
from tests.support.rounds import rounds

Floats = npt.NDArray[np.float64]
GRID = np.linspace(-0.5, 1.5, 201)
SAMPLES = st.lists(st.tuples(st.floats(-10, 10), st.booleans()), min_size=1, max_size=200)


def truth(scores: Floats) -> Floats:
    return 0.05 + 0.9 / (1 + np.exp(-12 * (scores - 0.55)))


def drawn(count: int, seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    scores = random.random(count)
    return scores, random.random(count) < truth(scores)


def test_a_known_curve_is_recovered() -> None:
    curve = fit(*drawn(20_000, 1))
    grid = np.linspace(0.05, 0.95, 50)
    assert np.abs(curve.confidence(grid) - truth(grid)).mean() < 0.03
    assert np.abs(curve.confidence(grid) - truth(grid)).max() < 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "error"), [(2000, 0.04), (20_000, 0.03)])
def test_it_is_calibrated_on_what_it_has_not_seen(count: int, error: float, seed: int) -> None:
    curve = fit(*drawn(count, seed))
    scores, relevant = drawn(20_000, 100 + seed)
    assert expected_calibration_error(curve.confidence(scores), relevant) < error
    assert curve.samples == count


@settings(max_examples=rounds(200))
@given(SAMPLES)
@example([(0.0, True), (0.0, True), (0.0, True), (1.5e-145, False), (-9.905304089065368, False)])  # interpolation rounded to above the end
def test_monotone_and_never_certain(samples: list[tuple[float, bool]]) -> None:
    curve = fit([s for s, _ in samples], [r for _, r in samples])
    confidences = curve.confidence(np.linspace(-12, 12, 301))
    assert (np.diff(confidences) >= 0).all()
    assert confidences.min() > 0
    assert confidences.max() < 1
    assert (np.diff(curve.scores) >= 0).all()
    assert len(curve.scores) == len(curve.confidences) <= MAX_POINTS
    assert curve.samples == len(samples)
    assert 0 <= curve.expected_error <= 1


@pytest.mark.parametrize("relevant", [[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]])
def test_tied_scores_do_not_hang_on_their_order(relevant: list[int]) -> None:
    assert fit([0.5] * 4, relevant).confidence(GRID) == pytest.approx(0.5)


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("good", [True, False])
def test_one_class_is_smoothed_by_laplace(count: int, good: bool) -> None:
    curve = fit(np.linspace(0, 1, count), [good] * count)
    assert curve.confidence(GRID) == pytest.approx((count * good + 1) / (count + 2))


def test_more_points_than_are_kept() -> None:
    scores, relevant = drawn(200_000, 3)
    assert len(fit(scores, relevant).scores) <= MAX_POINTS


@pytest.mark.parametrize(("scores", "relevant"), [([], []), ([0.5], []), ([0.1, 0.2], [True])])
def test_nothing_to_fit(scores: list[float], relevant: list[bool]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit(scores, relevant)


def test_between_and_beyond_the_points() -> None:
    curve = Curve((0.0, 1.0), (0.2, 0.6), 10, 0.0)
    assert curve.confidence([-5, 0, 0.25, 1, 5]) == pytest.approx([0.2, 0.2, 0.3, 0.6, 0.6])
    assert curve.confidence(np.zeros((2, 3))).shape == (2, 3)


def test_the_curve_that_ships_takes_the_fit_for_the_probability() -> None:
    assert DEFAULT_CURVE.confidence(GRID) == pytest.approx(np.clip(GRID, 0, 1))


@pytest.mark.parametrize(
    ("confidences", "relevant", "error"),
    [
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1], 0.0),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.75] * 4, [1, 1, 1, 0], 0.0),
        ([0.25] * 4 + [0.95] * 4, [1, 0, 0, 0, 0, 0, 0, 0], 0.475),  # by hand: 0 and 0.95, half of the samples each
    ],
)
def test_expected_calibration_error(confidences: list[float], relevant: list[int], error: float) -> None:
    assert expected_calibration_error(confidences, relevant) == pytest.approx(error)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-20, 20))
def test_a_fit_is_a_probability_that_rises_with_each_measure(similarity: float, coverage: float, evidence: float) -> None:
    fitting = fit_of(similarity, coverage, evidence)
    assert 0 < fitting < 1
    assert fit_of(min(1.0, similarity + 0.1), coverage, evidence) >= fitting
    assert fit_of(similarity, min(1.0, coverage + 0.1), evidence) >= fitting
    assert fit_of(similarity, coverage, evidence + 0.1) > fitting


def test_the_best_of_a_few_is_sure_only_where_it_shares_something_with_the_question() -> None:
    best = 2.0  # standard deviations that a single memory is above the mean of its pool
    assert fit_of(0.1, 0.0, best) < 0.02
    assert fit_of(0.6, 1.0, best) > 0.1
