"""JSON output over HTTP: order, bounds and references reach the model; what cannot be honoured is a 400 with its place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of
from tests.support.http_client import HttpAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")

USUAL: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 1, "maximum": 5},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
    {"type": "string", "pattern": "^\\d{4}$"},
    {"type": "object", "properties": {"p": {"allOf": [{"$ref": "#/$defs/P"}]}}, "$defs": {"P": {"type": "string"}}},
    {"discriminator": {"propertyName": "k"}, "oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}}]},
    {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
    {"type": "string", "maxLength": 257},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 2000},
    {"enum": [12345678901234567890]},
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("json"), {"echo": embedded_model()}, 4096) as setting:
        yield setting


async def asked(mesh: Setting, form: dict[str, Any], **more: Any) -> HttpAnswer:
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "response_format": form, "temperature": 1, **more}
    return await mesh.post("/v1/chat/completions", json.dumps(body).encode())


def choice_of(answer: HttpAnswer) -> tuple[str, str]:
    """The text and the finish reason."""
    choice = json.loads(answer.body)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


def shaped(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}


@pytest.mark.parametrize("order", [["thought", "answer"], ["answer", "thought"]])
async def test_properties_come_in_the_order_of_the_schema(mesh: Setting, order: list[str]) -> None:
    parts = {"thought": {"type": "string", "maxLength": 8}, "answer": {"type": "boolean"}}
    schema = {"type": "object", "additionalProperties": False, "required": order, "properties": {name: parts[name] for name in order}}
    for seed in range(4):
        text, finish = choice_of(await asked(mesh, shaped(schema), max_tokens=60, seed=seed))
        assert finish == "stop"
        assert list(json.loads(text)) == order


async def test_a_json_object_is_an_object(mesh: Setting) -> None:
    for seed in range(8):
        text, finish = choice_of(await asked(mesh, {"type": "json_object"}, max_tokens=60, seed=seed))
        assert text.startswith("{")
        if finish == "stop":
            assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize("schema", USUAL, ids=lambda schema: next(key for key in schema if key != "type"))
async def test_usual_schemas_are_taken(mesh: Setting, schema: dict[str, Any]) -> None:
    answers = [await asked(mesh, shaped(schema), max_tokens=60, seed=seed) for seed in range(2)]
    assert {answer.status for answer in answers} == {200}
    for text, finish in map(choice_of, answers):
        if finish == "stop":
            jsonschema.validate(json.loads(text), {**schema, "uniqueItems": False})


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"properties": {"a": {"type": "string", "pattern": "[a-z]{5,0}"}}}, "/properties/a/pattern: has {5,0}"),
        ({"properties": {"a": {"type": "strnig"}}}, "/properties/a/type: must be one of"),
        ({"$ref": "#/$defs/none"}, "/$ref: "),
    ],
)
async def test_what_cannot_be_honoured_is_a_400_with_its_place(mesh: Setting, schema: dict[str, Any], says: str) -> None:
    answer = await asked(mesh, shaped(schema), max_tokens=5)
    assert answer.status == 400
    assert says in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("pattern", ["^a}$", "^]$", "^}$"])
async def test_brackets_are_characters(mesh: Setting, pattern: str) -> None:
    text, _ = choice_of(await asked(mesh, shaped({"type": "string", "pattern": pattern}), max_tokens=20))
    assert json.loads(text) == pattern[1:-1]
