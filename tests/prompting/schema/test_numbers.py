"""Numbers between bounds: each text of the grammar lies between them, and each number between them has a text."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.grammar_harness import Grammar
from echorator.errors import InvalidRequestError
from echorator.prompting.json_schema import grammar_of
from tests.prompting.schema.gbnf import Gbnf
from tests.support.rounds import rounds

INTEGERS = st.integers(-2000, 2000) | st.integers(-(10**20), 10**20)
FLOATS = (
    st.floats(allow_nan=False, allow_infinity=False) | st.floats(-3, 3) | st.sampled_from([0, 1, 0.1, -0.5, 1e-7, 1e20, 5e-324, 2**53 + 1])
)


def allowed(schema: dict[str, Any], value: float) -> bool:
    return bool(
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
        and value % schema.get("multipleOf", value or 1) == 0
    )


def bounds(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), values))


@given(
    bounds(INTEGERS),
    st.sampled_from([None, 1, 2, 3, 7, 12, 25, 100, 250]),
    st.lists(INTEGERS, min_size=20, max_size=40),
    st.integers(0, 1 << 30),
)
@settings(max_examples=rounds(100))
def test_integers(limits: dict[str, Any], step: int | None, values: list[int], seed: int) -> None:
    schema = {"type": "integer", **limits, **({"multipleOf": step} if step else {})}
    near = [bound + d for bound in limits.values() for d in (-1, 0, 1)]
    values = [value * each for value in [*values, *near] for each in (1, step or 1)]
    if step:  # multiples without a near bound are written with a limited number of digits
        values = [value for value in values if abs(value) < 10**18]
    try:
        grammar, reader = Grammar(grammar_of(schema)), Gbnf(grammar_of(schema))
    except InvalidRequestError as error:
        assert "no JSON value" not in str(error) or not any(allowed(schema, value) for value in values)  # noqa: PT017
        return
    wrong = [value for value in values if grammar.accepts(str(value)) is not allowed(schema, value)]
    assert wrong == []
    chance = random.Random(seed)
    for _ in range(8):
        text = reader.draw(chance)
        assert text == str(int(text))
        assert allowed(schema, int(text))


@given(bounds(FLOATS), st.lists(FLOATS, min_size=20, max_size=40), st.integers(0, 1 << 30))
@settings(max_examples=rounds(100))
def test_numbers(limits: dict[str, Any], values: list[float], seed: int) -> None:
    schema = {"type": "number", **limits}
    near = [f(bound) for bound in limits.values() for f in (float, lambda x: math.nextafter(x, 9e308), lambda x: math.nextafter(x, -9e308))]
    values = [value for value in [*values, *near] if math.copysign(1, value) > 0 or value != 0]
    # Integers beyond the exact ones of a double are compared exactly by some validators and as doubles by others.
    values = [value for value in values if isinstance(value, float) or abs(value) < 2**53]
    try:
        grammar, reader = Grammar(grammar_of(schema)), Gbnf(grammar_of(schema))
    except InvalidRequestError as error:
        assert not any(allowed(schema, value) for value in values), str(error)  # noqa: PT017
        return
    wrong = [value for value in values if math.isfinite(value) and grammar.accepts(json.dumps(value)) is not allowed(schema, value)]
    assert wrong == []
    chance = random.Random(seed)
    for _ in range(8):
        text = reader.draw(chance)
        assert allowed(schema, json.loads(text)), text


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        ({"type": "number", "multipleOf": 0.5}, ["0.5", "-1", "2.0", "7.5"], ["0.25", "1.1", "1e0"]),
        ({"type": "number", "multipleOf": 0.01, "minimum": 0}, ["0.07", "12", "3.1"], ["0.001", "-1"]),
        ({"type": "number", "multipleOf": 3}, ["3", "-6", "0"], ["1", "3.5"]),
        ({"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 0.3, "maximum": 1}, ["0.5", "0.75", "1"], ["0.25", "1.25", "0.6"]),
        (
            {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
            ["9007199254740991", "-9007199254740991"],
            ["9007199254740992"],
        ),
        ({"type": "integer", "exclusiveMinimum": 0.5, "maximum": 1e3}, ["1", "1000"], ["0", "1001", "1.0"]),
        ({"type": "integer", "minimum": 10**50}, ["1" + "0" * 50], ["1" + "0" * 49]),
        ({"type": "integer"}, ["0", "-1", "12345678901234567890"], ["-0", "01", "1.5", "1e3", "+1", ""]),
        ({"type": "number"}, ["0", "-0", "0.5", "1e400"[:4], "1E-05", "-0.0"], ["01", ".5", "1.", "1e999", "NaN", "--1"]),
        ({"type": "number", "exclusiveMinimum": 0}, ["1e-300", "0.001"], ["0", "0.0", "0e0", "-1"]),
        ({"type": "integer", "minimum": 1, "not": {"enum": [3, 5]}}, ["1", "4", "33"], ["3", "5", "0"]),
    ],
)
def test_examples(schema: dict[str, Any], yes: list[str], no: list[str]) -> None:
    grammar = Grammar(grammar_of(schema))
    assert [text for text in yes if not grammar.accepts(text)] == []
    assert [text for text in no if grammar.accepts(text)] == []
