"""Calibrated confidence: maps how well a memory fits a question to the probability that it is relevant.

The fit of a memory is a logistic function of three numbers that mean the same with every embedder: its evidence, which is its score in
standard deviations above the pool's mean, and, since in a small namespace the best of a few is far above the mean whatever is asked, its
cosine and the share of the question's words (by idf) that it has. The curve from fit to probability is an isotonic regression (pool
adjacent violators: Ayer et al. 1955; Zadrozny and Elkan 2002). Every namespace begins with `DEFAULT_CURVE`, which takes the fit for the
probability; feedback replaces it with a fitted curve (`namespace`). The expected calibration error (Guo et al. 2017) says how
good a curve is. `cognition` reads the confidences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MAX_POINTS = 64
SAMPLES = "confidence"  # name of the document that holds the feedback; fits of an older definition are in "calibration"


EVIDENCE, COVERAGE, COSINE, PRIOR = 0.6, 2.0, 2.0, -6.2
"""Round weights of the fit, set by hand. Of the first 50 memories of a recall on chats and dialogues, with vectors of MiniLM and hashed
ones, it says 1.7 to 4.1 per cent where 2.4 to 5.8 are relevant; its expected calibration error is between 0.01 and 0.04."""


def fit_of(similarity: npt.ArrayLike, coverage: npt.ArrayLike, evidence: npt.ArrayLike) -> Floats:
    """Return the fit, 0..1, from cosines, coverages (shares of the question's words) and evidences of equal shape."""
    cosine, covered = np.clip(np.asarray(similarity, np.float64), 0.0, 1.0), np.clip(np.asarray(coverage, np.float64), 0.0, 1.0)
    logit = EVIDENCE * np.asarray(evidence, np.float64) + COVERAGE * covered + COSINE * cosine + PRIOR
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))


@dataclass(frozen=True)
class Curve:
    """A non-decreasing, piecewise linear map from fit to confidence; `scores` rise, `samples` counts what the curve was fitted to."""

    scores: tuple[float, ...]
    confidences: tuple[float, ...]
    samples: int
    expected_error: float

    def confidence(self, scores: npt.ArrayLike) -> Floats:
        """Return the confidences, 0..1, in the shape of `scores`; beyond the ends the curve is flat."""
        x = np.asarray(scores, np.float64)
        ends = np.append(self.confidences, self.confidences[-1])[np.searchsorted(self.scores, x)]
        confidences: Floats = np.minimum(np.interp(x, self.scores, self.confidences), ends)  # interp may round to above a piece's end
        return confidences


DEFAULT_CURVE = Curve((0.0, 1.0), (0.0, 1.0), 0, 0.0)
"""The fit itself, until feedback says how often memories of a fit are relevant in a namespace."""


def fit(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> Curve:
    """Fit the isotonic curve of at most `MAX_POINTS` points through (score, whether the memory was relevant).

    Each pooled block has one success and one failure added (Laplace), so few samples never yield 0 or 1.

    Raises:
        ValueError: there is nothing to fit, or the two arguments differ in length.
    """
    x, y = np.asarray(scores, np.float64).ravel(), np.asarray(relevant, np.float64).ravel()
    if not len(x) or len(x) != len(y):
        raise ValueError("as many scores as outcomes are needed, at least one")
    places, which, counts = np.unique(x, return_inverse=True, return_counts=True)  # tied scores are one block
    raw = _pooled(np.stack([np.bincount(which, y), counts, places * counts], axis=1).tolist())
    blocks = _pooled([[n * (good + 1) / (n + 2), n, at] for good, n, at in raw])
    if len(blocks) > MAX_POINTS:
        chosen = np.linspace(0, len(blocks) - 1, MAX_POINTS).round().astype(int)
        blocks = [blocks[i] for i in chosen]
    points = [(block[2] / block[1], block[0] / block[1]) for block in blocks]
    confidences = np.maximum.accumulate([p for _, p in points])
    curve = Curve(tuple(s for s, _ in points), tuple(float(c) for c in confidences), len(x), 0.0)
    return Curve(curve.scores, curve.confidences, curve.samples, expected_calibration_error(curve.confidence(x), y))


def _pooled(rows: list[list[float]]) -> list[list[float]]:
    """Merge rows of (sum of y, count, sum of x), ordered by x, until the means of y rise."""
    blocks: list[list[float]] = []
    for row in rows:
        blocks.append(row)
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return blocks


def expected_calibration_error(confidences: npt.ArrayLike, relevant: npt.ArrayLike, bins: int = 10) -> float:
    """Return the mean over bins of equal width of |mean confidence - share that was relevant|, weighted by the bins' counts."""
    p, y = np.asarray(confidences, np.float64).ravel(), np.asarray(relevant, np.float64).ravel()
    place = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[place == b].mean() - y[place == b].mean()) * (place == b).mean() for b in range(bins) if (place == b).any()))
