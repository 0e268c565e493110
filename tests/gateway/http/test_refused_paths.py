"""What is answered where a path has no such method, or is not served at all: each form of errors, with an id that the log knows."""

from __future__ import annotations

import json

import pytest

from tests.gateway.http.scripted import HELLO, Scripted
from tests.support.http_client import http

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/v1/memories", "GET, HEAD, POST"),
        ("POST", "/v1/responses/resp_1", "DELETE, GET, HEAD"),
        ("GET", "/v1/messages", "POST"),
        ("POST", "/api/tags", "GET, HEAD"),
        ("POST", "/api/delete", "DELETE"),
        ("PATCH", "/tokenize", "POST"),
    ],
)
async def test_another_method(scripted: Scripted, verb: str, path: str, allowed: str) -> None:
    answer = await http(scripted.gateway.url, verb, path, b"{}" if verb != "GET" else b"")
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    found = json.loads(answer.body)
    shown = found["error"] if path.startswith("/api/") else found["error"]["message"]
    assert shown == f"this path takes another method than {verb}: {allowed}"
    if path.startswith("/v1/messages"):
        assert found["request_id"] == answer.headers["x-request-id"]
    elif not path.startswith("/api/"):
        assert (found["error"]["code"], found["error"]["trace_id"]) == ("method_not_allowed", answer.headers["x-request-id"])


async def test_every_refusal_has_the_id_of_its_header(scripted: Scripted) -> None:
    url = scripted.gateway.url
    for path, headers, status in (
        ("/v1/none", {}, 404),
        ("/health", {"origin": "https://evil.example"}, 403),
        ("/health", {"host": "evil"}, 403),
    ):
        answer = await http(url, "GET", path, headers=headers)
        assert (answer.status, json.loads(answer.body)["error"]["trace_id"]) == (status, answer.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/v1/responses/compact", "/v1/responses/resp_1/cancel"])
async def test_what_the_responses_api_has_elsewhere_is_named(scripted: Scripted, path: str) -> None:
    answer = await scripted.post(path, {"model": "m", "input": "hi"})
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["type"], error["code"]) == (501, "server_error", "not_served")
    assert "here" in error["message"]


async def test_models_have_the_fields_of_both_clients(scripted: Scripted) -> None:
    scripted.answers(HELLO)
    found = [model async for model in scripted.anthropic.models.list()]
    assert [(model.id, model.type, model.display_name, model.lifecycle) for model in found] == [("m", "model", "m", "active")]
    assert found[0].created_at.tzinfo is not None
    one = await scripted.anthropic.models.retrieve("m")
    assert (one.id, one.created_at) == ("m", found[0].created_at)
    of_openai = [model async for model in scripted.openai.models.list()]
    assert [(model.id, model.object, model.created) for model in of_openai] == [("m", "model", int(found[0].created_at.timestamp()))]
