"""Every text of a schema's grammar is valid under the schema, every valid value is taken, and any input returns or is refused.

Over 400 lines, for the strategies that draw schemas and the properties that they serve are read together.
"""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from echorator._native.grammar_harness import Grammar
from echorator.errors import InvalidRequestError
from echorator.prompting.json_schema import JSON_GRAMMAR, grammar_of
from tests.prompting.schema.drawing import FORMATS, PATTERNS, SCHEMAS, VALUES
from tests.prompting.schema.gbnf import Gbnf
from tests.support.rounds import rounds

SLOW = settings(max_examples=rounds(100), suppress_health_check=list(HealthCheck))
CHECKED_FORMATS = jsonschema.FormatChecker(["date", "ipv4", "ipv6", "uuid", "email"])


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def takes(schema: dict[str, Any], text: str) -> bool:
    return Grammar(grammar_of(schema)).accepts(text)


@given(SCHEMAS, st.integers(0, 1 << 30))
@SLOW
def test_every_text_of_the_grammar_is_valid(schema: dict[str, Any], seed: int) -> None:
    try:
        text = grammar_of(schema)
    except InvalidRequestError as error:
        assert str(error).startswith("json_schema: ")  # noqa: PT017
        assume(False)
    reader, chance = Gbnf(text), random.Random(seed)
    validator = jsonschema.Draft202012Validator(schema, format_checker=CHECKED_FORMATS)
    for _ in range(4):
        validator.validate(json.loads(reader.draw(chance)))


# Schemas that say all that the grammar narrows, so that every valid value in compact form is one of its texts.

LITTLE = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-1e9, 1e9) | st.text('abz\u00e9"\\\n 1-@', max_size=6),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=4,
)


def _object_schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["a", "b", "c", 'q"', "é"])
    return st.builds(
        lambda properties, required, further, low, high: {
            "type": "object",
            "properties": properties,
            "required": [name for name in properties if name in required],
            "additionalProperties": further,
            "minProperties": low,
            "maxProperties": high,
        },
        st.dictionaries(names, inner, max_size=4),
        st.sets(names, max_size=2),
        st.booleans() | inner,
        st.integers(0, 2),
        st.integers(2, 6),
    )


EXACT = st.recursive(
    st.sampled_from(
        [
            {"type": "integer"},
            {"type": "number"},
            {"type": "string"},
            {"type": ["boolean", "null"]},
            {"type": "integer", "minimum": -5, "exclusiveMaximum": 70},
            {"type": "integer", "multipleOf": 3},
            {"type": "number", "exclusiveMinimum": -3.5, "maximum": 1e6},
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "minLength": 1, "maxLength": 4},
            {"enum": [1, "a", None, 'q"\\\n']},
            {"type": "string", "not": {"enum": ["a", "ab"]}},
        ]
    )
    | st.sampled_from([p for p in PATTERNS if "\\S" not in p and "\\w" not in p]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
    lambda inner: st.one_of(
        _object_schemas(inner),
        st.builds(
            lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
            inner,
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"allOf": parts}),
    ),
    max_leaves=5,
)


def _valued(schema: Any) -> st.SearchStrategy[Any]:
    """Values that are likely to be valid under an exact schema; keys come in its order."""
    if "anyOf" in schema:
        return st.one_of(*map(_valued, schema["anyOf"]))
    if "allOf" in schema:
        return _valued(schema["allOf"][0])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        parts = {
            name: _valued(inner) if name in schema["required"] else st.none() | _valued(inner)
            for name, inner in schema["properties"].items()
        }
        further = (
            st.dictionaries(st.sampled_from(["x", "yy", "a\tb"]), LITTLE, max_size=2) if schema["additionalProperties"] else st.just({})
        )
        return st.builds(
            lambda known, more: {**{k: known[k] for k in parts if known[k] is not None}, **more}, st.fixed_dictionaries(parts), further
        )
    if kind == "array":
        return st.lists(_valued(schema["items"]), min_size=schema["minItems"], max_size=schema["maxItems"])
    if "pattern" in schema:
        return st.text('abcxyz1-@"\\\u00e9', max_size=6) | st.from_regex(schema["pattern"], alphabet='abcxyz159-@"\\\u00e9')
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(-99, 99) | st.integers(-(10**39), 10**39),
        "number": st.floats(-2, 2) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
        "string": st.text(max_size=6),
    }
    return kinds.get(kind if isinstance(kind, str) else "", st.none() | st.booleans()) | LITTLE


