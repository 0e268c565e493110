"""How often a test repeats what is random: examples of Hypothesis, kills, damaged files.

At a desk 30 times at most, so that one waits for an answer and not for the last unlikely case; with ECHORATOR_ALL_ROUNDS, which `.ci/run`
sets, as often as the test says.
"""

from __future__ import annotations

import os

AT_A_DESK = 30
ALL = bool(os.environ.get("ECHORATOR_ALL_ROUNDS"))


def rounds(full: int) -> int:
    """Return how often to repeat what a whole run repeats `full` times."""
    return full if ALL else min(full, AT_A_DESK)
