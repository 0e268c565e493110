"""The reservoir has the echo-state property, is the same in every process, and is nearer after sessions that were alike."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cognition.learning.reservoir import Reservoir, similarity
from echorator.cognition.memory import Vector

INPUTS = 24
DIGEST = """
import hashlib, numpy as np
from echorator.cognition.learning.reservoir import Reservoir
net = Reservoir(5)
print(hashlib.sha256(np.round(net.run(np.eye(5, dtype=np.float32)), 4).tobytes()).hexdigest())
"""


def turns(seed: int, count: int = 12) -> Vector:
    """Unit vectors, as an embedder gives them."""
    rows = np.random.default_rng(seed).standard_normal((count, INPUTS))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("radius", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", [1, 7])
def test_the_spectral_radius_is_what_was_asked_for(radius: float, seed: int) -> None:
    assert Reservoir(INPUTS, spectral_radius=radius, seed=seed).spectral_radius == pytest.approx(radius, rel=1e-3)


@pytest.mark.parametrize(("radius", "leak"), [(1.0, 0.3), (2.9, 0.3), (0.0, 0.3), (-0.5, 0.3), (0.9, 0.0), (0.9, 1.1)])
def test_what_has_no_echo_is_refused(radius: float, leak: float) -> None:
    with pytest.raises(ValueError, match="spectral_radius"):
        Reservoir(INPUTS, spectral_radius=radius, leak=leak)


def test_two_starts_converge_under_the_same_inputs() -> None:
    net = Reservoir(INPUTS)
    random = np.random.default_rng(0)
    a, b = (random.uniform(-1, 1, net.units).astype(np.float32) for _ in range(2))
    apart = float(np.linalg.norm(a - b))
    for turn in turns(1, 200):
        a, b = net.step(a, turn), net.step(b, turn)
    assert np.linalg.norm(a - b) < 1e-3 * apart


def test_alike_sessions_are_nearer_than_shuffled_or_other_ones() -> None:
    net = Reservoir(INPUTS)
    wins = []
    for seed in range(20):
        random = np.random.default_rng(1000 + seed)
        said = turns(seed)
        again = (said + 0.05 * random.standard_normal(said.shape)).astype(np.float32)
        shuffled = said[random.permutation(len(said))]
        state = net.run(said)
        alike = similarity(state, net.run(again))
        assert alike > similarity(state, net.run(turns(5000 + seed)))
        wins.append(alike > similarity(state, net.run(shuffled)))
    assert all(wins)


def test_run_is_steps_from_the_start() -> None:
    net = Reservoir(INPUTS, units=64)
    state = net.start()
    assert state.shape == (64,)
    assert not state.any()
    for turn in turns(3, 5):
        state = net.step(state, turn)
    np.testing.assert_array_equal(state, net.run(turns(3, 5)))
    assert not net.run(turns(3, 0)).any()
    assert state.dtype == np.float32


@settings(max_examples=25)
@given(st.integers(0, 1 << 16), st.floats(0.01, 1), st.floats(0.0, 100))
def test_states_stay_within_one(seed: int, leak: float, loudness: float) -> None:
    state = Reservoir(INPUTS, units=32, leak=leak, density=0.3).run((turns(seed) * loudness).astype(np.float32))
    assert np.isfinite(state).all()
    assert np.abs(state).max() <= 1.0


def test_the_same_in_every_process() -> None:
    said = [subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said[0] == said[1] != ""
    one, other = Reservoir(INPUTS), Reservoir(INPUTS, seed=8)
    assert similarity(one.run(turns(1)), other.run(turns(1))) < 0.9


def test_similarity() -> None:
    a = np.array([1, 2, 0], np.float32)
    assert similarity(a, 3 * a) == pytest.approx(1)
    assert similarity(a, -a) == pytest.approx(-1)
    assert similarity(a, np.array([0, 0, 5], np.float32)) == 0
    assert similarity(a, np.zeros(3, np.float32)) == 0
