"""The tools and resources as the SDK's own client uses them, over stdio and streamable HTTP, before a real server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent, TextResourceContents

from tests.mcp.conftest import over_http, stdio
from tests.support.commands import echorator, server
from tests.support.ports import free_port

READING = ["recall", "list_memories", "profile"]
WRITING = ["remember", "update_memory", "forget"]
MODELS = ["list_models", "chat", "embed"]
Place = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(params=["stdio", "http"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """What to give to `Client` for an MCP server with these arguments, in a context."""

    class Http:
        def __init__(self, *arguments: str) -> None:
            self._running = over_http(tmp_path / "log", *arguments)

        def __enter__(self) -> str:
            return self._running.__enter__()[1]

        def __exit__(self, *error: Any) -> None:
            self._running.__exit__(*error)

    return Http if request.param == "http" else lambda *arguments: nullcontext(stdio(*arguments))


async def called(client: Client, tool: str, **arguments: Any) -> tuple[str, Any]:
    """Call a tool that succeeds; return its text and its values, which have the schema that the tool says."""
    result = await client.call_tool(tool, arguments)
    text = result.content[0]
    assert isinstance(text, TextContent)
    assert not result.is_error, text.text
    schemas = {one.name: one.output_schema or {} for one in (await client.list_tools()).tools}
    jsonschema.validate(result.structured_content, schemas[tool])
    return text.text, result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    text = result.content[0]
    assert isinstance(text, TextContent)
    return text.text


async def read(client: Client, uri: str) -> str:
    contents = (await client.read_resource(uri)).contents[0]
    assert isinstance(contents, TextResourceContents)
    return contents.text


@pytest.mark.asyncio
async def test_a_memory_is_remembered_recalled_changed_and_forgotten(place: Place, served: str, user: str) -> None:
    with place("--server", served, "--user", user) as where:
        async with Client(where) as client:
            text, made = await called(client, "remember", text="My dog is called Pixel.", categories=["Pets"])
            assert text == f"Remembered as #{made['id']}."
            text, found = await called(client, "recall", query="What is my dog called?")
            assert "My dog is called Pixel." in text
            assert [one["id"] for one in found["memories"]] == [made["id"]]
            assert found["memories"][0]["categories"] == ["pets"]
            assert 0 <= found["memories"][0]["confidence"] <= 1
            text, profile = await called(client, "profile")
            assert text == "user's dog / name: Pixel" == await read(client, "echorator://profile")
            assert profile["facts"][0]["memory_ids"] == [made["id"]]

            text, later = await called(client, "remember", text="My dog is called Rex.")
            assert later["superseded_ids"] == [made["id"]]
            assert text.endswith(f"It replaces #{made['id']}.")
            _, changed = await called(client, "update_memory", id=later["id"], add_categories=["dogs"], pinned=True)
            assert (changed["categories"], changed["pinned"]) == (["dogs"], True)
            _, page = await called(client, "list_memories", limit=1)
            assert [one["holds"] for one in page["memories"]] == [False]
            _, rest = await called(client, "list_memories", cursor=page["next_cursor"])
            assert [one["id"] for one in rest["memories"]] == [later["id"]]
            assert rest["next_cursor"] == ""

            text, gone = await called(client, "forget", ids=[made["id"], later["id"]])
            assert (text, gone) == ("Erased 2 of 2 memories.", {"forgotten": 2})
            assert await called(client, "recall", query="my dog") == ("Nothing is remembered that bears on this.", {"memories": []})


@pytest.mark.asyncio
async def test_models_are_listed_and_answer_with_the_memory(place: Place, served: str, user: str) -> None:
    with place("--server", served, "--user", user) as where:
        async with Client(where) as client:
            text, listed = await called(client, "list_models")
            assert text == "echo-nano: llama Q8_0, ready, chat and embed"
            assert [(one["name"], one["generates"]) for one in listed["models"]] == [("echo-nano", True)]
            text, chatted = await called(client, "chat", prompt="Hello!", temperature=0)
            assert text == chatted["text"] != ""
            assert chatted["finish_reason"] == "stop"
            _, cut = await called(client, "chat", prompt="Hello!", temperature=0, max_tokens=1)
            assert cut["finish_reason"] == "length"
            _, made = await called(client, "remember", text="My dog is called Pixel.")
            question = {"prompt": "What is my dog called?", "temperature": 0, "model": "echo-nano"}
            text, chatted = await called(client, "chat", **question, use_memory=True)
            assert text == "Your dog's name is Pixel."
            assert made["id"] in chatted["recalled_ids"]
            assert "Pixel" not in (await called(client, "chat", **question))[0]
            _, vectors = await called(client, "embed", texts=["a dog", "a cat"])
            assert [sum(x * x for x in vector) for vector in vectors["vectors"]] == pytest.approx([1, 1], abs=1e-3)


@pytest.mark.asyncio
async def test_the_scope_is_that_of_the_options_and_a_call_may_name_a_session_only(served: str, user: str) -> None:
    async with Client(stdio("--server", served, "--user", user, "--agent", "tutor", "--tenant", "school", "--session", "monday")) as client:
        await called(client, "remember", text="I learn French.")
        await called(client, "remember", text="I learn Greek.", session="tuesday")
        _, found = await called(client, "list_memories")
        assert [one["session"] for one in found["memories"]] == ["monday", "tuesday"]
        for tool in ("recall", "list_memories"):
            _, found = await called(client, tool, session="tuesday", **({"query": "I learn"} if tool == "recall" else {}))
            assert [one["text"] for one in found["memories"]] == ["I learn Greek."]
        for field in ("user", "agent", "tenant", "scope"):
            assert f"{field}: Extra inputs are not permitted" in await refused(client, "recall", query="French", **{field: "bob"})
    async with Client(stdio("--server", served, "--user", user)) as other:
        assert await called(other, "list_memories") == ("No such memories.", {"memories": [], "next_cursor": ""})
    listed = echorator("memory", "list", "--user", user, "--agent", "tutor", "--tenant", "school", "--server", served)
    assert "I learn French." in listed.stdout


@pytest.mark.asyncio
async def test_which_tools_there_are_and_what_they_say_of_themselves(served: str, user: str) -> None:
    async def tools(*options: str) -> dict[str, Any]:
        async with Client(stdio("--server", served, "--user", user, *options)) as client:
            assert client.server_info is not None
            assert client.server_info.name == "echorator"
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    offered = await tools()
    assert [*offered] == READING + WRITING + MODELS
    for name, tool in offered.items():
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations.read_only_hint is (name not in (*WRITING, "chat"))
        assert tool.annotations.destructive_hint is (name in ("update_memory", "forget"))
        assert "Use it" in tool.description
        for field in tool.input_schema["properties"].values():
            assert field["description"].endswith(".")
    assert [*await tools("--no-models")] == READING + WRITING
    assert [*await tools("--read-only", "--no-models")] == READING
    assert (await tools("--read-only"))["chat"].annotations.read_only_hint is True


@pytest.mark.asyncio
async def test_read_only_changes_nothing(served: str, user: str) -> None:
    async with Client(stdio("--server", served, "--user", user, "--read-only")) as client:
        with pytest.raises(MCPError, match="there is no tool 'remember'; there are recall"):
            await client.call_tool("remember", {"text": "I am here."})
        nothing: tuple[str, Any] = ("Nothing is known yet.", {"facts": [], "standing": []})
        assert await called(client, "profile") == nothing
        assert await called(client, "recall", query="x") == ("Nothing is remembered that bears on this.", {"memories": []})
        assert await read(client, "echorator://goals") == "No goals are set."
        await called(client, "chat", prompt="My dog is called Pixel.", temperature=0, use_memory=True)
        _, found = await called(client, "list_memories")
        assert found["memories"] == []


@pytest.mark.asyncio
async def test_bad_arguments_are_named(served: str, user: str) -> None:
    async with Client(stdio("--server", served, "--user", user)) as client:
        assert await refused(client, "recall") == "recall: query: Field required"
        assert "limit: Input should be less than or equal to 100" in await refused(client, "recall", query="x", limit=101)
        said = await refused(client, "forget", ids=["secret words", -1])
        assert "ids.0: " in said
        assert "ids.1: " in said
        assert "secret words" not in said
        assert "nothing was ever remembered" in await refused(client, "update_memory", id=99, text="x")
        await called(client, "remember", text="I am here.")
        assert "99" in await refused(client, "update_memory", id=99, text="x")
        assert "echo-nano" in await refused(client, "chat", prompt="Hello!", model="nobody")
        assert "texts.1" in await refused(client, "embed", texts=["a", ""])
        assert await refused(client, "list_memories", cursor="nonsense")
        with pytest.raises(MCPError, match=r"there is no resource .*; there are echorator://profile"):
            await client.read_resource("echorator://nothing")
        assert await read(client, "echorator://goals") == "No goals are set."


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_yet(user: str, tmp_path: Path) -> None:
    port = str(free_port())
    async with Client(stdio("--server", f"127.0.0.1:{port}", "--user", user)) as client:
        assert "is `echorator serve --with-memory` running there?" in await refused(client, "recall", query="x")
        assert "is `echorator serve` running there?" in await refused(client, "chat", prompt="x")
        with pytest.raises(MCPError, match="cannot reach"):
            await client.read_resource("echorator://profile")
        with server("--port", port, "--threads", "1", "--with-memory", "--memory", str(tmp_path / "memory")):
            await called(client, "remember", text="I am here now.")
        with server("--port", port, "--threads", "1"):
            await called(client, "list_models")
            assert "has no memory; start it with `echorator serve --with-memory`" in await refused(client, "recall", query="x")


@pytest.mark.asyncio
async def test_without_a_named_server_the_way_to_start_one_is_said(user: str) -> None:
    async with Client(stdio("--user", user)) as client:
        said = await refused(client, "recall", query="x")
        assert "cannot reach 127.0.0.1:50051" in said
        assert said.endswith("`echorator up` starts a server with models and a memory on this machine.")
