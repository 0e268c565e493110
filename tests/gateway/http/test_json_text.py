"""Bodies as text: what is taken comes out as it was written, what is not is refused before anything is built of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.json_text import DEEPEST, MOST_CONTAINERS, MOST_TEXTS, MOST_VALUES, object_of
from tests.support.rounds import rounds

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=40,
)


@given(st.dictionaries(st.text(), VALUES, max_size=6), st.booleans(), st.sampled_from((None, 1)))
def test_any_object_comes_out_as_it_is(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    found = object_of(raw)
    assert found == value
    assert json.dumps(found) == json.dumps(value)  # the order of keys too, and 1.0 is not 1
    assert object_of(b"\xef\xbb\xbf" + raw) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ux1ed80', max_size=200).map(str.encode))
@settings(max_examples=rounds(500))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    try:
        found = object_of(raw)
    except BodyError as error:
        json.dumps(str(error), ensure_ascii=False).encode()
    else:
        assert json.loads(raw.decode("utf-8-sig")) == found


def nested(levels: int, key: str) -> bytes:
    """A body that nests so deep in all, the outermost object included."""
    return f'{{"model":"m","{key}":{"[" * (levels - 1)}{"]" * (levels - 1)},"n":1}}'.encode()


@pytest.mark.parametrize("key", ["messages", "tools", "logit_bias", "metadata", "x"])
def test_depth_is_bounded_and_the_field_is_named(key: str) -> None:
    object_of(nested(DEEPEST, key))
    for levels in (DEEPEST + 1, 1000, 200_000):
        with pytest.raises(BodyError, match=f"^{key}: lists and objects nest more than 64 deep") as caught:
            object_of(nested(levels, key))
        assert (caught.value.param, caught.value.status) == (key, 400)


@given(st.integers(1, 2 * DEEPEST), st.randoms())
def test_depth_is_counted_right(levels: int, random: Any) -> None:
    text = '"]}"'
    for _ in range(levels - 1):
        text = random.choice(('{"a": %s}', '["[[", %s]', '[%s, {}, [1, "\\\\"]]', '{"\\"": 1, "b\\\\": %s}')) % text
    raw = f'{{"a": {text}}}'.encode()
    depth = depth_of(json.loads(raw))
    if depth > DEEPEST:
        with pytest.raises(BodyError, match="nest more than"):
            object_of(raw)
    else:
        assert object_of(raw) == json.loads(raw)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(part) for part in inner), default=0)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (json.dumps({"prompt": ["a"] * (MOST_TEXTS + 1)}).encode(), "strings"),
        (b'{"messages":[' + b",".join([b"{}"] * (MOST_CONTAINERS + 1)) + b"]}", "lists and objects"),
        (b'{"prompt":[' + b",".join([b"1"] * (MOST_VALUES + 1)) + b"]}", "values"),
    ],
)
def test_a_million_small_values_are_refused_before_they_are_built(raw: bytes, said: str) -> None:
    with pytest.raises(BodyError, match=said) as caught:
        object_of(raw)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("raw", "said", "param"),
    [
        (b"", "not JSON", ""),
        (b"[]", "must be a JSON object", ""),
        (b'{"a":1}{"a":1}', "not JSON: Extra data", ""),
        (b'{"a":1,}', "not JSON", ""),
        (b'{"a":NaN}', "NaN is not a JSON value", ""),
        (b'{"a":-Infinity}', "-Infinity is not a JSON value", ""),
        (b'{"a":1,"b":{"c":1,"c":2}}', "the key 'c' is given twice", "c"),
        (b'{"a":"\xff"}', "UTF-8", ""),
        ('{"a":1}'.encode("utf-16"), "UTF-8", ""),
        (b'{"a":"\\ud800"}', "a has one half of a surrogate pair", "a"),
        (b'{"\\udc00":1}', "surrogate", "?"),
        (b'{"a":' + b"9" * 5000 + b"}", "^a is a whole number of 5000 digits; no number may have more than 4300$", "a"),
        (b'{"b":1,"a":[{"c":-' + b"9" * 5000 + b"}]}", "^a.0.c is a whole number of 5000 digits; ", "a"),
        (b'{"a":' + b"9" * 5000 + b',"a":1}', "^a is a whole number of 5000 digits; ", "a"),
        (b'{"\\ud800":' + b"9" * 5000 + b"}", r"^\? is a whole number of 5000 digits; ", "?"),
        (b'{"a":' + b"9" * 5000 + b",}", "not JSON: Expecting", ""),
        (b"9" * 5000, "^it is a whole number of 5000 digits; ", ""),
        (b'{"a":[1,2}', "not JSON", ""),
    ],
)
def test_what_is_no_object(raw: bytes, said: str, param: str) -> None:
    with pytest.raises(BodyError, match=said) as caught:
        object_of(raw)
    assert caught.value.param == param


def test_numbers_and_pairs_are_kept() -> None:
    found = object_of(b'{"b":12345678901234567890,"a":1.0,"c":"\\ud83d\\ude00"}')
    assert json.dumps(found, ensure_ascii=False) == '{"b": 12345678901234567890, "a": 1.0, "c": "\U0001f600"}'


@pytest.mark.parametrize("unit", ['\\"', '"\\', '"', '"\\"', '{"a":"\\\\', '["', "]{", '"a",'])
def test_text_that_is_no_json_is_refused_in_linear_time(unit: str) -> None:
    """A search that began again at each byte would not return before the test's own limit."""
    for raw in (unit * (400_000 // len(unit)), "[" * 70 + unit * 100_000, unit * 100_000 + "[" * 70):
        with pytest.raises(BodyError):
            object_of(raw.encode())
