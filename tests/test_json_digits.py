"""Numbers of too many digits are named by their place; all other JSON is read as json.loads reads it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.json_digits import DigitsError, loads

MOST = sys.get_int_max_str_digits()
PARTS = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(PARTS)
def test_other_json_is_read_as_it_is(value: Any) -> None:
    assert loads(json.dumps(value)) == value


@given(st.lists(st.integers(0, 9) | st.text(alphabet="abc", min_size=1), max_size=6), PARTS, st.booleans())
def test_the_place_of_a_long_number(place: list[int | str], beside: Any, negative: bool) -> None:
    text = ("-" if negative else "") + "9" * (MOST + 1)
    for step in reversed(place):
        other = json.dumps(beside)
        text = f'{{"z": {other}, "{step}": {text}}}' if isinstance(step, str) else "[" + f"{other}, " * step + text + "]"
    with pytest.raises(DigitsError) as caught:
        loads(text)
    assert caught.value.place == tuple(map(str, place))
    assert f"{MOST + 1} digits" in str(caught.value)


def test_what_json_and_hooks_raise_is_passed_on() -> None:
    def constant(name: str) -> float:
        raise ValueError(f"{name} is not taken")

    assert loads("9" * MOST) == int("9" * MOST)
    with pytest.raises(json.JSONDecodeError):
        loads("[" + "9" * (MOST + 1))
    with pytest.raises(UnicodeDecodeError):
        loads(b"\xff")
    with pytest.raises(ValueError, match="NaN is not taken"):
        loads("[NaN]", parse_constant=constant)