@given(EXACT.flatmap(lambda schema: st.tuples(st.just(schema), _valued(schema))))
@settings(max_examples=rounds(200), suppress_health_check=list(HealthCheck))
def test_every_valid_value_is_taken(pair: tuple[dict[str, Any], Any]) -> None:
    schema, value = pair
    text = compact(value)
    assume("-0.0" not in text)  # the grammar writes no negative zero where a bound is 0
    assume('\\n"' not in text)  # Python's $ also matches before a line end
    assume("integer" not in compact(schema) or re.search(r"\d(\.0\b|e\+)", text) is None)  # an integer has digits only
    valid = jsonschema.Draft202012Validator(schema).is_valid(value)
    try:
        taken = takes(schema, text)
    except InvalidRequestError:
        assert not valid
        return
    if valid:
        assert taken, text
    elif taken:  # whole numbers are integers however they are written; the grammar is stricter, never laxer
        raise AssertionError(f"invalid, but taken: {text}")


@given(VALUES)
def test_constants_are_written_exactly(value: Any) -> None:
    assert takes({"const": value}, compact(value))
    assert takes({"enum": [value, "other"]}, compact(value))
    assert takes({"enum": [value, "other"]}, '"other"')
    assert Gbnf(grammar_of({"const": value})).draw(random.Random(0)) == compact(value)


@pytest.mark.parametrize("text", ["12345678901234567890", "1.0", "-0.5", "1e-07", '{"b":[1,null],"a":"\u2028"}'])
def test_odd_constants(text: str) -> None:
    assert takes({"const": json.loads(text)}, text)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(), max_size=4))
def test_any_object_is_json_and_nothing_else_is(value: dict[str, int]) -> None:
    grammar = Grammar(JSON_GRAMMAR)
    assert grammar.accepts(compact(value))
    assert grammar.accepts(json.dumps(value, indent=2))
    assert not grammar.accepts(compact([value]))


@pytest.mark.parametrize("text", ["true", "1", '"a"', "[]", "null", "", "{", "{}{}", "{}  "])
def test_what_is_no_object(text: str) -> None:
    assert not Grammar(JSON_GRAMMAR).accepts(text)


def test_white_space_is_bounded() -> None:
    grammar = Grammar(JSON_GRAMMAR)
    assert grammar.accepts('{ "a": 1,\n    "b": [\n 2 ]\n}')
    assert not grammar.accepts('{  "a": 1}')
    assert not grammar.accepts('{"a": 1,\n\n"b": 2}')
    assert not grammar.accepts('{"a":\n1}')


