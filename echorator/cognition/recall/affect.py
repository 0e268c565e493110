"""Emotional colouring: valence and arousal of a text, and a mood carried over turns.

Valence is VADER's compound score (Hutto and Gilbert 2014). No lexicon of arousal may be bundled, so arousal is a stated proxy:

    arousal = min(1, 0.5 |valence| + 0.3 min(1, 4 * share of words in capitals) + 0.1 * number of "!", at most 3)

Capitals count only in texts of more than two words. The module is pure; `writing` feeds it each memory, `turns` each user turn.
How a memory agrees with a mood (Bower, "Mood and Memory", 1981) is in `recall_index.hpp`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

MAX_CHARS = 2000
_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")
_WORD = re.compile(r"\b\w+\b")


@dataclass(frozen=True, slots=True)
class Affect:
    """A point of Russell's circumplex (1980)."""

    valence: float = 0.0  # -1 unpleasant .. 1 pleasant
    arousal: float = 0.0  # 0 calm .. 1 excited


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def affect_of(text: str) -> Affect:
    """Return the affect of a text, from its first `MAX_CHARS` characters."""
    text = text[:MAX_CHARS]
    valence = float(_analyzer().polarity_scores(text)["compound"])
    words = len(_WORD.findall(text)) or 1
    shouted = min(1.0, 4 * len(_SHOUTED.findall(text)) / words) if words > 2 else 0.0
    return Affect(valence, min(1.0, 0.5 * abs(valence) + 0.3 * shouted + 0.1 * min(3, text.count("!"))))


def decayed(affect: Affect, elapsed_s: float, half_life_s: float) -> Affect:
    """Return the affect after `elapsed_s` of exponential decay towards neutral; half of it is left after `half_life_s`."""
    left = 0.5 ** (max(0.0, elapsed_s) / half_life_s)
    return Affect(affect.valence * left, affect.arousal * left)


def carried(mood: Affect, new: Affect, gain: float) -> Affect:
    """Return the mood moved towards a new turn's affect by the share `gain` (0..1) of their difference."""
    return Affect(mood.valence + gain * (new.valence - mood.valence), mood.arousal + gain * (new.arousal - mood.arousal))
