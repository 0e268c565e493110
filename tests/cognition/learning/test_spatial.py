"""The map: two axes that stay where they were when memories are added, and that any number of memories gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cognition.learning.spatial import MAX_FIT, Basis, fit, project
from echorator.cognition.memory import Vector
from tests.support.rounds import rounds

DIMENSION = 32


def cloud(count: int, seed: int = 0) -> Vector:
    """Two strong directions, the second nearly as strong as the first: that is where axes like to spin."""
    random = np.random.default_rng(seed)
    scales = np.full(DIMENSION, 0.2)
    scales[:2] = 1.0, 0.97
    turn, _ = np.linalg.qr(np.random.default_rng(99).standard_normal((DIMENSION, DIMENSION)))
    return np.asarray(random.standard_normal((count, DIMENSION)) * scales @ turn + 0.3, np.float32)


def span_of(points: Vector) -> float:
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_any_number_of_memories(count: int) -> None:
    vectors = cloud(count)
    basis = fit(vectors)
    points = project(basis, vectors)
    assert points.shape == (count, 2)
    assert points.dtype == basis.mean.dtype == basis.axes.dtype == np.float32
    assert np.isfinite(points).all()
    assert basis.axes.shape == (2, DIMENSION)
    assert (basis.fitted, basis.version) == (count, 1)
    assert 0 <= basis.explained <= 1 + 1e-9


@pytest.mark.parametrize("count", [2, 3, 100, 1000])
def test_identical_vectors_are_one_point(count: int) -> None:
    vectors = np.repeat(cloud(1), count, axis=0)
    basis = fit(vectors)
    assert np.abs(project(basis, vectors)).max() < 1e-4
    assert np.isfinite(basis.axes).all()
    assert basis.explained == 0  # rounding of the mean is no variance


def test_two_memories_lie_on_a_line() -> None:
    vectors = cloud(2)
    basis = fit(vectors)
    a, b = project(basis, vectors)
    assert np.linalg.norm(a - b) == pytest.approx(float(np.linalg.norm(vectors[0] - vectors[1])), rel=1e-3)
    assert basis.explained == pytest.approx(1)


def test_the_axes_are_the_principal_ones() -> None:
    vectors = cloud(2000)
    basis = fit(vectors)
    np.testing.assert_allclose(basis.axes @ basis.axes.T, np.eye(2), atol=1e-5)
    covariance = np.cov(vectors.T)
    best = np.sort(np.linalg.eigvalsh(covariance))[-2:].sum() / np.trace(covariance)
    assert basis.explained == pytest.approx(best, rel=1e-4)
    assert project(basis, vectors).var(axis=0).sum() == pytest.approx(basis.explained * np.trace(covariance), rel=1e-2)


def test_signs_do_not_hang_on_the_order() -> None:
    vectors = cloud(500)
    np.testing.assert_allclose(fit(vectors).axes, fit(vectors[::-1]).axes, atol=1e-4)


def test_a_tenth_more_memories_moves_the_old_points_by_little() -> None:
    """Less than 3 % of the map's size in the mean, 10 % for the farthest."""
    for seed in range(10):
        old = cloud(300, seed)
        before = fit(old)
        after = fit(np.vstack([old, cloud(30, 1000 + seed)]), before)
        size = span_of(project(before, old))
        moved = np.linalg.norm(project(after, old) - project(before, old), axis=1)
        assert moved.mean() < 0.03 * size
        assert moved.max() < 0.10 * size
        assert after.version == before.version + 1


@settings(max_examples=rounds(40))
@given(st.floats(0, 6.28), st.booleans())
def test_a_refit_turns_back_onto_the_previous_axes(angle: float, mirrored: bool) -> None:
    vectors = cloud(200)
    found = fit(vectors)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn = turn @ np.diag([1, -1])
    previous = Basis(found.mean, (turn @ found.axes).astype(np.float32), found.explained, found.fitted, 7)
    refit = fit(vectors, previous)
    np.testing.assert_allclose(project(refit, vectors), project(previous, vectors), atol=1e-3)
    assert refit.version == 8


def test_large_namespaces_are_sampled_evenly() -> None:
    vectors = cloud(3 * MAX_FIT)
    basis = fit(vectors)
    assert basis.fitted == len(vectors)
    rows = vectors[np.linspace(0, len(vectors) - 1, MAX_FIT).round().astype(int)]
    np.testing.assert_allclose(basis.mean, rows.mean(axis=0), atol=1e-5)


def test_a_basis_comes_back_from_its_bytes() -> None:
    basis = fit(cloud(20))
    again = Basis.loaded(basis.dumped(), DIMENSION)
    assert again is not None
    np.testing.assert_array_equal(again.mean, basis.mean)
    np.testing.assert_array_equal(again.axes, basis.axes)
    assert (again.explained, again.fitted, again.version) == (basis.explained, basis.fitted, basis.version)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b'{"body": 3}', b"\xff\xfe", fit(cloud(5)[:, :8]).dumped()])
def test_bytes_of_something_else_are_no_basis(body: bytes) -> None:
    assert Basis.loaded(body, DIMENSION) is None
