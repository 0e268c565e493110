"""What a model generates under a schema's grammar is valid under the schema, in the schema's order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from echorator.prompting.json_schema import JSON_GRAMMAR, grammar_of
from echorator.settings import EngineSettings, Sampling
from tests.prompting.schema.pydantic_models import MODELS, SAY_LESS
from tests.prompting.schema.zod_models import ZOD
from tests.support.engines import ECHO_NANO, Running

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
    "bounded integer": {"type": "integer", "minimum": 1, "maximum": 5},
    "tuple with bounds": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
    "digits": {"type": "string", "pattern": "^\\d{4}$"},
    "all of a reference": {
        "type": "object",
        "properties": {"p": {"allOf": [{"$ref": "#/$defs/P"}]}},
        "$defs": {"P": {"type": "string", "maxLength": 9}},
    },
    "discriminator": {"discriminator": {"propertyName": "k"}, "oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}}]},
    "reference to the root": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
    "long": {"type": "string", "maxLength": 257},
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


def answers(echo: Running, schema: dict[str, Any], seeds: range = range(8), tokens: int = 200) -> list[str]:
    """Texts that came to their end under the schema's grammar; one that was cut does not count."""
    grammar = grammar_of(schema)
    end = echo.model.tokenize(echo.model.info.eos, False, True)[0]
    samplings = [Sampling(seed=seed, temperature=1.2, top_p=1.0, min_p=0.0, grammar=grammar, logit_bias=((end, 5.0),)) for seed in seeds]
    prompt = echo.chat("Tell me a story about a fox.")
    found = echo.answer(*[echo.submit(prompt, s, max_tokens=tokens) for s in samplings])
    return [a.text for a in found if a.end and a.end.finish == "stop"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_generated_texts_are_valid(echo: Running, name: str) -> None:
    rounds = (answers(echo, SCHEMAS[name], range(seed, seed + 8)) for seed in range(0, 80, 8))
    whole = next(filter(None, rounds), [])  # which seeds come to an end differs from processor to processor
    assert whole, "no text came to its end"
    for text in whole:
        jsonschema.validate(json.loads(text), SCHEMAS[name], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def _ordered(value: Any, names: list[str]) -> bool:
    return [name for name in names if name in value] == list(value)


@pytest.mark.parametrize("model", MODELS[::3], ids=lambda model: model.__name__)
def test_models_of_pydantic(echo: Running, model: type[BaseModel]) -> None:
    schema = json.loads(json.dumps(model.model_json_schema()))
    for text in answers(echo, schema, range(4), tokens=400):
        jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        if model not in SAY_LESS:
            model.model_validate_json(text)
        if schema.get("type") == "object" and schema.get("additionalProperties", False) is False:
            assert _ordered(json.loads(text), list(schema.get("properties", ())))


@pytest.mark.parametrize("name", list(ZOD)[::6])
def test_models_of_zod(echo: Running, name: str) -> None:
    kind = jsonschema.validators.validator_for(ZOD[name])
    for text in answers(echo, ZOD[name], range(4), tokens=400):
        kind(ZOD[name], format_checker=kind.FORMAT_CHECKER).validate(json.loads(text))


def test_any_json_object(echo: Running) -> None:
    prompt = echo.chat("hello")
    found = echo.answer(*[echo.submit(prompt, Sampling(seed=s, temperature=2.0, grammar=JSON_GRAMMAR), max_tokens=200) for s in range(8)])
    for answer in found:
        assert answer.text.startswith("{")
        if answer.end and answer.end.finish == "stop":
            assert isinstance(json.loads(answer.text), dict)
