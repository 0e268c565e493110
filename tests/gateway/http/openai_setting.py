"""The official OpenAI client before a gateway with a real agent, and two conversations whose answers are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from echorator.agent.mesh.mesh_session import MeshSettings
from tests.gateway.serving import Gateway, gatewaying
from tests.support.agents import Agent, serving
from tests.support.http_client import HttpAnswer, http
from tests.support.waiting import eventually

HELLO: Any = [{"role": "user", "content": "Hello!"}]
FACTS: Any = [
    {"role": "system", "content": "You are Echo, a helpful assistant with a memory.\nMemory:\n- My dog is called Pixel."},
    {"role": "user", "content": "What is my dog called?"},
]


ANSWER = "Your dog's name is Pixel."


class Setting:
    """What all tests here share."""

    def __init__(self, gateway: Gateway, agent: Agent) -> None:
        self.gateway = gateway
        self.agent = agent
        self.client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)

    async def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> HttpAnswer:
        return await http(self.gateway.url, "POST", path, body, headers)

    async def get(self, path: str) -> HttpAnswer:
        return await http(self.gateway.url, "GET", path)


@asynccontextmanager
async def setting_of(folder: Path, models: dict[str, Path], context_tokens: int) -> AsyncIterator[Setting]:
    async with gatewaying(folder) as gateway, serving(models, context_tokens=context_tokens) as agent:
        session = agent.server.join(MeshSettings(gateway.controller.address, "agent", agent.address))

        async def known() -> bool:
            names = gateway.role.fleet.models()
            return names == sorted(models) and all(gateway.role.fleet.find(name).any_open for name in names)

        await eventually(known, "the gateway knows the models")
        setting = Setting(gateway, agent)
        yield setting
        await setting.client.close()
        await session.close()
