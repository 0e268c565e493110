"""Resonance: a leaky echo state network over the turns of a session, whose state finds situations like this one.

x <- (1 - a) x + a tanh(W_in u + W x), with the spectral radius of W below 1, so that the state forgets where it began (echo-state
property; Jaeger 2001, Lukosevicius 2012). No readout is trained: the state itself is compared. Two sessions whose
turns were alike, in the same order, are in similar states.
"""

from __future__ import annotations

import numpy as np

from echorator.cognition.memory import Vector


class Reservoir:
    """An echo state network with fixed random weights: the same parameters give the same network in every process."""

    def __init__(
        self, inputs: int, units: int = 128, leak: float = 0.3, spectral_radius: float = 0.9, density: float = 0.1, seed: int = 7
    ) -> None:
        """Make a network for steps of `inputs` numbers. Raises ValueError where its states would never forget how they began."""
        if not 0.0 < spectral_radius < 1.0 or not 0.0 < leak <= 1.0:
            raise ValueError("spectral_radius must be within 0..1 and leak within 0..1, or the states have no echo")
        random = np.random.default_rng(seed)
        weights = random.uniform(-1.0, 1.0, (units, units)) * (random.random((units, units)) < density)
        radius = float(np.abs(np.linalg.eigvals(weights)).max())
        if radius == 0.0:
            raise ValueError(f"{units} units at density {density} have no loop, so no echo: take more of either")
        self.units = units
        self.leak = leak
        self._recurrent = (weights * (spectral_radius / radius)).astype(np.float32)
        self._input = random.uniform(-1.0, 1.0, (units, inputs)).astype(np.float32)

    @property
    def spectral_radius(self) -> float:
        """Return the spectral radius of the recurrent weights, measured."""
        return float(np.abs(np.linalg.eigvals(self._recurrent)).max())

    def start(self) -> Vector:
        """Return the state before the first turn: zeros of shape (units,)."""
        return np.zeros(self.units, np.float32)

    def step(self, state: Vector, turn: Vector) -> Vector:
        """Return the state after one more turn; `turn` has shape (inputs,)."""
        heard = np.tanh(self._input @ turn + self._recurrent @ state)
        return ((1.0 - self.leak) * state + self.leak * heard).astype(np.float32)

    def run(self, turns: Vector) -> Vector:
        """Return the state after all turns; `turns` has shape (n, inputs)."""
        state = self.start()
        for turn in turns:
            state = self.step(state, turn)
        return state


def similarity(a: Vector, b: Vector) -> float:
    """Return the cosine of two states, 0 where one is zero."""
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0