def test_properties_come_in_the_order_of_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"z": {"type": "integer"}, "a": {"type": "integer"}, "m": {"type": "integer"}},
        "required": ["a"],
    }
    for text, taken in [
        ('{"z":1,"a":2,"m":3}', True),
        ('{"a":2}', True),
        ('{"z":1,"a":2}', True),
        ('{"a":2,"z":1}', False),
        ('{"z":1}', False),
        ('{"a":2,"x":3}', False),
        ("{}", False),
    ]:
        assert takes(schema, text) is taken, text


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        (
            {"type": "object", "required": ["b"], "additionalProperties": {"type": "integer"}},
            ['{"b":1}', '{"b":1,"c":2}'],
            ["{}", '{"b":"x"}', '{"b":1,"b":2}'],
        ),
        ({"properties": {"a": {}}, "additionalProperties": True}, ['{"a":1,"c":[]}', '{"c":1}'], ['{"c":1,"a":2}', '{"a":1,"a":2}']),
        ({"type": "object", "patternProperties": {"^x-": {"type": "null"}}}, ['{"x-a":null}', "{}"], ['{"a":null}', '{"x-a":1}']),
        (
            {
                "type": "object",
                "patternProperties": {"^x": {"type": "integer"}, "y$": {"minimum": 5}},
                "additionalProperties": {"type": "string"},
            },
            ['{"xy":5}', '{"x":1}', '{"y":7}', '{"z":"s"}'],
            ['{"xy":4}', '{"x":"s"}', '{"y":"s"}', '{"z":1}'],
        ),
        (
            {"type": "object", "minProperties": 1, "maxProperties": 2, "properties": dict.fromkeys("abc", True)},
            ['{"a":1,"c":1}', '{"b":1}'],
            ["{}", '{"a":1,"b":1,"c":1}'],
        ),
        (
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}},
            ["{}", '{"b":1}', '{"a":1,"b":1}'],
            ['{"c":1}', '{"a":1,"a":2}'],
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "integer"}}},
                    {"properties": {"a": {"minimum": 3}, "b": {"type": "null"}}, "required": ["a"]},
                ]
            },
            ['{"a":3,"b":null}', '{"a":9}'],
            ['{"a":2}', "{}"],
        ),
        ({"$ref": "#/$defs/s", "maxLength": 3, "$defs": {"s": {"type": "string", "minLength": 2}}}, ['"ab"', '"abc"'], ['"a"', '"abcd"']),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, ['[1,"a"]'], ["[1]", '[1,"a",2]', "[]"]),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False, "minItems": 0}, ["[1]", "[]"], ["[1,2]"]),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "null"}}, ["[1]", "[1,null,null]"], ["[1,2]"]),
        (
            {"items": [{"type": "integer"}, {"type": "null"}], "additionalItems": {"type": "boolean"}},
            ["[1,null]", "[1,null,true]"],
            ["[1,null,1]"],
        ),
        (
            {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 1},
            ['["b","a"]', '["c"]'],
            ["[]", '["a","a"]', '["a","b","a"]'],
        ),
        (
            {"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "maxItems": 3},
            ["[7]", "[1,7,2]"],
            ["[1]", "[]", "[7,1,2,3]"],
        ),
        ({"type": "array", "items": {"enum": [1, 2]}, "contains": {"const": 1}, "maxContains": 1}, ["[1]", "[2,1,2]"], ["[1,1]", "[2]"]),
        (
            {"type": "object", "properties": {"a": True, "b": True}, "dependentRequired": {"a": ["b"]}},
            ['{"a":1,"b":2}', '{"b":2}', "{}"],
            ['{"a":1}'],
        ),
        ({"type": "string", "not": {"const": "no"}}, ['"yes"', '"n"', '"noo"'], ['"no"']),
        ({"type": "integer", "not": {"minimum": 3}}, ["2", "-9"], ["3", "4"]),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": True, "b": True}},
            ['{"a":1}', '{"b":1}'],
            ['{"a":1,"b":1}', "{}"],
        ),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, ["1.5"], ["1"]),
        (
            {"allOf": [{"properties": {"a": True}}], "properties": {"b": True}, "unevaluatedProperties": False},
            ['{"b":1,"a":1}', "{}"],
            ['{"c":1}'],
        ),
        (
            {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": {"type": "integer"}},
            ['{"a":"x","c":1}', '{"c":1}'],
            ['{"c":"x"}'],
        ),
        ({"type": "object", "maxProperties": 10**30}, ["{}", '{"a":1}'], ["1"]),
        ({"type": "string", "nullable": True}, ['"a"', "null"], ["1"]),
        ({"type": "string", "minLength": 257, "maxLength": 257}, ['"' + "a" * 257 + '"'], ['"' + "a" * 256 + '"', '"' + "a" * 258 + '"']),
        (
            {"type": "array", "items": {"type": "null"}, "maxItems": 2000},
            ["[" + ",".join(["null"] * 2000) + "]"],
            ["[" + ",".join(["null"] * 2001) + "]"],
        ),
        (
            {"type": "string", "maxLength": 2},
            ['"\U0001f600a"', '"\\ud83d\\ude00\\u00e9"', '"\\"\\\\"'],
            ['"abc"', '"\\ud83d"', '"\x01"', '"\\x"'],
        ),
        ({"minimum": 1, "exclusiveMinimum": True, "type": "integer"}, ["2"], ["1"]),
        ({"$defs": {"a": {"$anchor": "here", "type": "null"}}, "$ref": "#here"}, ["null"], ["1"]),
        (
            {"properties": {"a~b/c": {"type": "null"}, "same": {"$ref": "#/properties/a~0b~1c"}}, "required": ["same"]},
            ['{"same":null}'],
            ['{"same":1}'],
        ),
        ({"$id": "https://example.com/a", "$defs": {"b": {"$id": "b", "type": "null"}}, "$ref": "https://example.com/b"}, ["null"], ["1"]),
        (
            {"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "type": "object"},
            ['{"next":{"next":null}}', "{}"],
            ['{"next":1}'],
        ),
    ],
)
def test_keywords(schema: dict[str, Any], yes: list[str], no: list[str]) -> None:
    grammar = Grammar(grammar_of(schema))
    assert [text for text in yes if not grammar.accepts(text)] == []
    assert [text for text in no if grammar.accepts(text)] == []


