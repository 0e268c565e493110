"""The ranges of settings: what is within is taken, and a refusal names the field, its range and the value as people write them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.settings import CognitionSettings, Weights
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.settings import GatewaySettings
from echorator.ranged import Range, check_ranges, plain, within
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings, Sampling

numbers = st.integers(-(1 << 40), 1 << 40) | st.floats(allow_nan=False)


@given(numbers, numbers, numbers)
def test_a_number_is_returned_or_refused(value: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    if low <= value <= high:
        assert within(value, low, high, "n") == value
    else:
        with pytest.raises(InvalidRequestError) as caught:
            within(value, low, high, "n")
        shown = str(caught.value).rpartition("not ")[2]
        assert not low <= float(shown) <= high, "the refusal shows a number that would be taken"


def test_nan_is_in_no_range() -> None:
    with pytest.raises(InvalidRequestError, match=r"^n must be 0\.\.1, not nan$"):
        within(float("nan"), 0.0, 1.0, "n")


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0, 1, 128, "n must be 1..128, not 0"),
        (3.0, 0.0, 2.0, "n must be 0..2, not 3"),
        (1 << 41, 0, 1 << 40, "n must be 0..1099511627776, not 2199023255552"),
        (0.005, 0.01, 86_400.0, "n must be 0.01..86400, not 0.005"),
        (2.00000001, 0.0, 2.0, "n must be 0..2, not 2.00000001"),
        (float("inf"), 0.0, 2.0, "n must be 0..2, not inf"),
    ],
)
def test_the_words(value: float, low: float, high: float, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        within(value, low, high, "n")
    assert str(caught.value) == said


def test_a_note_and_a_prefix_are_shown() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_ranges(SimpleNamespace(a=1, b=-2), {"a": Range(0, 1), "b": Range(-1, 8, "-1: all")}, "engine.")
    assert str(caught.value) == "engine.b must be -1..8 (-1: all), not -2"


@given(st.integers())
def test_whole_numbers_have_all_their_digits(number: int) -> None:
    assert int(plain(number)) == number
    if abs(number) < 10**15:
        assert plain(float(number)) == str(number)


NEEDED: dict[type, dict[str, Any]] = {EngineSettings: {"path": Path()}}
UNBOUNDED = {"seed"}  # of Sampling: None or a range of its own


@pytest.mark.parametrize(
    "kind", [EngineSettings, Sampling, GatewaySettings, HttpSettings, ControllerSettings, CognitionSettings, Weights, ServerSettings]
)
def test_every_number_of_every_settings_class_has_a_range(kind: type) -> None:
    """A new field without a range would take any number."""
    assert is_dataclass(kind)
    needed = NEEDED.get(kind, {})
    for field in fields(kind):
        if isinstance(field.default, bool) or not isinstance(field.default, int | float) or field.name in UNBOUNDED:
            continue
        for wrong in (float("nan"), float("inf"), float("-inf")):
            with pytest.raises(InvalidRequestError, match=rf"{field.name} must be "):
                kind(**needed, **{field.name: wrong})
