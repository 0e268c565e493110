"""The memory over HTTP, through a real gateway to a real memory: every method, its errors and streams, and what the document says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jsonschema
import pytest
import pytest_asyncio

from echorator.gateway.http.endpoints import ENDPOINTS, EVENTS, SERVICE
from echorator.gateway.http.model_document import OPERATIONS
from tests.gateway.serving import HTTP_LIMIT_BYTES, Gateway, gatewaying
from tests.support.http_client import HttpAnswer, http
from tests.support.memories import memory_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE_S = 20.0


@dataclass
class Client:
    """Calls the API for one user, and holds every answer to the document."""

    gateway: Gateway
    document: dict[str, Any]

    async def raw(self, verb: str, path: str, query: Any = (), body: bytes = b"", **headers: str) -> HttpAnswer:
        end = f"?{urlencode(query, doseq=True)}" if query else ""
        return await http(self.gateway.url, verb, path + end, body, {name.replace("_", "-"): value for name, value in headers.items()})

    async def call(self, verb: str, path: str, body: Any = None, /, status: int = 200, **query: Any) -> Any:
        """The JSON of an answer."""
        answer = await self.raw(verb, path, query, b"" if body is None else json.dumps(body).encode())
        assert answer.status == status, answer.body
        said = json.loads(answer.body)
        self.check(verb, path, status, said)
        return said

    def check(self, verb: str, path: str, status: int, said: Any) -> None:
        """Hold what came to the schema that the document has for it."""
        generic = "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
        operation = self.document["paths"][generic][verb.lower()]
        response = operation["responses"]["200" if status == 200 else f"{status // 100}XX"]
        (schema,) = (media["schema"] for media in response["content"].values())
        schema = schema.get("x-event", schema)
        jsonschema.validate(said, schema | {"components": self.document["components"]}, jsonschema.Draft202012Validator)

    async def refused(self, status: int, says: str, param: str | None, verb: str, path: str, body: Any = None, /, **query: Any) -> None:
        error = (await self.call(verb, path, body, status=status, **query))["error"]
        assert says in error["message"], error
        assert error["param"] == param
        assert error["trace_id"]

    async def events(self, path: str, count: int, verb: str = "GET", **more: Any) -> list[tuple[str, Any]]:
        """The first events of a stream, each with its id; the connection is closed then."""
        parts = urlsplit(self.gateway.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        last = more.pop("last", "")
        fields = f"host: {parts.netloc}\r\n" + (f"last-event-id: {last}\r\n" if last else "")
        writer.write(f"{verb} {path}?{urlencode(more)} HTTP/1.1\r\n{fields}content-length: 0\r\n\r\n".encode())
        found: list[tuple[str, Any]] = []
        identifier = ""
        async with asyncio.timeout(PATIENCE_S):
            assert b" 200 " in await reader.readline()
            while len(found) < count:
                line = (await reader.readline()).decode().rstrip("\r\n")
                if line.startswith("id: "):
                    identifier = line[4:]
                elif line.startswith("data: "):
                    found.append((identifier, json.loads(line[6:])))
                    self.check(verb, path, 200, found[-1][1])
        writer.close()
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("memories")
    async with memory_server(folder / "memory") as address, gatewaying(folder / "gateway", memory_server=address) as gateway:
        made = Client(gateway, json.loads((await http(gateway.url, "GET", "/openapi.json")).body))
        yield made


async def told(client: Client, user: str, *texts: str) -> list[str]:
    body = {"memories": [{"text": text} for text in texts]}
    ids: list[str] = (await client.call("POST", "/v1/memories", body, user=user))["ids"]
    return ids


async def test_every_method_has_an_endpoint_and_every_reference_an_end(client: Client) -> None:
    assert {e.name for e in ENDPOINTS} == {method.name for method in SERVICE.methods}
    assert {e.name for e in ENDPOINTS if e.answers == EVENTS} == {"WatchChanges", "WatchState", "Consolidate"}
    assert client.document["openapi"].startswith("3.1")
    identifiers = [operation["operationId"] for path in client.document["paths"].values() for operation in path.values()]
    assert len(identifiers) == len({*identifiers}) == len(ENDPOINTS) + len(OPERATIONS)
    schemas = client.document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(client.document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == {*schemas}
    assert schemas["Memory"]["properties"]["text"]["description"].startswith("what is remembered")
    operation = client.document["paths"]["/v1/memories/{id}"]["patch"]
    assert [p["name"] for p in operation["parameters"]] == ["id", "user", "session", "tenant", "agent"]


async def test_memories_are_told_found_changed_and_forgotten(client: Client) -> None:
    memories = [
        {"text": "My dog is called Pixel.", "metadata": {"n": 3, "live": True}, "categories": ["pets"], "kind": "KIND_SEMANTIC"},
        {"text": "It rained in Oslo."},
    ]
    first, second = (await client.call("POST", "/v1/memories", {"scope": {"user": "ann"}, "memories": memories}))["ids"]
    found = await client.call("POST", "/v1/memories/recall", {"query": "What is my dog called?", "k": 1}, user="ann")
    assert found["memories"][0]["memory"]["text"] == "My dog is called Pixel."
    assert found["memories"][0]["memory"]["metadata"] == {"n": 3.0, "live": True}
    one = await client.call("GET", f"/v1/memories/{first}", user="ann")
    assert (one["id"], one["categories"], one["kind"], one["pinned"], one["entities"]) == (
        first,
        ["pets"],
        "KIND_SEMANTIC",
        False,
        ["pixel"],
    )
    listed = await client.call("GET", "/v1/memories", user="ann", page_size=1, lifecycle="active")
    assert [m["id"] for m in listed["memories"]] == [first]
    following = await client.call("GET", "/v1/memories", user="ann", page_token=listed["next_page_token"])
    assert [m["id"] for m in following["memories"]] == [second]
    where = json.dumps({"metadata": [{"name": "n", "at_least": 2}]})
    assert [m["id"] for m in (await client.call("GET", "/v1/memories", user="ann", filter=where))["memories"]] == [first]
    body = {"scope": {"user": "ann"}, "filter": {"none": [{"categories": ["pets"]}]}}
    assert [m["id"] for m in (await client.call("POST", "/v1/memories/list", body))["memories"]] == [second]
    changed = await client.call("PATCH", f"/v1/memories/{first}", {"pinned": True, "metadata": {"n": None}}, user="ann")
    assert (changed["pinned"], changed["metadata"]) == (True, {"live": True})
    history = await client.call("GET", f"/v1/memories/{first}/history", user="ann")
    assert [change["action"] for change in history["changes"]] == ["updated", "remembered"]
    assert len((await client.call("GET", "/v1/memories/history", user="ann", limit=2))["changes"]) == 2
    assert await client.call("DELETE", f"/v1/memories/{second}", user="ann") == {"forgotten": "1", "erased": True}
    assert (await client.call("POST", "/v1/memories/forget", {"ids": {"ids": [first]}}, user="ann"))["forgotten"] == "1"
    await client.refused(404, "there is no memory", None, "GET", f"/v1/memories/{first}", user="ann")


async def test_contexts_turns_goals_and_upkeep(client: Client) -> None:
    user = {"user": "ben", "session": "s"}
    turn = {"scope": user, "user_text": "My cat is called Mia.", "answer": "Nice.", "outcome": "OUTCOME_ANSWERED"}
    assert (await client.call("POST", "/v1/memories/experiences", turn))["memory_ids"]
    messages = [{"role": "user", "content": "What is my cat called?"}]
    built = await client.call("POST", "/v1/memories/context", {"scope": user, "messages": messages, "min_confidence": 0})
    assert "Mia" in built["block"]
    goals = await client.call("PUT", "/v1/memories/goals", {"goals": [{"text": "rest", "priority": 0.5}]}, user="ben")
    assert goals == await client.call("GET", "/v1/memories/goals", user="ben") == {"goals": [{"text": "rest", "priority": 0.5}]}
    for verb in ("GET", "POST"):
        profile = await client.call(verb, "/v1/memories/profile", user="ben")
        assert "Mia" in json.dumps(profile["subjects"])
    assert (await client.call("GET", "/v1/memories/state", user="ben"))["experiences"] == "1"
    assert "mia" in [node["name"] for node in (await client.call("GET", "/v1/memories/graph", user="ben", limit=9))["nodes"]]
    assert "patterns" in await client.call("GET", "/v1/memories/patterns", user="ben", limit=3)
    assert (await client.call("GET", "/v1/memories/map", user="ben"))["points"][0]["text"]
    spaces = await client.call("GET", "/v1/memories/namespaces", tenant="default")
    assert "ben" in [space["scope"]["user"] for space in spaces["namespaces"]]
    assert (await client.call("POST", "/v1/memories/check"))["clean"] is True
    done = await client.events("/v1/memories/consolidate", 3, "POST", user="ben", dry_run="true")
    assert [event["stage"] for _, event in done] == ["expiring", "merging", "summarising"]
    ((_, state),) = await client.events("/v1/memories/state/changes", 1, user="ben")
    assert state["experiences"] == "1"


async def test_changes_are_events_that_a_browser_can_go_on_with(client: Client) -> None:
    first, second = await told(client, "carl", "It rained.", "It snowed.")
    begin, one, two = await client.events("/v1/memories/changes", 3, user="carl", interval_ms=100)
    assert "memory_id" not in json.dumps(begin)
    assert [event["change"]["memory_id"] for _, event in (one, two)] == [first, second]
    assert one[0] == one[1]["cursor"]
    _, again = await client.events("/v1/memories/changes", 2, user="carl", last=one[0])
    assert again == two
    following = asyncio.create_task(client.events("/v1/memories/changes", 2, user="carl", after=two[0], interval_ms=100))
    (third,) = await told(client, "carl", "It hailed.")
    assert (await following)[1][1]["change"]["memory_id"] == third
    of_tenant = await client.events("/v1/memories/changes", 3, tenant="default")
    assert of_tenant[1][1]["scope"]["tenant"] == "default"


async def test_files_go_out_and_come_in(client: Client) -> None:
    await told(client, "dora", "It rained.", "It snowed.")
    answer = await client.raw("GET", "/v1/memories/export", {"user": "dora", "format": "texts"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.body.count(b'"text"') == 2
    whole = await client.raw("GET", "/v1/memories/export", {"user": "dora", "embeddings": "true"})
    file = b"".join(line + b"\n" for line in whole.body.splitlines() if line.startswith(b"{"))
    for count in (2, 0):
        answer = await client.raw("POST", "/v1/memories/import", {"user": "eve"}, file, content_type="application/x-ndjson")
        assert json.loads(answer.body) == {"imported": str(count), "skipped": str(2 - count)}
        client.check("POST", "/v1/memories/import", 200, json.loads(answer.body))
    assert len((await client.call("GET", "/v1/memories", user="eve"))["memories"]) == 2
    mem0 = json.dumps({"results": [{"id": "1", "memory": "Likes jam"}]}).encode()
    answer = await client.raw("POST", "/v1/memories/import", {"user": "eve", "format": "mem0"}, mem0)
    assert json.loads(answer.body)["imported"] == "1"
    await client.refused(400, "this is no export of Echorator", None, "POST", "/v1/memories/import", {"no": "export"}, user="eve")
    answer = await client.raw("POST", "/v1/memories/import", {"user": "eve"}, file, content_type="image/png")
    assert answer.status == 415


async def test_what_is_wrong_is_said_with_its_name(client: Client) -> None:
    await told(client, "fay", "It rained.")
    cases: list[tuple[int, str, str | None, str, str, Any, dict[str, Any]]] = [
        (400, "scope.user is empty", None, "GET", "/v1/memories", None, {}),
        (404, "nothing was ever remembered", None, "GET", "/v1/memories", None, {"user": "nobody"}),
        (400, "there is no such parameter here; there are user,", "foo", "GET", "/v1/memories", None, {"user": "fay", "foo": 1}),
        (400, "'x' is none of its values", "page_size", "GET", "/v1/memories", None, {"user": "fay", "page_size": "x"}),
        (400, "'odd' is none of its values", "lifecycle", "GET", "/v1/memories", None, {"user": "fay", "lifecycle": "odd"}),
        (400, "filter: the body is not JSON", "filter", "GET", "/v1/memories", None, {"user": "fay", "filter": "{"}),
        (400, 'no field named "foo"', "filter", "GET", "/v1/memories", None, {"user": "fay", "filter": '{"foo": 1}'}),
        (400, "page_size comes twice", "page_size", "GET", "/v1/memories", None, {"user": "fay", "page_size": [1, 2]}),
        (400, "user comes twice", "user", "GET", "/v1/memories", None, {"user": ["fay", "fay"]}),
        (400, "page_size must be 1..1000", None, "GET", "/v1/memories", None, {"user": "fay", "page_size": 1001}),
        (400, 'no field named "memory"', "memory", "POST", "/v1/memories", {"memory": []}, {"user": "fay"}),
        (400, "Failed to parse k field", "k", "POST", "/v1/memories/recall", {"query": "x", "k": "many"}, {"user": "fay"}),
        (400, "9 is no kind", None, "POST", "/v1/memories", {"memories": [{"text": "x", "kind": 9}]}, {"user": "fay"}),
        (400, "memories: 1..1024 at once", None, "POST", "/v1/memories", None, {"user": "fay"}),
        (400, "say what to forget", None, "POST", "/v1/memories/forget", {}, {"user": "fay"}),
        (400, "nothing is to be changed", None, "PATCH", "/v1/memories/1", {}, {"user": "fay"}),
        (404, "there is no memory", "id", "GET", "/v1/memories/99999999999999999999", None, {"user": "fay"}),
        (400, "interval_ms must be", None, "GET", "/v1/memories/changes", None, {"user": "fay", "interval_ms": 1}),
        (400, "for imports only", None, "GET", "/v1/memories/export", None, {"user": "fay", "format": "mem0"}),
        (413, "larger than", None, "POST", "/v1/memories", {"memories": [{"text": "x" * HTTP_LIMIT_BYTES}]}, {"user": "fay"}),
    ]
    for status, says, param, verb, path, body, query in cases:
        await client.refused(status, says, param, verb, path, body, **query)
    for verb, path, status in (("GET", "/v1/memories/abc", 404), ("PUT", "/v1/memories", 405), ("GET", "/v1/memories/-1", 404)):
        assert (await client.raw(verb, path, {"user": "fay"})).status == status
    assert (await client.raw("POST", "/v1/memories", {"user": "fay"}, b"{")).status == 400
    assert [m["text"] for m in (await client.call("GET", "/v1/memories", user="fay"))["memories"]] == ["It rained."]


async def test_a_gateway_without_a_memory_says_so(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        for path in ("/v1/memories?user=ann", "/v1/memories/changes?user=ann"):
            answer = await http(gateway.url, "GET", path)
            assert answer.status == 400
            assert "no agent has a memory" in json.loads(answer.body)["error"]["message"]


async def test_pages_of_this_machine_may_use_all_verbs(client: Client) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "PATCH"}
    answer = await http(client.gateway.url, "OPTIONS", "/v1/memories/1", b"", headers)
    assert answer.status == 200
    assert {"PUT", "PATCH", "DELETE"} <= {verb.strip() for verb in answer.headers["access-control-allow-methods"].split(",")}
