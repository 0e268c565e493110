"""Chats with a memory over HTTP: what may say whose memory it is, and what the answer says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.mesh.mesh_session import MeshSettings
from echorator.agent.server import AgentServer
from echorator.gateway.http.bodies import ChatCompletion, name_memory
from echorator.gateway.http.settings import HttpSettings
from echorator.host.hosted_memory import host_memory
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.gateway.serving import Gateway, gatewaying
from tests.support.models.pulling import no_pulls
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TELLS, ASKS = "My dog is called Pixel.", "What is my dog called?"


@asynccontextmanager
async def remembering(folder: Path, *by: str) -> AsyncIterator[Gateway]:
    """A gateway before an agent with a model and a memory."""
    settings = EngineSettings(embedded_model(), threads=1)
    agent = AgentServer(ServerSettings(port=0), settings, no_pulls())
    await host_memory(agent, str(folder / "memory"), "hashed")
    await agent.start()
    await agent.registry.load("echo", settings, lambda _stage, _fraction: None, checked=False)
    agent.serve()
    async with gatewaying(folder / "gateway", http_limits=HttpSettings(memory_by=by)) as gateway:
        session = agent.join(MeshSettings(gateway.controller.address, "agent", agent.address))

        async def known() -> bool:
            return "echo" in gateway.role.fleet.models() and gateway.role.fleet.find("echo").any_open

        await eventually(known, "the gateway knows the model")
        yield gateway
        await session.close()
    await agent.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with remembering(tmp_path_factory.mktemp("chats"), "user", "header") as running:
        yield running


async def chat(gateway: Gateway, text: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, default_headers=headers or {}) as client:
        messages: Any = [{"role": "user", "content": text}]
        return await client.chat.completions.create(model="echo", messages=messages, temperature=0, max_tokens=40, **more)


async def test_openai_s_user_says_whose_memory_a_chat_uses(gateway: Gateway) -> None:
    told = await chat(gateway, TELLS, user="ann")
    assert told.usage.memory["learned_ids"]
    asked = await chat(gateway, ASKS, user="ann")
    assert [r["id"] for r in asked.usage.memory["recalled"]] == told.usage.memory["learned_ids"]
    assert "Pixel" in asked.choices[0].message.content
    assert not (await chat(gateway, ASKS, user="ben")).usage.memory["recalled"]
    assert not hasattr((await chat(gateway, ASKS)).usage, "memory")


async def test_a_header_says_it_before_the_field(gateway: Gateway) -> None:
    told = await chat(gateway, TELLS, {"x-echorator-user": "zoe", "x-echorator-session": "s"}, user="other")
    assert told.usage.memory["learned_ids"]
    own = {"memory": {"user": "zoe"}}
    asked = await chat(gateway, ASKS, {"x-echorator-user": "nobody"}, user="nobody", extra_body=own)
    assert [r["id"] for r in asked.usage.memory["recalled"]] == told.usage.memory["learned_ids"], "the chat's own field goes first"


async def test_the_answer_says_what_was_kept_and_what_was_forgotten(gateway: Gateway) -> None:
    kept = (await chat(gateway, "Please remember that I am vegan.", user="carl")).usage.memory
    assert kept["confirmed_ids"]
    gone = (await chat(gateway, "Forget that I am vegan.", user="carl")).usage.memory
    assert gone["forgotten_ids"] == kept["confirmed_ids"]
    assert gone["learned_ids"] == []


async def test_a_streamed_answer_says_it_with_its_usage(gateway: Gateway) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": TELLS}]
        options: Any = {"include_usage": True}
        stream: Any = await client.chat.completions.create(
            model="echo", messages=messages, user="dora", stream=True, stream_options=options
        )
        usages = [chunk.usage async for chunk in stream if chunk.usage is not None]
    assert [bool(usage.memory["learned_ids"]) for usage in usages] == [True]


async def test_without_the_option_neither_names_a_memory(tmp_path: Path) -> None:
    async with remembering(tmp_path) as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as client:
            messages: Any = [{"role": "user", "content": TELLS}]
            raw = await client.chat.completions.with_raw_response.create(
                model="echo", messages=messages, user="ann", max_tokens=5, extra_headers={"x-echorator-user": "ann"}
            )
        assert raw.headers["x-echorator-ignored"] == "user"
        assert not hasattr(raw.parse().usage, "memory")


@pytest.mark.parametrize(
    ("by", "header", "user", "named", "heeded"),
    [
        ((), "h", "u", "", False),
        (("user",), "h", "u", "u", True),
        (("header",), "h", "u", "h", False),
        (("header",), "", "u", "", False),
        (("header",), "h", None, "h", True),
        (("header",), "z\u00f6e".encode().decode("latin-1"), None, "z\u00f6e", True),
        (("user",), "", 7, "", False),
        (("user",), "", "", "", False),
        (("user", "header"), "h", "u", "h", False),
        (("user", "header"), "", None, "", True),
    ],
)
async def test_what_may_name_a_memory(by: tuple[str, ...], header: str, user: Any, named: str, heeded: bool) -> None:
    body = ChatCompletion(messages=[], user=user, session="s")
    assert name_memory(body, body.user, {"x-echorator-user": header}, by) is heeded
    assert (body.memory.user if body.memory else "") == named
    assert body.memory is None or body.memory.session == "s"
