"""The configurations of docs/guides/mcp.md start a server that the SDK's client can use."""

from __future__ import annotations

import json
import os

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.docs.blocks import ROOT, blocks_in
from tests.support.commands import COMMAND

GUIDE = ROOT / "docs" / "guides" / "mcp.md"


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "field"), [("mcp-servers", "mcpServers"), ("mcp-vscode", "servers")])
async def test_a_configuration_of_the_guide(name: str, field: str, served: str) -> None:
    (text,) = (block.text for block in blocks_in(GUIDE.read_text("utf-8"), GUIDE.name) if block.name == name)
    entry = json.loads(text)[field]["echorator"]
    assert entry["command"] == "echorator"
    arguments = [*COMMAND[1:], *entry["args"], "--server", served]
    async with Client(StdioServerParameters(command=COMMAND[0], args=arguments, env=dict(os.environ))) as client:
        assert not (await client.call_tool("recall", {"query": "What is my dog called?"})).is_error


def test_the_guide_names_every_tool() -> None:
    from echorator.mcp.calls import Calls, Whose
    from echorator.mcp.service import Service

    text = GUIDE.read_text("utf-8")
    for name in Service(Calls(""), Whose("ann"), read_only=False, models=True).tools:
        assert f"`{name}`" in text
