"""JSON values in messages: what goes in comes out, whole numbers as far as a 64-bit float has them, and the rest is refused."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from echorator.errors import InvalidRequestError
from echorator.values import MOST_DEPTH, MOST_EXACT, python_of, python_of_struct, struct_of, value_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST_EXACT, MOST_EXACT) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_values_survive_their_messages(value: object) -> None:
    assert python_of(Value.FromString(value_of(value).SerializeToString())) == value


@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_mappings_survive_their_messages(value: dict[str, object]) -> None:
    assert python_of_struct(Struct.FromString(struct_of(value).SerializeToString())) == value


@given(st.integers(-MOST_EXACT, MOST_EXACT))
def test_a_whole_number_within_the_limit_stays_one(number: int) -> None:
    for given_ in (number, float(number)):
        found = python_of(value_of(given_))
        assert (type(found), found) == (int, number)


@given(st.integers(MOST_EXACT + 1, 1 << 200), st.sampled_from((1, -1)))
def test_a_whole_number_beyond_the_limit_is_the_nearest_float(number: int, sign: int) -> None:
    """It would look exact as an int, and may be another number than the one that was sent."""
    found = python_of(value_of(sign * number))
    assert found == float(sign * number)
    assert isinstance(found, float) or abs(found) == MOST_EXACT  # 2**53 + 1 is rounded to 2**53


def test_tuples_are_lists_and_nan_is_kept() -> None:
    assert python_of(value_of({"a": (1, (2.5, None))})) == {"a": [1, [2.5, None]]}
    assert math.isnan(python_of(value_of(math.nan)))


@pytest.mark.parametrize("value", [{1, 2}, {1: 2}, b"x", object(), 10**400, *map(json.loads, ('"\\ud800"', '{"\\ud800": 1}'))])
def test_values_that_json_has_not(value: object) -> None:
    with pytest.raises(InvalidRequestError):
        value_of(value)


def test_values_may_not_be_endless() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(InvalidRequestError, match=f"more than {MOST_DEPTH} levels"):
        value_of(value)
