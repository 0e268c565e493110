"""Valence, the stated rules of arousal, moods that fade and carry over, and Bower's congruence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.recall_index import SIGNALS, RecallIndex
from echorator.cognition.recall.affect import MAX_CHARS, Affect, affect_of, carried, decayed
from tests.support.rounds import rounds

AFFECTS = st.builds(Affect, st.floats(-1, 1), st.floats(0, 1))
CALM = Affect()


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("I love this, it is wonderful", 1),
        ("This is terrible and I hate it", -1),
        ("The parcel has a label", 0),
        ("", 0),
        ("not good at all", -1),
        ("ß ﷽ 漢字", 0),
    ],
)
def test_the_sign_of_valence(text: str, sign: int) -> None:
    assert np.sign(affect_of(text).valence) == sign


@pytest.mark.parametrize(
    ("text", "arousal"),
    [
        ("the parcel has a label", 0.0),
        ("the parcel has a label!", 0.1),
        ("the parcel has a label!!!!!", 0.3),  # three count
        ("THE PARCEL HAS A LABEL", 0.3),
        ("THE PARCEL HAS A LABEL!!!", 0.6),
        ("the parcel of NASA in 2024 has a long label", 0.3 * 4 / 10),
        ("I am a man", 0.0),  # one letter is no shouting
    ],
)
def test_arousal_of_texts_without_valence(text: str, arousal: float) -> None:
    affect = affect_of(text)
    assert affect.valence == 0
    assert affect.arousal == pytest.approx(arousal)


def test_shouting_arouses() -> None:
    assert affect_of("I LOVE THIS SO MUCH!!!").arousal > affect_of("I love this so much").arousal


def test_what_is_beyond_the_bound_is_not_read() -> None:
    assert affect_of("word " * (MAX_CHARS // 5) + "I hate you!!!") == CALM


@settings(max_examples=rounds(100))
@given(st.text(max_size=300))
def test_any_text_is_within_the_ranges(text: str) -> None:
    affect = affect_of(text)
    assert -1 <= affect.valence <= 1
    assert 0 <= affect.arousal <= 1
    assert affect == affect_of(text)


def test_half_is_left_after_the_half_life() -> None:
    mood = Affect(-0.8, 0.6)
    assert decayed(mood, 60, 60) == Affect(-0.4, 0.3)
    assert decayed(mood, 0, 60) == mood
    assert decayed(mood, -5, 60) == mood  # a clock that was set back makes no mood stronger
    assert decayed(mood, 1e9, 60) == CALM


@given(AFFECTS, st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1e6))
def test_decay_in_two_steps_is_decay_in_one(mood: Affect, first_s: float, second_s: float, half_life_s: float) -> None:
    once = decayed(mood, first_s + second_s, half_life_s)
    twice = decayed(decayed(mood, first_s, half_life_s), second_s, half_life_s)
    assert (once.valence, once.arousal) == pytest.approx((twice.valence, twice.arousal), abs=1e-9)


@given(AFFECTS, AFFECTS, st.floats(0, 1))
def test_a_mood_moves_towards_the_new_affect_and_stays_in_range(mood: Affect, new: Affect, gain: float) -> None:
    after = carried(mood, new, gain)
    for before, now, target in ((mood.valence, after.valence, new.valence), (mood.arousal, after.arousal, new.arousal)):
        assert min(before, target) - 1e-12 <= now <= max(before, target) + 1e-12
        assert abs(now - before) == pytest.approx(gain * abs(target - before), abs=1e-12)


def congruence(mood: Affect, memory: Affect) -> float:
    """0..1: nearness in the plane (1 at the same point), times the mood's intensity: a neutral mood prefers nothing."""
    intensity = min(1.0, math.hypot(mood.valence, mood.arousal))
    distance = math.hypot((mood.valence - memory.valence) / 2, mood.arousal - memory.arousal) / math.sqrt(2)
    return intensity * (1.0 - min(1.0, distance))


@given(AFFECTS, AFFECTS)
def test_congruence_is_a_share_and_most_at_the_moods_own_place(mood: Affect, memory: Affect) -> None:
    assert 0 <= congruence(mood, memory) <= 1
    assert congruence(mood, memory) <= congruence(mood, mood) + 1e-12
    assert congruence(CALM, memory) == 0  # a neutral mood prefers nothing


def test_a_glad_mood_prefers_glad_memories() -> None:
    glad, sad = Affect(0.8, 0.5), Affect(-0.8, 0.5)
    assert congruence(glad, glad) > congruence(glad, CALM) > congruence(glad, sad)
    assert congruence(sad, sad) > congruence(sad, glad)
    assert congruence(Affect(1, 0), Affect(-1, 1)) == 0  # opposite corners


@settings(max_examples=rounds(50))
@given(AFFECTS, AFFECTS)
def test_the_index_computes_the_same_congruence(mood: Affect, memory: Affect) -> None:
    index = RecallIndex(2)
    none = np.zeros(0, np.uint64)
    columns = np.array([[1, 1, 1, 0, 0, 1, 0, memory.valence, memory.arousal, 1]], np.float64)
    one = np.array([1], np.uint64)
    index.add(one, np.array([[1, 0]], np.float32), columns, np.zeros(1, np.uint64), np.zeros(1, np.uint32), none, np.zeros(1, np.int64))
    place = SIGNALS.index("affect")
    weights = np.zeros(len(SIGNALS), np.float32)
    weights[place] = 1
    query = np.array([1, 0], np.float32)
    signals = index.search(query, none, weights=weights, k=1, now_s=2, as_of_s=2, valence=mood.valence, arousal=mood.arousal)[2]
    assert signals[0, place] == pytest.approx(congruence(mood, memory), abs=1e-5)
    assert math.isfinite(float(signals[0, place]))
