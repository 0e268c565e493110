"""Hypothesis strategies of schemas, each with a strategy of values that are valid under it, in the schema's order of keys."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "answer", "ünï", 'q"uote', "back\\slash", "new\nline", "x y", "$ref", "type"])
PATTERNS = [
    "^[a-z]+$",
    "^a",
    "b$",
    "a.c",
    r"^\d{2,4}-\w*$",
    '^"[^"]*"$',
    r"^\S+@\S+$",
    r"^(?!ab)[a-c]{1,5}$",
    "^(x|yy)*z?$",
    r"\\",
    r"^\u00e9?é$",
]
FORMATS = ["date", "time", "date-time", "duration", "email", "uri", "uri-reference", "uuid", "ipv4", "ipv6", "hostname", "json-pointer"]
NUMBERS = (
    st.integers(-1000, 1000) | st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)) | st.sampled_from([0, 1e20, -1e20, 0.1])
)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5)


def _without(value: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if part is not None}


@st.composite
def _numbers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "number"]))
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    return _without(
        {
            "type": kind,
            draw(st.sampled_from(["minimum", "exclusiveMinimum"])): draw(st.none() | st.just(low)),
            draw(st.sampled_from(["maximum", "exclusiveMaximum"])): draw(st.none() | st.just(high)),
            "multipleOf": draw(st.none() | st.sampled_from([1, 2, 3, 5, 7, 10, 0.5, 0.25]))
            if kind == "integer" or draw(st.booleans())
            else None,
        }
    )


@st.composite
def _strings(draw: st.DrawFn) -> dict[str, Any]:
    least = draw(st.integers(0, 4))
    return _without(
        {
            "type": "string",
            "minLength": draw(st.none() | st.just(least)),
            "maxLength": draw(st.none() | st.integers(least, least + 6)),
            "pattern": draw(st.none() | st.sampled_from(PATTERNS)),
        }
    )


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        least = draw(st.integers(0, 2))
        return _without(
            {
                "type": "array",
                "prefixItems": draw(st.none() | st.lists(inner, min_size=1, max_size=3)),
                "items": draw(st.none() | inner | st.booleans()),
                "minItems": draw(st.none() | st.just(least)),
                "maxItems": draw(st.none() | st.integers(least, least + 3)),
                "contains": draw(st.none() | st.none() | inner),
            }
        )

    return made()


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        properties = draw(st.none() | st.dictionaries(NAMES, inner, max_size=4))
        required = draw(st.none() | st.lists(NAMES, max_size=3, unique=True))
        return _without(
            {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": draw(st.none() | st.booleans() | inner),
                "patternProperties": draw(
                    st.none() | st.none() | st.dictionaries(st.sampled_from(["^a", "w", r"^\d+$"]), inner, max_size=2)
                ),
                "propertyNames": draw(
                    st.none() | st.none() | st.sampled_from([{"pattern": "^[a-z]+$"}, {"enum": ["a", "b", "c"]}, {"maxLength": 3}])
                ),
                "minProperties": draw(st.none() | st.none() | st.integers(0, 1)),
                "maxProperties": draw(st.none() | st.none() | st.integers(0, 4)),
                "dependentRequired": draw(st.none() | st.none() | st.just({"a": ["b"]})),
            }
        )

    return made()


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    negatable = st.sampled_from(
        [{"type": "null"}, {"const": "a"}, {"enum": ["a", True]}, {"required": ["a"]}, {"minimum": 3}, {"type": "string"}]
    )
    tagged = st.lists(st.sampled_from("pqrs"), min_size=1, max_size=3, unique=True).flatmap(
        lambda tags: st.tuples(*(inner.map(partial(_tagged, tag)) for tag in tags)).map(lambda parts: {"oneOf": list(parts)})
    )
    return st.one_of(
        some.map(lambda parts: {"anyOf": parts}),
        some.map(lambda parts: {"allOf": parts}),
        tagged,
        st.tuples(inner, some).map(lambda pair: {**pair[0], "anyOf": pair[1]} if isinstance(pair[0], dict) else {"anyOf": pair[1]}),
        st.tuples(inner, negatable).map(lambda pair: {**pair[0], "not": pair[1]} if isinstance(pair[0], dict) else {"not": pair[1]}),
        st.tuples(negatable, inner, inner).map(lambda parts: {"if": parts[0], "then": parts[1], "else": parts[2]}),
    )


def _tagged(tag: str, part: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"kind": {"const": tag}, "value": part}, "required": ["kind"]}


LEAVES = st.one_of(
    _numbers(),
    _strings(),
    st.sampled_from(FORMATS).map(lambda name: {"type": "string", "format": name}),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"type": ["integer", "null"]}, {"type": ["string", "number", "array"]}, {}, True]
    ),
    VALUES.map(lambda value: {"const": value}),
    st.lists(VALUES, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    st.sampled_from([{"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/text", "minLength": 2}]),
)
DEFINITIONS = {
    "leaf": {"type": "integer", "minimum": 0},
    "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "size": {"type": "integer"}}, "required": ["size"]},
    "text": {"type": "string", "maxLength": 4},
}
SCHEMAS = st.recursive(LEAVES, lambda inner: _arrays(inner) | _objects(inner) | _combined(inner), max_leaves=6).map(
    lambda schema: {**(schema if isinstance(schema, dict) else {}), "$defs": DEFINITIONS}
)
