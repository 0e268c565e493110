"""Which pages and which names are served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.errors import InvalidRequestError
from echorator.gateway.http.door import Names
from echorator.gateway.http.settings import HttpSettings
from tests.gateway.http.raw import CHAT
from tests.gateway.serving import Gateway, gatewaying
from tests.support.http_client import HttpAnswer, http

LOOPBACK = Names(HttpSettings(), "127.0.0.1")
ANYWHERE = Names(HttpSettings(), "0.0.0.0")
NAMED = Names(HttpSettings(allowed_hosts=("chat.example.com", "*.example.org"), allowed_origins=("https://app.example.com",)), "0.0.0.0")


@pytest.mark.parametrize(
    ("names", "host", "served"),
    [
        *((LOOPBACK, host, True) for host in ("localhost", "LocalHost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "a.localhost:1")),
        *((LOOPBACK, host, False) for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example")),
        *((LOOPBACK, host, False) for host in ("10.0.0.1", "[fe80::1]", "localhost@evil.example", "xlocalhost", "0.0.0.0")),
        (LOOPBACK, "", True),
        *((ANYWHERE, host, True) for host in ("evil.example", "10.0.0.1:80", "gateway.echorator-system.svc")),
        *(
            (NAMED, host, True)
            for host in ("chat.example.com", "chat.example.com:443", "a.b.example.org", "localhost", "CHAT.example.com.")
        ),
        *((NAMED, host, False) for host in ("example.com", "example.org", "evil-example.org", "10.0.0.1")),
        (Names(HttpSettings(), "10.1.2.3"), "10.1.2.3:8080", True),
        (Names(HttpSettings(), "::1"), "[::1]:8080", True),
        (Names(HttpSettings(), "::1"), "evil.example", False),
    ],
)
def test_hosts(names: Names, host: str, served: bool) -> None:
    assert names.host_allowed(host) == served


@pytest.mark.parametrize(
    ("names", "origin", "host", "allowed"),
    [
        *((LOOPBACK, origin, "localhost:8080", True) for origin in ("http://localhost:3000", "https://127.0.0.1", "http://[::1]:1")),
        *(
            (LOOPBACK, origin, "localhost:8080", False)
            for origin in ("http://evil.example", "null", "file://", "http://localhost.evil.example")
        ),
        *(
            (LOOPBACK, origin, "localhost", False)
            for origin in ("http://localhost:3000/a", "http://localhost:80@evil.example", "chrome://x")
        ),
        (LOOPBACK, "http://evil.example:8080", "evil.example:8080", False),  # a name that was made to mean this machine
        (ANYWHERE, "http://evil.example:8080", "evil.example:8080", False),
        (ANYWHERE, "http://10.0.0.1:8080", "10.0.0.1:8080", True),  # an address means nothing else
        (ANYWHERE, "http://10.0.0.1:8081", "10.0.0.1:8080", False),
        (NAMED, "https://app.example.com", "10.0.0.1", True),
        (NAMED, "HTTPS://APP.example.com", "10.0.0.1", True),
        (NAMED, "http://app.example.com", "10.0.0.1", False),
        (NAMED, "https://chat.example.com", "chat.example.com", True),
        (Names(HttpSettings(allowed_origins=("*",)), "127.0.0.1"), "https://any.example", "localhost", True),
    ],
)
def test_origins(names: Names, origin: str, host: str, allowed: bool) -> None:
    assert names.origin_allowed(origin, host) == allowed


@pytest.mark.parametrize("given", [{"allowed_hosts": ("a b",)}, {"allowed_hosts": ("a:80",)}, {"allowed_origins": ("a.example",)}])
def test_names_that_could_never_match_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="allowed_"):
        HttpSettings(**given)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    limits = HttpSettings(allowed_origins=("https://app.example.com",))
    async with gatewaying(tmp_path_factory.mktemp("door"), http_limits=limits) as gateway:
        await gateway.back_end("a", 4)
        yield gateway


def error_of(answer: HttpAnswer) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error: dict[str, Any] = json.loads(answer.body)["error"]
    return error


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_of_another_site_reaches_no_agent(gateway: Gateway) -> None:
    """What a browser sends for such a page without asking first, and after a name was rebound."""
    (back_end,) = gateway.back_ends
    body = b'{"model":"m","messages":[{"role":"user","content":"My bank is called EvilBank."}],"memory":{"user":"ann"}}'
    plain, json_typed = {"content-type": "text/plain"}, {"content-type": "application/json"}
    for fields, status, code in (
        (plain | {"host": "evil.example", "origin": "http://evil.example"}, 403, "host_not_allowed"),
        (plain | {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
        (json_typed | {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
        (json_typed | {"host": "evil.example"}, 403, "host_not_allowed"),
        (plain | {"origin": "null"}, 403, "origin_not_allowed"),
        (plain, 415, "invalid_argument"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "invalid_argument"),
        ({"content-type": "", "sec-fetch-site": "cross-site"}, 415, "invalid_argument"),
        ({"content-type": "", "referer": "http://evil.example/"}, 415, "invalid_argument"),
        ({"content-type": "application/json; charset=utf-16"}, 415, "invalid_argument"),
    ):
        answer = await http(gateway.url, "POST", "/v1/chat/completions", body, fields)
        assert (answer.status, error_of(answer)["code"]) == (status, code), fields
        assert "access-control-allow-origin" not in answer.headers
    assert back_end.bodies == []
    for path in ("/health", "/metrics", "/v1/models", "/v1/none"):
        assert (await http(gateway.url, "GET", path, headers={"host": "evil.example"})).status == 403


@pytest.mark.asyncio(loop_scope="session")
async def test_a_form_is_told_what_to_send(gateway: Gateway) -> None:
    answer = await http(gateway.url, "POST", "/v1/chat/completions", CHAT, {"content-type": "application/x-www-form-urlencoded"})
    assert "with curl: -H 'Content-Type: application/json'" in error_of(answer)["message"]
    for kind in ("", "application/json", "Application/JSON; charset=UTF-8", "application/vnd.api+json"):
        assert (await http(gateway.url, "POST", "/v1/chat/completions", CHAT, {"content-type": kind})).status == 200


@pytest.mark.asyncio(loop_scope="session")
async def test_pages_that_are_allowed(gateway: Gateway) -> None:
    for origin in ("http://localhost:3000", "https://app.example.com"):
        asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
        preflight = await http(gateway.url, "OPTIONS", "/v1/chat/completions", headers=asked)
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
        for body, status in ((CHAT, 200), (b"{}", 400), (CHAT[:-1] + b',"stream":true}', 200)):
            answer = await http(gateway.url, "POST", "/v1/chat/completions", body, {"origin": origin})
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, origin)
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    assert error_of(await http(gateway.url, "OPTIONS", "/v1/chat/completions", headers=asked))["code"] == "origin_not_allowed"


@pytest.mark.asyncio(loop_scope="session")
async def test_paths(gateway: Gateway) -> None:
    assert (await http(gateway.url, "POST", "/v1/chat/completions/", CHAT)).status == 200
    assert (await http(gateway.url, "GET", "/v1/models/")).status == 200
    for method, path, status in (
        ("GET", "/none", 404),
        ("PUT", "/health", 405),
        ("GET", "/v1/completions", 405),
        ("GET", "/v1/models/a%00", 404),
    ):
        answer = await http(gateway.url, method, path)
        assert answer.status == status
        error_of(answer)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_server_for_one_name_only(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, http_limits=HttpSettings(allowed_hosts=("chat.example.com",))) as gateway:
        for host, status in (("chat.example.com", 200), ("localhost", 200), ("other.example.com", 403)):
            assert (await http(gateway.url, "GET", "/health", headers={"host": host})).status == status
