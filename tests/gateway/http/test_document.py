"""The OpenAPI document describes what the APIs of models take."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from echorator.gateway.http.document.models import OPERATIONS
from tests.gateway.http.scripted import HELLO, Scripted
from tests.gateway.http.test_hostile_bodies import HI
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_path_is_served_and_takes_what_its_schema_takes(scripted: Scripted) -> None:
    document: dict[str, Any] = json.loads((await http(scripted.gateway.url, "GET", "/openapi.json")).body)
    scripted.answers(HELLO)
    for operation in OPERATIONS:
        described = document["paths"][operation.path][operation.verb.lower()]
        answer = await http(scripted.gateway.url, operation.verb, operation.path.replace("{id}", "none"), b"{}")
        assert answer.status != 405
        if answer.status >= 400:
            check(document, described["responses"]["4XX"], json.loads(answer.body))
    for path, body in HI.items():
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        validate(document, schema, body)
        with pytest.raises(jsonschema.ValidationError):
            validate(document, schema, {})
        with pytest.raises(jsonschema.ValidationError):
            validate(document, schema, body | {"temperature": "hot"})


def check(document: dict[str, Any], response: dict[str, Any], found: Any) -> None:
    validate(document, response["content"]["application/json"]["schema"], found)


def validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)