def test_a_chain_of_conditions_gives_one_branch_for_each_value() -> None:
    kinds = [f"kind {i}" for i in range(40)]
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": kinds}},
        "required": ["kind"],
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {f"of {kind}": {"type": "integer"}}, "required": [f"of {kind}"]},
            }
            for kind in kinds
        ],
    }
    grammar = Grammar(grammar_of(schema))
    assert grammar.accepts('{"kind":"kind 7","of kind 7":1}')
    assert not grammar.accepts('{"kind":"kind 7","of kind 8":1}')
    assert not grammar.accepts('{"kind":"kind 7"}')


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_written_as_readers_take_them(name: str) -> None:
    reader, chance = Gbnf(grammar_of({"type": "string", "format": name})), random.Random(3)
    for _ in range(40):
        value = json.loads(reader.draw(chance, budget=120))
        jsonschema.validate(value, {"format": name}, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"allOf": [{"properties": {"a": {}}, "unevaluatedProperties": False}, {"properties": {"b": {}}}]}, "outermost schema"),
    ({"type": "object", "minProperties": 10**30}, "/minProperties: must be at most"),
    ({"type": "strnig"}, "/type: must be one of"),
    ({"type": []}, "at least one type"),
    ({"type": [[]]}, "/type: must be one of"),
    ({"enum": []}, "/enum: .*at least one"),
    ({"anyOf": {}}, "/anyOf: must be a list"),
    ({"properties": []}, "/properties: must be an object"),
    ({"properties": {"a": 3}}, "/properties/a: must be a schema"),
    ({"properties": {"a": {}}, "required": [[]]}, "/required: must be a list of names"),
    ({"properties": {"a": {"required": True}}}, "/properties/a/required: must be a list of names"),
    ({"type": "string", "maxLength": -1}, "/maxLength: must be a whole number"),
    ({"type": "string", "maxLength": "3"}, "/maxLength: must be a whole number"),
    ({"type": "string", "minLength": 100_000}, "/minLength: must be at most"),
    ({"type": "string", "minLength": 5, "maxLength": 2}, "no JSON value"),
    ({"multipleOf": 0}, "/multipleOf: must be above 0"),
    ({"type": "integer", "minimum": 10**200}, "/minimum: .*digits"),
    ({"type": "integer", "multipleOf": 9973}, "/multipleOf: "),
    ({"$ref": "https://example.com/schema"}, r"/\$ref: .*not in this schema"),
    ({"$ref": "#/missing"}, r"/\$ref: .*points to nothing"),
    ({"$ref": "#missing"}, r"no \$anchor"),
    ({"$ref": 3}, "must be a text"),
    ({"$ref": "#"}, "no JSON value"),
    ({"allOf": [{"$ref": "#"}]}, "no JSON value"),
    ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no JSON value of finite size"),
    ({"allOf": [{"type": "string"}, {"type": "null"}]}, "no JSON value"),
    ({"const": float("nan")}, "no JSON value"),
    ({"enum": [1, float("inf")]}, "no JSON value"),
    ({"const": "\ud800"}, "surrogate"),
    ({"enum": ["x" * 70_000]}, "characters"),
    ({"not": {"additionalProperties": False}}, "/not: the opposite of additionalProperties"),
    ({"type": "number", "not": {"const": 0}}, "cannot exclude"),
    ({"if": {"uniqueItems": True}, "then": {"maxItems": 3}}, "/if: the opposite of uniqueItems"),
    ({"properties": {"a": {"type": "string", "pattern": "a{5,0}"}}}, r"/properties/a/pattern: has \{5,0\}"),
    ({"allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(20)]}, "more than 400 ways"),
    ({"type": "object", "patternProperties": {f"^{c}": {} for c in "abcdef"}}, "patternProperties: has more than"),
]


@pytest.mark.parametrize(("schema", "says"), REFUSED)
def test_what_cannot_be_honoured_is_refused_in_words(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"json_schema: .*{says}"):
        grammar_of(schema)


def test_deep_schemas_are_refused() -> None:
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    with pytest.raises(InvalidRequestError, match="deep"):
        grammar_of(deep)


ANY_KEYS = st.sampled_from(
    "type properties required items prefixItems anyOf oneOf allOf not if then else enum const pattern format minLength maxLength minItems "
    "maxItems minimum maximum multipleOf exclusiveMinimum additionalProperties patternProperties propertyNames dependentRequired contains "
    "minProperties maxProperties uniqueItems unevaluatedProperties $ref $defs $id $anchor title nullable x-own".split()
)
ANY_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3000)
    | st.floats()
    | st.sampled_from(["object", "string", "array", "integer", "^a{2,3}$", "(", "date", "#", "#/$defs/a", "#/properties/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEYS | st.sampled_from("ab"), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(ANY_KEYS, ANY_VALUES, max_size=6))
@settings(max_examples=rounds(200), suppress_health_check=list(HealthCheck))
def test_anything_returns_or_is_refused(schema: dict[str, Any]) -> None:
    started = time.process_time()
    try:
        Gbnf(grammar_of(schema))
    except InvalidRequestError as error:
        assert str(error).startswith("json_schema: ")  # noqa: PT017
    assert time.process_time() - started < 20  # a bound against loops without an end, not a measurement
