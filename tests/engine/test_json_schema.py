"""What is generated under a schema's grammar is valid under the schema; what no grammar expresses is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echorator.engine.json_schema import JSON_GRAMMAR, grammar_of
from echorator.errors import InvalidRequestError
from echorator.settings import EngineSettings, Sampling
from tests.native.conftest import ECHO_NANO, Running

PERSON = {
    "type": "object",
    "title": "a person",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "age": {"type": "integer"},
        "kind": {"enum": ["cat", "dog", 7, None]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "tags"],
}
TREE = {
    "$defs": {"node": {"type": "object", "properties": {"v": {"type": "boolean"}, "next": {"$ref": "#/$defs/node"}}, "required": ["v"]}},
    "$ref": "#/$defs/node",
}
ALIKE = {
    "$defs": {
        "a-b": {"type": "boolean"},
        "a_b": {"const": "under"},
        "string": {"type": "integer"},
    },
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/a-b"}, "y": {"$ref": "#/$defs/a_b"}, "z": {"$ref": "#/$defs/string"}, "a-b": {"type": "null"}},
    "required": ["x", "y", "z", "a-b"],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "person": PERSON,
    "tree": TREE,
    "definitions named alike": ALIKE,
    "string": {"type": "string", "maxLength": 8},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "types": {"type": ["string", "null", "integer"]},
    "const": {"const": {"a": [1, "b"]}},
    "enum": {"enum": ["red", "green", "blue"]},
    "any of": {"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {"x": {"type": "number"}}}]},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "open object": {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": True, "required": ["a"]},
    "pattern": {"type": "string", "pattern": "^[a-z]{2,4}-[0-9]{1,3}$"},
    "date": {"type": "string", "format": "date"},
    "uuid": {"type": "string", "format": "uuid"},
    "empty array": {"type": "array", "items": {"type": "null"}, "maxItems": 0},
    "odd names": {
        "type": "object",
        "properties": {'a "quoted" name': {"type": "null"}, "ünï/code": {"const": "é"}},
        "required": ["ünï/code"],
    },
    "nested": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}, "maxItems": 2},
        "maxItems": 2,
    },
}


@pytest.fixture(scope="module")
def echo() -> Iterator[Running]:
    running = Running(EngineSettings(ECHO_NANO, threads=1, slots=8))
    yield running
    running.engine.close()


@pytest.mark.parametrize("name", SCHEMAS)
def test_generated_texts_are_valid(echo: Running, name: str) -> None:
    schema = SCHEMAS[name]
    grammar = grammar_of(schema)
    echo.model.check_grammar(grammar)
    end = echo.model.tokenize(echo.model.info.eos, False, True)[0]
    samplings = [Sampling(seed=seed, temperature=1.2, top_p=1.0, min_p=0.0, grammar=grammar, logit_bias=((end, 5.0),)) for seed in range(8)]
    prompt = echo.chat("Tell me a story about a fox.")
    answers = echo.answer(*[echo.submit(prompt, s, max_tokens=200) for s in samplings])
    whole = [a.text for a in answers if a.end and a.end.finish == "stop"]
    assert whole, "no text came to its end"
    for text in whole:
        jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.FormatChecker())


def test_any_json(echo: Running) -> None:
    echo.model.check_grammar(JSON_GRAMMAR)
    prompt = echo.chat("hello")
    answers = echo.answer(*[echo.submit(prompt, Sampling(seed=s, temperature=2.0, grammar=JSON_GRAMMAR), max_tokens=200) for s in range(8)])
    for answer in answers:
        if answer.end and answer.end.finish == "stop":
            json.loads(answer.text)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "integer", "minimum": 3}, "minimum cannot be honoured"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "properties": {"a": {"type": "number", "multipleOf": 2}}}, "/properties/a: multipleOf"),
        ({"not": {"type": "null"}}, "not cannot"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"allOf": [{"type": "object"}]}, "allOf"),
        ({"type": "object", "properties": {}, "required": ["a"]}, "must be among the properties"),
        ({"type": "strnig"}, "type must be one of"),
        ({"type": 3}, "type must be one of"),
        ({"enum": []}, "at least one"),
        ({"anyOf": {}}, "must be a list"),
        ({"properties": []}, "must be an object"),
        ({"type": "array", "items": True}, "must be an object"),
        ({"type": "string", "pattern": "abc"}, "begins with"),
        ({"type": "string", "pattern": "^.*$"}, "must not use"),
        ({"type": "string", "pattern": "^[^a]$"}, "may match a quote"),
        ({"type": "string", "pattern": "^[ -~]$"}, "may match a quote"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "not above"),
        ({"type": "string", "maxLength": 10**9}, "0..2000"),
        ({"$ref": "https://example.com/schema"}, "nothing else is followed"),
        ({"$ref": "#/missing"}, "nothing else is followed"),
        ({"$ref": 3}, "nothing else is followed"),
        ({"$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/b"}, "must be one of #/\\$defs/a"),
        ({"anyOf": [{"const": {"pattern": "^a{1000000000}$"}}, {"$ref": "#/anyOf/0/const"}]}, "nothing else is followed"),
        ({"const": {"$ref": "#/const"}}, "must not hold an object with a"),
        ({"items": {"$defs": {}, "type": "null"}}, "at the top of the schema"),
        ({"type": "string", "pattern": "^a{1000000000}$"}, "add up to more than"),
        ({"type": "string", "pattern": "^(a{1500}b{1500}){1500}" + "[a-z]{2000}" * 10 + "$"}, "add up to more than"),
        ({"type": "string", "pattern": "^a{" + "9" * 900 + "}$"}, "add up to more than"),
        ({"type": "string", "pattern": "^a$b$"}, "two ends only"),
        ({"type": "string", "pattern": "^a\nb$"}, "control characters"),
        ({"type": "string", "format": "email"}, "must be one of date"),
        ({"type": "string", "format": "date", "minLength": 3}, "minLength cannot be honoured"),
        ({"type": []}, "at least one type"),
        ({"type": [[]]}, "type must be one of"),
        ({"properties": {"a": {}}, "required": [[]]}, "list of names"),
        ({"const": float("nan")}, "JSON values only"),
        ({"enum": [1, float("inf")]}, "JSON values only"),
    ],
)
def test_what_cannot_be_honoured_is_refused(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"json_schema: .*{says}"):
        grammar_of(schema)


NAMES = st.sampled_from(["a", "a-b", "a_b", "string", "ref", "$ref", "x y"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3000)
    | st.floats()
    | st.sampled_from(["object", "string", "array", "^a{2,3}$", "^(a|b)*$", "date"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
KEYWORDS = st.sampled_from(
    "type properties required items prefixItems anyOf oneOf enum const pattern format minLength maxLength minItems maxItems "
    "additionalProperties $ref $defs definitions title".split()
)
REFERENCES = st.sampled_from(["#/$defs/a", "#/$defs/a-b", "#/$defs/a_b", "#/definitions/string", "#", "#/const"])
ANY_SCHEMA = st.recursive(
    st.dictionaries(KEYWORDS, VALUES | REFERENCES, max_size=4),
    lambda inner: st.dictionaries(
        KEYWORDS, VALUES | REFERENCES | inner | st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(ANY_SCHEMA)
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_any_schema_gives_a_grammar_or_a_clear_refusal(schema: dict[str, Any]) -> None:
    try:
        grammar = grammar_of(schema)
    except InvalidRequestError as error:
        assert str(error).startswith("json_schema: ")  # noqa: PT017
        return
    assert grammar.startswith("root ::=") or "\nroot ::=" in grammar
    assert len(grammar) < 4_000_000


def test_bounds() -> None:
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    with pytest.raises(InvalidRequestError, match="deep"):
        grammar_of(deep)
    with pytest.raises(InvalidRequestError, match="characters"):
        grammar_of({"enum": ["x" * 70_000]})
